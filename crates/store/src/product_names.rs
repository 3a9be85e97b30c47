//! The ProductNames table: which of a merchant's products has which name, so that no two have one.

use aws_sdk_dynamodb::types::{Delete, Put, TransactWriteItem};
use domain::Product;

use crate::env::{MissingVariable, from_env};
use crate::item::{Item, item, text};

/// The ProductNames table.
#[derive(Debug, Clone)]
pub struct ProductNames {
    table: String,
}

/// The name is free, or the product's already.
const IS_FREE: &str = "attribute_not_exists(product_id) OR product_id = :product_id";

impl ProductNames {
    /// The table with this name.
    pub fn new(table: impl Into<String>) -> Self {
        ProductNames {
            table: table.into(),
        }
    }

    /// The table that `PRODUCT_NAMES_TABLE` names.
    ///
    /// # Errors
    /// When the variable is missing.
    pub fn from_env() -> Result<Self, MissingVariable> {
        Ok(Self::new(from_env("PRODUCT_NAMES_TABLE")?))
    }

    /// The write that gives a product its name, on condition that its merchant has no other product
    /// of that name.
    pub(crate) fn take(&self, product: &Product) -> TransactWriteItem {
        let mut entry = key(product);
        entry.insert("product_id".to_owned(), text(product.product_id));
        let put = Put::builder()
            .table_name(&self.table)
            .set_item(Some(entry))
            .condition_expression(IS_FREE)
            .expression_attribute_values(":product_id", text(product.product_id))
            .build()
            .expect("table and item are set");
        TransactWriteItem::builder().put(put).build()
    }

    /// The write that frees a product's name for others.
    pub(crate) fn free(&self, product: &Product) -> TransactWriteItem {
        let delete = Delete::builder()
            .table_name(&self.table)
            .set_key(Some(key(product)))
            .condition_expression(IS_FREE)
            .expression_attribute_values(":product_id", text(product.product_id))
            .build()
            .expect("table and key are set");
        TransactWriteItem::builder().delete(delete).build()
    }
}

fn key(product: &Product) -> Item {
    item([
        ("merchant_id", text(&product.merchant_id)),
        ("name", text(&product.name)),
    ])
}
