//! The Stock table: how many units there are. The only items that many buyers write at once.

use std::collections::{HashMap, HashSet};

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::types::{ReturnValuesOnConditionCheckFailure, TransactWriteItem, Update};
use domain::{ProductId, Shelf, Units};

use crate::batch_get::{Freshness, Wanted, batch_get};
use crate::env::{MissingVariable, from_env};
use crate::error::StoreError;
use crate::idempotency_keys::KeyClaim;
use crate::item::{Item, item, log_unreadable, number, read_number, read_text, readable, text};
use crate::transaction::{NotWritten, write_together};

/// The Stock table.
#[derive(Debug, Clone)]
pub struct Stock {
    client: Client,
    table: String,
}

/// The units of one product.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StockLevel {
    /// Units that can be bought.
    pub available: Units,
    /// Every unit ever stocked.
    pub supply: Units,
}

/// Why units were not put on the shelf.
#[derive(Debug, thiserror::Error)]
pub enum RestockError {
    /// The idempotency key stands for another request.
    #[error("the idempotency key stands for another request")]
    OtherRequest,
    /// The tables could not be read or written.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl Stock {
    /// The table with this name.
    pub fn new(client: &Client, table: impl Into<String>) -> Self {
        Stock {
            client: client.clone(),
            table: table.into(),
        }
    }

    /// The table that `STOCK_TABLE` names.
    ///
    /// # Errors
    /// When the variable is missing.
    pub fn from_env(client: &Client) -> Result<Self, MissingVariable> {
        Ok(Self::new(client, from_env("STOCK_TABLE")?))
    }

    /// The stock of these products, perhaps a moment old: to show, not to decide by. Products
    /// that were never stocked are left out, and those whose stock cannot be read.
    ///
    /// # Errors
    /// When the table cannot be read.
    pub async fn levels(
        &self,
        products: impl IntoIterator<Item = ProductId>,
    ) -> Result<HashMap<ProductId, StockLevel>, StoreError> {
        let items = self.read(products, Freshness::Eventual).await?;
        Ok(levels(&items))
    }

    /// What is available of these products right now, to decide by; and the products of which nobody
    /// can tell, because their stock cannot be read.
    ///
    /// # Errors
    /// When the table cannot be read.
    pub(crate) async fn shelf(
        &self,
        products: impl IntoIterator<Item = ProductId>,
    ) -> Result<(Shelf, HashSet<ProductId>), StoreError> {
        let items = self.read(products, Freshness::Consistent).await?;
        let mut shelf = Shelf::default();
        let mut unreadable = HashSet::new();
        for item in &items {
            let product = read_text(item, "product_id")?;
            match available(item) {
                Ok(available) => shelf.set(product, available),
                Err(error) => {
                    log_unreadable(item, &error);
                    unreadable.insert(product);
                }
            }
        }
        Ok((shelf, unreadable))
    }

    async fn read(
        &self,
        products: impl IntoIterator<Item = ProductId>,
        freshness: Freshness,
    ) -> Result<Vec<Item>, StoreError> {
        let [items] = batch_get(&self.client, [self.wanted(products, freshness)]).await?;
        Ok(items)
    }

    pub(crate) fn wanted(
        &self,
        products: impl IntoIterator<Item = ProductId>,
        freshness: Freshness,
    ) -> Wanted<'_> {
        Wanted {
            table: &self.table,
            keys: products.into_iter().map(key).collect(),
            freshness,
            attributes: None,
        }
    }

    /// Stocks a product for the first time. `false` when it was stocked before: then nothing
    /// changes, so that loading products again never undoes a sale.
    ///
    /// # Errors
    /// When the table cannot be written.
    pub async fn put_new(&self, product_id: ProductId, supply: Units) -> Result<bool, StoreError> {
        let put = self
            .client
            .put_item()
            .table_name(&self.table)
            .item("product_id", text(product_id))
            .item("available", number(supply))
            .item("supply", number(supply))
            .condition_expression("attribute_not_exists(product_id)")
            .send()
            .await;
        match put {
            Ok(_) => Ok(true),
            Err(error) => match error.as_service_error() {
                Some(service) if service.is_conditional_check_failed_exception() => Ok(false),
                _ => Err(error.into()),
            },
        }
    }

    /// The write that takes `units` off the shelf, on condition that they are there. When they are
    /// not, the cancelled transaction brings back what is: [`available`] reads it.
    pub(crate) fn take(&self, product_id: ProductId, units: Units) -> TransactWriteItem {
        let update = Update::builder()
            .table_name(&self.table)
            .set_key(Some(key(product_id)))
            .update_expression("SET available = available - :units")
            .condition_expression("available >= :units")
            .expression_attribute_values(":units", number(units))
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld)
            .build()
            .expect("table, key and expression are set");
        TransactWriteItem::builder().update(update).build()
    }

    /// The write that puts `units` back on the shelf.
    pub(crate) fn put_back(&self, product_id: ProductId, units: Units) -> TransactWriteItem {
        let update = Update::builder()
            .table_name(&self.table)
            .set_key(Some(key(product_id)))
            .update_expression("ADD available :units")
            .expression_attribute_values(":units", number(units))
            .build()
            .expect("table, key and expression are set");
        TransactWriteItem::builder().update(update).build()
    }

    /// Puts new units on the shelf: they add to the supply and are available at once, together.
    /// With `once`, a request that was done before changes nothing. Gives what is there then.
    ///
    /// # Errors
    /// As [`RestockError`] says.
    pub async fn restock(
        &self,
        product_id: ProductId,
        units: Units,
        once: Option<&KeyClaim>,
    ) -> Result<StockLevel, RestockError> {
        let add = Update::builder()
            .table_name(&self.table)
            .set_key(Some(key(product_id)))
            .update_expression("ADD available :units, supply :units")
            .expression_attribute_values(":units", number(units))
            .build()
            .expect("table, key and expression are set");
        // A transaction even where it is alone: an update whose answer is lost would be made again,
        // and units that nobody delivered would be sold.
        let mut writes = vec![TransactWriteItem::builder().update(add).build()];
        writes.extend(once.map(KeyClaim::claim));
        match write_together(&self.client, writes).await {
            Ok(()) => {}
            Err(NotWritten::Condition(reasons)) => {
                let claim = reasons.last();
                if !once.map_or(Ok(false), |once| once.was_done(claim))? {
                    return Err(RestockError::OtherRequest);
                }
            }
            Err(NotWritten::Store(error)) => return Err(error.into()),
        }
        let items = self.read([product_id], Freshness::Consistent).await?;
        let item = items.first().cloned().unwrap_or_default();
        Ok(stock_level(&item)?)
    }
}

fn key(product_id: ProductId) -> Item {
    item([("product_id", text(product_id))])
}

/// The stock that can be read.
pub(crate) fn levels(items: &[Item]) -> HashMap<ProductId, StockLevel> {
    let level = |item| Ok((read_text(item, "product_id")?, stock_level(item)?));
    readable(items, level).into_iter().collect()
}

fn stock_level(item: &Item) -> Result<StockLevel, StoreError> {
    Ok(StockLevel {
        available: available(item)?,
        supply: read_number(item, "supply")?,
    })
}

/// The units available, from a stock item.
pub(crate) fn available(item: &Item) -> Result<Units, StoreError> {
    read_number(item, "available")
}
