//! What a checkout needs to know of a product: what it is, and what is left of it. Two tables, read in
//! one call.

use std::collections::HashMap;

use aws_sdk_dynamodb::Client;
use domain::{Product, ProductId, Units};

use crate::batch_get::{Freshness, batch_get};
use crate::env::MissingVariable;
use crate::error::StoreError;
use crate::products::{self, Products};
use crate::stock::{self, Stock};

/// The Products and the Stock table side by side.
#[derive(Debug, Clone)]
pub struct Offers {
    client: Client,
    products: Products,
    stock: Stock,
}

/// A product with what is left of it.
#[derive(Debug, Clone, PartialEq)]
pub struct Offer {
    /// The product.
    pub product: Product,
    /// Units that can be bought, perhaps a moment ago; `None` when it was never stocked, or when its
    /// stock cannot be read.
    pub available: Option<Units>,
}

impl Offers {
    /// These two tables.
    pub fn new(client: &Client, products: Products, stock: Stock) -> Self {
        Offers {
            client: client.clone(),
            products,
            stock,
        }
    }

    /// The tables that `PRODUCTS_TABLE` and `STOCK_TABLE` name.
    ///
    /// # Errors
    /// When a variable is missing.
    pub fn from_env(client: &Client) -> Result<Self, MissingVariable> {
        let (products, stock) = (Products::from_env(client)?, Stock::from_env(client)?);
        Ok(Self::new(client, products, stock))
    }

    /// The products that exist among these, but for those that cannot be read. None may be given twice.
    ///
    /// # Errors
    /// When a table cannot be read.
    pub async fn get_many(
        &self,
        products: &[ProductId],
    ) -> Result<HashMap<ProductId, Offer>, StoreError> {
        let wanted = [
            self.products.wanted(products.iter().copied()),
            self.stock
                .wanted(products.iter().copied(), Freshness::Eventual),
        ];
        let [products, stock] = batch_get(&self.client, wanted).await?;
        let levels = stock::levels(&stock);
        let offer = |(product_id, product)| {
            let available = levels.get(&product_id).map(|level| level.available);
            (product_id, Offer { product, available })
        };
        Ok(products::by_id(&products).into_iter().map(offer).collect())
    }
}
