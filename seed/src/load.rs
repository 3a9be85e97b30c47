//! Loading a catalogue's products into a shop.

use anyhow::{Result, bail};
use futures_util::{StreamExt, TryStreamExt, stream};
use store::{ProductError, ProductNames, Products, Stock};

use crate::catalogue::{Catalogue, Offer};

/// Products written at the same time.
const PARALLEL: usize = 16;

/// The counts of a load.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Loaded {
    /// Products that were new to the shop.
    pub products: usize,
    /// Products that had no stock entry before.
    pub stocked: usize,
}

/// The tables that a product is written to.
#[derive(Debug, Clone)]
pub struct Shelves {
    pub products: Products,
    pub names: ProductNames,
    pub stock: Stock,
}

/// Loads a catalogue's products into the shop. Calls `progress` after each product with the number done.
///
/// Only missing entries are written. So a load may be repeated at any time, also after it was interrupted:
/// it never undoes a sale or a merchant's change.
///
/// # Errors
/// When a table cannot be read or written, or a merchant sells another product under the name of one
/// of these. Products that were loaded until then stay.
pub async fn load(
    shelves: &Shelves,
    catalogue: &Catalogue,
    mut progress: impl FnMut(usize),
) -> Result<Loaded> {
    let offers = catalogue.offers();
    let known = shelves
        .products
        .get_many(offers.iter().map(|offer| offer.product_id))
        .await?;
    let mut writes = stream::iter(offers)
        .map(|offer| {
            let is_new = !known.contains_key(&offer.product_id);
            shelves.put_on_sale(offer, is_new)
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

impl Shelves {
    /// Writes the stock first, so that shoppers can buy a product as soon as they can see it.
    async fn put_on_sale(&self, offer: &Offer, is_new: bool) -> Result<Loaded> {
        let stocked = self.stock.put_new(offer.product_id, offer.supply).await?;
        let created = is_new && self.create(offer).await?;
        Ok(Loaded {
            products: created.into(),
            stocked: stocked.into(),
        })
    }

    /// Creates the product, unless another load of the same catalogue was faster.
    async fn create(&self, offer: &Offer) -> Result<bool> {
        match self.products.create(&self.names, &offer.product()?).await {
            Ok(()) => Ok(true),
            Err(ProductError::Changed) => Ok(false),
            Err(ProductError::NameTaken) => bail!(
                "{} sells something else under the name {:?}",
                offer.merchant_id,
                offer.name.as_str()
            ),
            Err(ProductError::Store(error)) => Err(error.into()),
        }
    }
}
