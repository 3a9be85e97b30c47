//! Offering, changing and stocking products: each merchant their own alone.

use domain::{
    Basket, Description, MerchantId, Money, Product, ProductId, ProductName, Quantity, Units,
    UserId,
};
use jiff::Timestamp;
use store::{IdempotencyKeys, KeyClaim, ProductError, ProductNames, Products, Stock, StockLevel};
use uuid::Uuid;

use crate::error::{Resource, ShopError};
use crate::idempotency::Action;

/// Offers, changes and stocks products.
#[derive(Debug)]
pub struct CatalogueService {
    /// What is for sale.
    pub products: Products,
    /// The names that each merchant's products have.
    pub names: ProductNames,
    /// What is left of each product.
    pub stock: Stock,
    /// The keys of requests that may be sent again.
    pub keys: IdempotencyKeys,
}

/// A product that a merchant wants to sell.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewProduct {
    /// What shoppers read first.
    pub name: ProductName,
    /// A few sentences.
    pub description: Description,
    /// Of one unit.
    pub price: Money,
}

/// A change of a product: what is `None` stays as it is.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ProductChange {
    /// The new name.
    pub name: Option<ProductName>,
    /// The new description.
    pub description: Option<Description>,
    /// The new price.
    pub price: Option<Money>,
}

/// The versions of a product that a change is meant for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ExpectedVersion {
    /// Whatever the product has become.
    Any,
    /// One of these, as the merchant saw it.
    OneOf(Vec<u64>),
}

/// How often a product that keeps changing is loaded again before the merchant is asked to wait.
const ATTEMPTS: usize = 4;

impl CatalogueService {
    /// Offers a new product, with nothing in stock yet.
    ///
    /// # Errors
    /// When the merchant has another product of this name.
    pub async fn offer(
        &self,
        merchant_id: MerchantId,
        offer: NewProduct,
    ) -> Result<Product, ShopError> {
        let now = Timestamp::now();
        let product = Product {
            product_id: Uuid::now_v7().try_into().expect("any UUID will do"),
            merchant_id,
            name: offer.name,
            description: offer.description,
            price: offer.price,
            version: 1,
            created_at: now,
            updated_at: now,
        };
        self.products.create(&self.names, &product).await?;
        tracing::info!(product_id = %product.product_id, "product offered");
        Ok(product)
    }

    /// Changes a merchant's product, and returns it with the units that can be bought.
    ///
    /// # Errors
    /// When the product is not the merchant's, has a version that the change is not meant for, or
    /// would get a name that another one has.
    pub async fn change(
        &self,
        merchant: &MerchantId,
        product_id: ProductId,
        change: &ProductChange,
        expected: &ExpectedVersion,
    ) -> Result<(Product, Units), ShopError> {
        for _ in 0..ATTEMPTS {
            let before = self.own(merchant, product_id).await?;
            if !expected.allows(before.version) {
                return Err(ShopError::ProductChanged);
            }
            let after = change.applied_to(&before);
            match self.products.update(&self.names, &before, &after).await {
                Ok(()) => {
                    tracing::info!(%product_id, version = after.version, "product changed");
                    let available = self.available(product_id).await?;
                    return Ok((after, available));
                }
                // Another change was faster. One that names its version fails in the next round; any other is
                // made on top.
                Err(ProductError::Changed) => {}
                Err(error) => return Err(error.into()),
            }
        }
        Err(ShopError::keeps_changing("product"))
    }

    /// Adds units to the stock of a merchant's product, once for each key of this caller.
    ///
    /// # Errors
    /// When the product is not the merchant's, or the key is another request's.
    pub async fn restock(
        &self,
        merchant: &MerchantId,
        caller: &UserId,
        product_id: ProductId,
        quantity: Quantity,
        key: Option<&str>,
    ) -> Result<StockLevel, ShopError> {
        self.own(merchant, product_id).await?;
        let once = key.map(|key| self.once(caller, key, product_id, quantity));
        let units = quantity.units();
        let level = self.stock.restock(product_id, units, once.as_ref()).await?;
        tracing::info!(%product_id, units, supply = level.supply, "product stocked");
        Ok(level)
    }

    fn once(&self, caller: &UserId, key: &str, product: ProductId, quantity: Quantity) -> KeyClaim {
        let mut delivery = Basket::default();
        let added = delivery.add(product, quantity);
        added.expect("there is room in an empty basket");
        let digest = Action::Restock.digest(&delivery);
        self.keys.once(caller, key, &digest, Timestamp::now())
    }

    /// The merchant's own product.
    async fn own(&self, merchant: &MerchantId, product: ProductId) -> Result<Product, ShopError> {
        let mut found = self.products.get_many([product]).await?;
        let found = found.remove(&product);
        let product = found.ok_or(ShopError::NotFound(Resource::Product))?;
        if product.merchant_id != *merchant {
            return Err(ShopError::NotYours);
        }
        Ok(product)
    }

    async fn available(&self, product_id: ProductId) -> Result<Units, ShopError> {
        let levels = self.stock.levels([product_id]).await?;
        Ok(levels.get(&product_id).map_or(0, |level| level.available))
    }
}

impl ProductChange {
    /// Whether everything stays as it is.
    pub fn is_empty(&self) -> bool {
        self.name.is_none() && self.description.is_none() && self.price.is_none()
    }

    fn applied_to(&self, before: &Product) -> Product {
        let (name, description) = (self.name.as_ref(), self.description.as_ref());
        Product {
            name: name.unwrap_or(&before.name).clone(),
            description: description.unwrap_or(&before.description).clone(),
            price: self.price.unwrap_or(before.price),
            version: before.version + 1,
            updated_at: Timestamp::now(),
            ..before.clone()
        }
    }
}

impl ExpectedVersion {
    /// Whether the change is meant for this version.
    pub fn allows(&self, version: u64) -> bool {
        match self {
            ExpectedVersion::Any => true,
            ExpectedVersion::OneOf(versions) => versions.contains(&version),
        }
    }
}

#[cfg(test)]
mod tests {
    use domain::fixtures::{product, product_id};

    use super::*;

    #[test]
    fn a_change_leaves_alone_what_it_does_not_name() {
        let before = product(product_id(1));
        let change = ProductChange {
            name: Some("Green tea".parse().unwrap()),
            ..ProductChange::default()
        };
        let after = change.applied_to(&before);
        let expected = Product {
            name: "Green tea".parse().unwrap(),
            version: 2,
            updated_at: after.updated_at,
            ..before.clone()
        };
        assert_eq!(after, expected);
        assert!(after.updated_at > before.updated_at);
    }
}
