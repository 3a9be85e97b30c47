//! Putting a catalogue's products into the shop.

use anyhow::Result;
use futures_util::{StreamExt, TryStreamExt, stream};
use store::{Products, Stock};

use crate::catalogue::{Catalogue, Offer};

/// Products written side by side.
const PARALLEL: usize = 16;

/// What came of loading a catalogue.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Loaded {
    /// Products that the shop did not have.
    pub products: usize,
    /// Products that were put on the shelf for the first time.
    pub stocked: usize,
}

/// Puts a catalogue's products into the shop, and calls `progress` with the number done after each.
///
/// Only what is missing is written. So it may run again at any time, also after it was cut short:
/// it never undoes a sale, and never what a merchant has changed since.
///
/// # Errors
/// When a table cannot be read or written; what was loaded until then stays.
pub async fn load(
    products: &Products,
    stock: &Stock,
    catalogue: &Catalogue,
    mut progress: impl FnMut(usize),
) -> Result<Loaded> {
    let offers = catalogue.offers();
    let known = products
        .get_many(offers.iter().map(|offer| offer.product_id))
        .await?;
    let mut writes = stream::iter(offers)
        .map(|offer| {
            let is_new = !known.contains_key(&offer.product_id);
            put_on_sale(products, stock, offer, is_new)
        })
        .buffer_unordered(PARALLEL);
    let mut loaded = Loaded::default();
    let mut done = 0;
    while let Some(one) = writes.try_next().await? {
        loaded.products += one.products;
        loaded.stocked += one.stocked;
        done += 1;
        progress(done);
    }
    Ok(loaded)
}

/// The stock comes first: whatever shoppers can see, they can buy.
async fn put_on_sale(
    products: &Products,
    stock: &Stock,
    offer: &Offer,
    is_new: bool,
) -> Result<Loaded> {
    let stocked = stock.put_new(offer.product_id, offer.supply).await?;
    if is_new {
        products.put(&offer.product()?).await?;
    }
    Ok(Loaded {
        products: is_new.into(),
        stocked: stocked.into(),
    })
}
