//! Putting a catalogue's products into the shop.

use anyhow::{Result, bail};
use futures_util::{StreamExt, TryStreamExt, stream};
use store::{ProductError, ProductNames, Products, Stock};

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

/// The tables that make a product one that shoppers can buy and its merchant can manage.
#[derive(Debug, Clone)]
pub struct Shelves {
    /// What is offered.
    pub products: Products,
    /// Under which names.
    pub names: ProductNames,
    /// How many units there are.
    pub stock: Stock,
}

/// Puts a catalogue's products into the shop, and calls `progress` with the number done after each.
///
/// Only what is missing is written. So it may run again at any time, also after it was cut short:
/// it never undoes a sale, and never what a merchant has changed since.
///
/// # Errors
/// When a table cannot be read or written, or a merchant sells something else under the name of one
/// of these products; what was loaded until then stays.
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
    /// The stock comes first: whatever shoppers can see, they can buy.
    async fn put_on_sale(&self, offer: &Offer, is_new: bool) -> Result<Loaded> {
        let stocked = self.stock.put_new(offer.product_id, offer.supply).await?;
        let created = is_new && self.create(offer).await?;
        Ok(Loaded {
            products: created.into(),
            stocked: stocked.into(),
        })
    }

    /// Offers the product, unless somebody else who loads the same catalogue was faster.
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
