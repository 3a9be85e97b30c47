//! Products made for a load test, with units enough that only what should sell out does.

use anyhow::Result;
use cloud::Cloud;
use domain::{MerchantId, Money, Product, ProductId, Units};
use jiff::Timestamp;
use store::{Products, Stock};
use uuid::Uuid;

/// Who sells them.
const MERCHANT: &str = "merchant-of-the-load-test";

/// Where to put products on sale.
#[derive(Debug, Clone)]
pub struct Shelves {
    products: Products,
    stock: Stock,
}

impl Shelves {
    /// The shelves of the shop at this cloud.
    ///
    /// # Errors
    /// When its tables cannot be found.
    pub async fn of(cloud: &Cloud) -> Result<Shelves> {
        let products = cloud.table("ProductsTable", None, "PRODUCTS_TABLE").await?;
        let stock = cloud.table("StockTable", None, "STOCK_TABLE").await?;
        Ok(Shelves {
            products: Products::new(cloud.dynamodb(), products),
            stock: Stock::new(cloud.dynamodb(), stock),
        })
    }

    /// Puts a new product on sale.
    ///
    /// # Errors
    /// When a table cannot be written.
    pub async fn add(&self, name: &str, units: Units) -> Result<ProductId> {
        let now = Timestamp::now();
        let product = Product {
            product_id: ProductId::try_from(Uuid::now_v7())?,
            merchant_id: MERCHANT.parse::<MerchantId>()?,
            name: name.to_owned().try_into()?,
            description: "Made for a load test.".to_owned().try_into()?,
            price: Money::price(10.into())?,
            version: 1,
            created_at: now,
            updated_at: now,
        };
        self.stock.put_new(product.product_id, units).await?;
        self.products.put(&product).await?;
        Ok(product.product_id)
    }
}
