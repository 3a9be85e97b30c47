//! What this process has just seen on the shelf, so that a product that is sold out costs the books
//! one read a second and not one a buyer.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use domain::{Basket, ProductId, Shortage, Units};
use store::{Stock, StoreError};

/// How long what was seen counts. A restock shows after this time at most.
const REMEMBERED: Duration = Duration::from_secs(1);

/// Products remembered at a time; beyond that, those no longer fresh are forgotten.
const MOST_PRODUCTS: usize = 10_000;

/// The stock of products as seen within the last second.
pub(crate) struct StockMemory {
    stock: Stock,
    seen: Mutex<HashMap<ProductId, Seen>>,
}

#[derive(Clone, Copy)]
struct Seen {
    /// None for a product that was never stocked: whether there is such a product, others know.
    available: Option<Units>,
    at: Instant,
}

impl Seen {
    fn is_fresh(&self, now: Instant) -> bool {
        now.duration_since(self.at) < REMEMBERED
    }
}

impl StockMemory {
    pub(crate) fn of(stock: Stock) -> Self {
        StockMemory {
            stock,
            seen: Mutex::default(),
        }
    }

    /// Those of the basket's products that are sold out: that have no unit left at all. Asks the
    /// books only for products it has not seen within the last second.
    pub(crate) async fn sold_out(&self, basket: &Basket) -> Result<Vec<Shortage>, StoreError> {
        let now = Instant::now();
        let unknown: Vec<ProductId> = basket
            .products()
            .filter(|product| !self.is_known(*product, now))
            .collect();
        if !unknown.is_empty() {
            let levels = self.stock.levels(unknown.iter().copied()).await?;
            let mut seen = self.seen();
            if seen.len() + unknown.len() > MOST_PRODUCTS {
                seen.retain(|_, seen| seen.is_fresh(now));
            }
            seen.extend(unknown.into_iter().map(|product| {
                let available = levels.get(&product).map(|level| level.available);
                (product, Seen { available, at: now })
            }));
        }
        let seen = self.seen();
        let nothing_left = |(product, _): &(ProductId, _)| seen[product].available == Some(0);
        let short = |(product_id, requested)| Shortage {
            product_id,
            requested,
            available: 0,
        };
        Ok(basket.iter().filter(nothing_left).map(short).collect())
    }

    fn is_known(&self, product: ProductId, now: Instant) -> bool {
        self.seen()
            .get(&product)
            .is_some_and(|seen| seen.is_fresh(now))
    }

    /// Never held across a wait. A half-made change cannot be left behind, so poison means nothing.
    fn seen(&self) -> MutexGuard<'_, HashMap<ProductId, Seen>> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
