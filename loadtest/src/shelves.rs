//! Puts products on sale for a load test.

use anyhow::Result;
use deployment::Deployment;
use domain::{MerchantId, Money, Product, ProductId, Units};
use jiff::Timestamp;
use store::{Products, Stock};
use uuid::Uuid;

const MERCHANT: &str = "merchant-of-the-load-test";

/// The tables of products and stock.
#[derive(Debug, Clone)]
pub struct Shelves {
    products: Products,
    stock: Stock,
}

impl Shelves {
    pub async fn of(deployment: &Deployment) -> Result<Shelves> {
        let products = deployment
            .table("ProductsTable", None, "PRODUCTS_TABLE")
            .await?;
        let stock = deployment.table("StockTable", None, "STOCK_TABLE").await?;
        Ok(Shelves {
            products: Products::new(deployment.dynamodb(), products),
            stock: Stock::new(deployment.dynamodb(), stock),
        })
    }

    /// Puts a new product with so many units on sale.
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
