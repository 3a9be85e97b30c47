//! The Products table: what merchants offer. A checkout reads it and never writes it.

use std::collections::HashMap;

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::types::builders::PutBuilder;
use aws_sdk_dynamodb::types::{
    CancellationReason, Put, ReturnValuesOnConditionCheckFailure, TransactWriteItem,
};
use domain::{Money, Product, ProductId, ProductName};
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};

use crate::batch_get::{Freshness, Wanted, batch_get};
use crate::env::{MissingVariable, from_env};
use crate::error::StoreError;
use crate::item::{Item, checked, item, number, read_number, read_text, readable, text};
use crate::page::Page;
use crate::product_names::ProductNames;
use crate::transaction::{NotWritten, condition_failed, write_together};

/// The index that lists products by name.
const BY_NAME: &str = "by-name";

/// The one value of the index's partition key: every product that is for sale.
const CATALOGUE: &str = "public";

/// The Products table.
#[derive(Debug, Clone)]
pub struct Products {
    client: Client,
    table: String,
}

/// A place in the list of products by name.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProductPosition {
    /// The name of the last product seen.
    pub name: ProductName,
    /// Its id, as names are not unique.
    pub product_id: ProductId,
}

/// Why a product was not written.
#[derive(Debug, thiserror::Error)]
pub enum ProductError {
    /// Its merchant has another product of this name.
    #[error("the merchant has another product of this name")]
    NameTaken,
    /// It is no longer as it was loaded: load it and look again.
    #[error("the product changed meanwhile")]
    Changed,
    /// The tables could not be written.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl Products {
    /// The table with this name.
    pub fn new(client: &Client, table: impl Into<String>) -> Self {
        Products {
            client: client.clone(),
            table: table.into(),
        }
    }

    /// The table that `PRODUCTS_TABLE` names.
    ///
    /// # Errors
    /// When the variable is missing.
    pub fn from_env(client: &Client) -> Result<Self, MissingVariable> {
        Ok(Self::new(client, from_env("PRODUCTS_TABLE")?))
    }

    /// One product.
    ///
    /// # Errors
    /// When the table cannot be read.
    pub async fn get(&self, product_id: ProductId) -> Result<Option<Product>, StoreError> {
        let answer = self
            .client
            .get_item()
            .table_name(&self.table)
            .set_key(Some(key(product_id)))
            .send()
            .await?;
        answer.item.as_ref().map(read_product).transpose()
    }

    /// The products that exist among these, but for those that cannot be read. None may be given twice.
    ///
    /// # Errors
    /// When the table cannot be read.
    pub async fn get_many(
        &self,
        products: impl IntoIterator<Item = ProductId>,
    ) -> Result<HashMap<ProductId, Product>, StoreError> {
        let [items] = batch_get(&self.client, [self.wanted(products)]).await?;
        Ok(by_id(&items))
    }

    pub(crate) fn wanted(&self, products: impl IntoIterator<Item = ProductId>) -> Wanted<'_> {
        Wanted {
            table: &self.table,
            keys: products.into_iter().map(key).collect(),
            freshness: Freshness::Consistent,
            attributes: None,
        }
    }

    /// Up to `limit` products in the order of their names, from behind `after` on.
    /// One that cannot be read is left out.
    ///
    /// # Errors
    /// When the table cannot be read.
    pub async fn page(
        &self,
        limit: usize,
        after: Option<&ProductPosition>,
    ) -> Result<Page<Product, ProductPosition>, StoreError> {
        let start = after.map(|after| {
            item([
                ("catalogue", text(CATALOGUE)),
                ("name", text(&after.name)),
                ("product_id", text(after.product_id)),
            ])
        });
        let answer = self
            .client
            .query()
            .table_name(&self.table)
            .index_name(BY_NAME)
            .key_condition_expression("catalogue = :catalogue")
            .expression_attribute_values(":catalogue", text(CATALOGUE))
            .limit(limit.try_into().unwrap_or(i32::MAX))
            .set_exclusive_start_key(start)
            .send()
            .await?;
        Ok(Page {
            items: readable(answer.items(), read_product),
            next: answer
                .last_evaluated_key
                .as_ref()
                .map(read_position)
                .transpose()?,
        })
    }

    /// Offers a new product.
    ///
    /// # Errors
    /// As [`ProductError`] says; then nothing is written.
    pub async fn create(
        &self,
        names: &ProductNames,
        product: &Product,
    ) -> Result<(), ProductError> {
        let is_new = Put::builder().condition_expression("attribute_not_exists(product_id)");
        let writes = vec![self.write(is_new, product), names.take(product)];
        self.write_together(writes, product).await
    }

    /// Changes a product, on condition that it still has the version it was loaded with.
    ///
    /// # Errors
    /// As [`ProductError`] says; then nothing is written.
    ///
    /// # Panics
    /// When `after` is another product, or not the next version.
    pub async fn update(
        &self,
        names: &ProductNames,
        before: &Product,
        after: &Product,
    ) -> Result<(), ProductError> {
        assert_eq!(before.product_id, after.product_id);
        assert_eq!(before.merchant_id, after.merchant_id);
        assert_eq!(before.version + 1, after.version);
        let is_as_loaded = Put::builder()
            .condition_expression("version = :version")
            .expression_attribute_values(":version", number(before.version))
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld);
        let mut writes = vec![self.write(is_as_loaded, after)];
        if before.name != after.name {
            writes.extend([names.take(after), names.free(before)]);
        }
        self.write_together(writes, after).await
    }

    fn write(&self, condition: PutBuilder, product: &Product) -> TransactWriteItem {
        let put = condition
            .table_name(&self.table)
            .set_item(Some(product_item(product)))
            .build()
            .expect("table and item are set");
        TransactWriteItem::builder().put(put).build()
    }

    /// Makes the writes, the product's own first and then that of its new name.
    async fn write_together(
        &self,
        writes: Vec<TransactWriteItem>,
        product: &Product,
    ) -> Result<(), ProductError> {
        let reasons = match write_together(&self.client, writes).await {
            Ok(()) => return Ok(()),
            Err(NotWritten::Condition(reasons)) => reasons,
            Err(NotWritten::Store(error)) => return Err(error.into()),
        };
        let there = reasons.first().and_then(CancellationReason::item);
        if there.map(read_product).transpose()?.as_ref() == Some(product) {
            return Ok(());
        }
        Err(match reasons.as_slice() {
            [own, ..] if condition_failed(own) => ProductError::Changed,
            _ => ProductError::NameTaken,
        })
    }

    /// Writes a product, over whatever was there.
    ///
    /// # Errors
    /// When the table cannot be written.
    pub async fn put(&self, product: &Product) -> Result<(), StoreError> {
        self.client
            .put_item()
            .table_name(&self.table)
            .set_item(Some(product_item(product)))
            .send()
            .await?;
        Ok(())
    }
}

/// The products that can be read.
pub(crate) fn by_id(items: &[Item]) -> HashMap<ProductId, Product> {
    let read = |item| read_product(item).map(|product| (product.product_id, product));
    readable(items, read).into_iter().collect()
}

fn key(product_id: ProductId) -> Item {
    item([("product_id", text(product_id))])
}

fn read_position(key: &Item) -> Result<ProductPosition, StoreError> {
    Ok(ProductPosition {
        name: checked("name", read_text::<String>(key, "name")?)?,
        product_id: read_text(key, "product_id")?,
    })
}

fn product_item(product: &Product) -> Item {
    item([
        ("product_id", text(product.product_id)),
        ("catalogue", text(CATALOGUE)),
        ("merchant_id", text(&product.merchant_id)),
        ("name", text(&product.name)),
        ("description", text(&product.description)),
        ("price", number(product.price)),
        ("created_at", text(product.created_at)),
        ("version", number(product.version)),
        ("updated_at", text(product.updated_at)),
    ])
}

fn read_product(item: &Item) -> Result<Product, StoreError> {
    let price: Decimal = read_number(item, "price")?;
    Ok(Product {
        product_id: read_text(item, "product_id")?,
        merchant_id: read_text(item, "merchant_id")?,
        name: checked("name", read_text::<String>(item, "name")?)?,
        description: read_text(item, "description")?,
        price: checked::<Money, _>("price", price)?,
        version: read_number(item, "version")?,
        created_at: read_text(item, "created_at")?,
        updated_at: read_text(item, "updated_at")?,
    })
}
