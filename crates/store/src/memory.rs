//! What this process has just seen of the shelves. Everybody wants the same few products in a rush: so
//! each costs the books a read or two a second, not a buyer, and no partition's limit of 3,000 read
//! units a second bounds how many shoppers are served.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use domain::ProductId;

use crate::error::StoreError;

/// How long what was seen counts. A new price and a restock show after this time at most.
const REMEMBERED: Duration = Duration::from_secs(1);

/// Products remembered at a time; beyond that, those no longer fresh are forgotten.
const MOST_PRODUCTS: usize = 10_000;

/// What was seen of products within the last second. That something is not there is not remembered.
#[derive(Debug)]
pub struct Memory<V>(Mutex<HashMap<ProductId, Seen<V>>>);

#[derive(Debug)]
struct Seen<V> {
    value: V,
    at: Instant,
}

impl<V> Default for Memory<V> {
    fn default() -> Self {
        Memory(Mutex::default())
    }
}

impl<V: Clone> Memory<V> {
    /// What there is of these products. Reads only what was not seen within the last second.
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
