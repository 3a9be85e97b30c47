//! What this process has just seen on the shelves. Everybody wants the same few products in a rush:
//! so each costs the books a read or two a second, not a buyer, and no partition's limit of 3,000
//! read units a second bounds how fast checkouts are accepted.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use domain::{Basket, Product, ProductId, Shortage};
use store::{Products, Stock, StockLevel, StoreError};

/// How long what was seen counts. A new price and a restock show after this time at most.
const REMEMBERED: Duration = Duration::from_secs(1);

/// Products remembered at a time; beyond that, those no longer fresh are forgotten.
const MOST_PRODUCTS: usize = 10_000;

/// The shelves as seen within the last second.
pub(crate) struct ShelfMemory {
    products: Products,
    stock: Stock,
    offers: Memory<Product>,
    levels: Memory<StockLevel>,
}

impl ShelfMemory {
    pub(crate) fn of(products: Products, stock: Stock) -> Self {
        ShelfMemory {
            products,
            stock,
            offers: Memory::default(),
            levels: Memory::default(),
        }
    }

    /// The basket's products, as far as the shop has them.
    pub(crate) async fn products(
        &self,
        basket: &Basket,
    ) -> Result<HashMap<ProductId, Product>, StoreError> {
        let read = async |unknown| self.products.get_many(unknown).await;
        self.offers.look_up(basket, read).await
    }

    /// Those of the basket's products that are sold out: that have no unit left at all.
    pub(crate) async fn sold_out(&self, basket: &Basket) -> Result<Vec<Shortage>, StoreError> {
        let read = async |unknown| self.stock.levels(unknown).await;
        let levels = self.levels.look_up(basket, read).await?;
        let nothing_left = |(product, _): &(ProductId, _)| {
            levels
                .get(product)
                .is_some_and(|level| level.available == 0)
        };
        let short = |(product_id, requested)| Shortage {
            product_id,
            requested,
            available: 0,
        };
        Ok(basket.iter().filter(nothing_left).map(short).collect())
    }
}

struct Memory<V>(Mutex<HashMap<ProductId, Seen<V>>>);

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
    /// What there is of a basket's products. Reads only what was not seen within the last second.
    async fn look_up(
        &self,
        basket: &Basket,
        read: impl AsyncFnOnce(Vec<ProductId>) -> Result<HashMap<ProductId, V>, StoreError>,
    ) -> Result<HashMap<ProductId, V>, StoreError> {
        let now = Instant::now();
        let (mut known, unknown) = self.recall(basket.products(), now);
        if !unknown.is_empty() {
            let found = read(unknown).await?;
            self.remember(&found, now);
            known.extend(found);
        }
        Ok(known)
    }

    fn recall(
        &self,
        products: impl Iterator<Item = ProductId>,
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
