//! What this process has just seen of the shelves. Everybody wants the same few products in a rush: so
//! a process reads each of them once a second, not once for each buyer.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use domain::ProductId;

use crate::error::StoreError;

/// How long what was seen counts: a new price and a restock show so much later.
const REMEMBERED: Duration = Duration::from_secs(1);

/// Products remembered at a time; beyond that, those no longer fresh are forgotten.
const MOST_PRODUCTS: usize = 10_000;

/// What was seen of products within the last second. That something is not there is not remembered.
#[derive(Debug)]
pub struct ProductCache<V>(Mutex<HashMap<ProductId, Seen<V>>>);

#[derive(Debug)]
struct Seen<V> {
    value: V,
    at: Instant,
}

impl<V> Default for ProductCache<V> {
    fn default() -> Self {
        ProductCache(Mutex::default())
    }
}

impl<V: Clone> ProductCache<V> {
    /// What there is of these products, of which none may be given twice. Reads only what was not seen
    /// within the last second.
    ///
    /// # Errors
    /// When reading fails.
    pub async fn look_up(
        &self,
        products: impl IntoIterator<Item = ProductId>,
        read: impl AsyncFnOnce(Vec<ProductId>) -> Result<HashMap<ProductId, V>, StoreError>,
    ) -> Result<HashMap<ProductId, V>, StoreError> {
        let now = Instant::now();
        let (mut known, unknown) = self.recall(products, now);
        if !unknown.is_empty() {
            let found = read(unknown).await?;
            self.remember(&found, now);
            known.extend(found);
        }
        Ok(known)
    }

    fn recall(
        &self,
        products: impl IntoIterator<Item = ProductId>,
        now: Instant,
    ) -> (HashMap<ProductId, V>, Vec<ProductId>) {
        let seen = self.seen();
        let mut known = HashMap::new();
        let mut unknown = Vec::new();
        for product in products {
            match seen.get(&product).filter(|seen| seen.is_fresh(now)) {
                Some(seen) => _ = known.insert(product, seen.value.clone()),
                None => unknown.push(product),
            }
        }
        (known, unknown)
    }

    fn remember(&self, found: &HashMap<ProductId, V>, now: Instant) {
        let mut seen = self.seen();
        if seen.len() + found.len() > MOST_PRODUCTS {
            seen.retain(|_, seen| seen.is_fresh(now));
        }
        seen.extend(found.iter().map(|(&product, value)| {
            let value = value.clone();
            (product, Seen { value, at: now })
        }));
    }

    /// Never held across a wait. A half-made change cannot be left behind, so poison means nothing.
    fn seen(&self) -> MutexGuard<'_, HashMap<ProductId, Seen<V>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<V> Seen<V> {
    fn is_fresh(&self, now: Instant) -> bool {
        now.duration_since(self.at) < REMEMBERED
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    fn product(number: u128) -> ProductId {
        Uuid::from_u128(number).try_into().expect("any will do")
    }

    #[tokio::test]
    async fn only_what_was_not_seen_is_read_and_what_is_not_there_again() {
        let [tea, coffee, absent] = [1, 2, 3].map(product);
        let memory = ProductCache::default();
        let mut reads = Vec::new();
        for wanted in [vec![tea, absent], vec![tea, coffee, absent]] {
            let read = async |unseen: Vec<ProductId>| {
                reads.push(unseen.clone());
                let there = unseen.into_iter().filter(|product| *product != absent);
                Ok(there.map(|product| (product, "good")).collect())
            };
            let found = memory.look_up(wanted.clone(), read).await.expect("is read");
            assert_eq!(found.len(), wanted.len() - 1);
        }
        assert_eq!(reads, [vec![tea, absent], vec![coffee, absent]]);
    }

    #[test]
    fn what_was_seen_counts_for_a_second() {
        let tea = product(1);
        let memory = ProductCache::default();
        let now = Instant::now();
        memory.remember(&HashMap::from([(tea, "good")]), now);
        let unseen = |at| memory.recall([tea], at).1;
        assert_eq!(unseen(now + REMEMBERED - Duration::from_millis(1)), []);
        assert_eq!(unseen(now + REMEMBERED), [tea]);
    }

    #[test]
    fn memory_is_bounded_by_what_is_fresh() {
        let memory = ProductCache::default();
        let now = Instant::now();
        let many = (0..MOST_PRODUCTS as u128).map(|number| (product(number), ()));
        memory.remember(&many.collect(), now);
        let one_more = HashMap::from([(product(u128::MAX), ())]);
        memory.remember(&one_more, now + REMEMBERED);
        assert_eq!(memory.seen().len(), 1);
    }
}
