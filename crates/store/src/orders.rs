//! The Orders table: what was decided, under the user it belongs to.

mod entering;
mod entry;

use std::collections::{HashMap, HashSet};
use std::time::Instant;

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::operation::put_item::PutItemError;
use aws_sdk_dynamodb::types::builders::PutBuilder;
use aws_sdk_dynamodb::types::{Put, ReturnValuesOnConditionCheckFailure, TransactWriteItem};
use domain::{Forbidden, Order, OrderId, OrderKey, OrderStatus, Transition, UserId};
use jiff::Timestamp;

use crate::batch_get::{Freshness, Wanted, batch_get};
use crate::env::{MissingVariable, from_env};
use crate::error::StoreError;
use crate::item::{Item, read_text, readable, text};
use crate::page::Page;
use crate::patience::{Backoff, CONFLICT_PATIENCE};

pub(crate) use entering::Attempt;
pub(crate) use entry::order_bytes;
use entry::{EVER_PAID, UNPAID_SHARDS, key, order_item, read_key, read_order, sortable};

/// The sparse index of orders that wait for payment, by the time it is due.
const UNPAID: &str = "unpaid";

/// The sparse index of orders that were ever paid, by status and then by order.
const FULFILMENT: &str = "fulfilment";

/// Why an order did not go a step further.
#[derive(Debug, thiserror::Error)]
pub enum AdvanceError {
    /// It is not in a state from which it could.
    #[error(transparent)]
    Forbidden(#[from] Forbidden),
    /// The table could not be written.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// The Orders table.
#[derive(Debug, Clone)]
pub struct Orders {
    client: Client,
    table: String,
}

impl Orders {
    /// The table with this name.
    pub fn new(client: &Client, table: impl Into<String>) -> Self {
        Orders {
            client: client.clone(),
            table: table.into(),
        }
    }

    /// The table that `ORDERS_TABLE` names.
    ///
    /// # Errors
    /// When the variable is missing.
    pub fn from_env(client: &Client) -> Result<Self, MissingVariable> {
        Ok(Self::new(client, from_env("ORDERS_TABLE")?))
    }

    /// One order of a user.
    ///
    /// # Errors
    /// When the table cannot be read.
    pub async fn get(
        &self,
        user_id: &UserId,
        order_id: OrderId,
    ) -> Result<Option<Order>, StoreError> {
        let answer = self
            .client
            .get_item()
            .table_name(&self.table)
            .set_key(Some(key(user_id, order_id)))
            .consistent_read(true)
            .send()
            .await?;
        answer.item.as_ref().map(read_order).transpose()
    }

    /// Up to `limit` orders of a user, newest first, from behind `after` on. One that cannot be read
    /// is left out.
    ///
    /// # Errors
    /// When the table cannot be read.
    pub async fn page(
        &self,
        user_id: &UserId,
        limit: usize,
        after: Option<OrderId>,
    ) -> Result<Page<Order, OrderId>, StoreError> {
        let answer = self
            .client
            .query()
            .table_name(&self.table)
            .key_condition_expression("user_id = :user_id")
            .expression_attribute_values(":user_id", text(user_id))
            .scan_index_forward(false)
            .limit(limit.try_into().unwrap_or(i32::MAX))
            .set_exclusive_start_key(after.map(|after| key(user_id, after)))
            .send()
            .await?;
        let next = answer.last_evaluated_key.as_ref();
        Ok(Page {
            items: readable(answer.items(), read_order),
            next: next.map(|last| read_text(last, "order_id")).transpose()?,
        })
    }

    /// Those of these orders that are decided already. No key may be given twice.
    pub(crate) async fn decided_among(
        &self,
        keys: impl IntoIterator<Item = OrderKey>,
    ) -> Result<HashSet<OrderKey>, StoreError> {
        let keys = keys
            .into_iter()
            .map(|order| key(&order.user_id, order.order_id));
        let wanted = Wanted {
            attributes: Some("user_id, order_id"),
            ..self.wanted(keys)
        };
        let [items] = batch_get(&self.client, [wanted]).await?;
        items.iter().map(read_key).collect()
    }

    /// Those of these orders that exist, but for those that cannot be read. No key may be given twice.
    ///
    /// # Errors
    /// When the table cannot be read.
    pub async fn get_many(
        &self,
        keys: impl IntoIterator<Item = OrderKey>,
    ) -> Result<HashMap<OrderKey, Order>, StoreError> {
        let keys = keys
            .into_iter()
            .map(|order| key(&order.user_id, order.order_id));
        let [items] = batch_get(&self.client, [self.wanted(keys)]).await?;
        let keyed = |item| read_order(item).map(|order| (order.key(), order));
        Ok(readable(&items, keyed).into_iter().collect())
    }

    fn wanted(&self, keys: impl Iterator<Item = Item>) -> Wanted<'_> {
        Wanted {
            table: &self.table,
            keys: keys.collect(),
            freshness: Freshness::Consistent,
            attributes: None,
        }
    }

    /// Takes an order one step further, on condition that it is still as it was loaded. For steps
    /// that move no stock; the others go over the [`ReleaseSettlement`](crate::ReleaseSettlement).
    ///
    /// # Errors
    /// [`AdvanceError::Forbidden`] with the status the order really has, when it cannot.
    ///
    /// # Panics
    /// When the step frees stock.
    pub async fn advance(
        &self,
        order: &Order,
        transition: Transition,
    ) -> Result<Order, AdvanceError> {
        let next = order.after(transition)?;
        assert_eq!(order.status().holds_stock(), next.status().holds_stock());
        let put = self
            .client
            .put_item()
            .table_name(&self.table)
            .set_item(Some(order_item(&next)))
            .condition_expression(HAS_STATUS)
            .expression_attribute_names("#status", "status")
            .expression_attribute_values(":from", text(order.status()))
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld);
        let deadline = Instant::now() + CONFLICT_PATIENCE;
        let mut backoff = Backoff::default();
        let error = loop {
            let error = match put.clone().send().await {
                Ok(_) => return Ok(next),
                Err(error) => error,
            };
            // A transaction is at the order, to expire or to cancel it: soon it will be done.
            let in_conflict = error
                .as_service_error()
                .is_some_and(PutItemError::is_transaction_conflict_exception);
            if !in_conflict || backoff.wait(deadline).await.is_err() {
                break error;
            }
        };
        let there = match error.as_service_error() {
            Some(PutItemError::ConditionalCheckFailedException(failure)) => failure.item(),
            _ => None,
        };
        Err(match there {
            Some(there) => AdvanceError::Forbidden(Forbidden {
                from: read_order(there)?.status(),
                to: next.status(),
            }),
            None => AdvanceError::Store(error.into()),
        })
    }

    /// An order that was paid, by its id alone: how merchants name it. An order is found a moment
    /// after it was paid, since indexes follow their table.
    ///
    /// # Errors
    /// When the table cannot be read.
    pub async fn find_paid(&self, order_id: OrderId) -> Result<Option<Order>, StoreError> {
        for status in EVER_PAID {
            let answer = self
                .client
                .query()
                .table_name(&self.table)
                .index_name(FULFILMENT)
                .key_condition_expression("fulfilment = :status AND order_id = :order_id")
                .expression_attribute_values(":status", text(status))
                .expression_attribute_values(":order_id", text(order_id))
                .send()
                .await?;
            if let Some(found) = answer.items().first() {
                // The index may be behind: the table has the last word.
                return self.get(&read_text(found, "user_id")?, order_id).await;
            }
        }
        Ok(None)
    }

    /// Up to `limit` paid orders that are to be shipped, oldest first, from behind `after` on.
    ///
    /// # Errors
    /// When the table cannot be read.
    pub async fn to_ship(
        &self,
        limit: usize,
        after: Option<&OrderKey>,
    ) -> Result<Page<Order, OrderKey>, StoreError> {
        let start = after.map(|after| {
            let mut start = key(&after.user_id, after.order_id);
            start.insert("fulfilment".to_owned(), text(OrderStatus::Paid));
            start
        });
        let answer = self
            .client
            .query()
            .table_name(&self.table)
            .index_name(FULFILMENT)
            .key_condition_expression("fulfilment = :status")
            .expression_attribute_values(":status", text(OrderStatus::Paid))
            .limit(limit.try_into().unwrap_or(i32::MAX))
            .set_exclusive_start_key(start)
            .send()
            .await?;
        let keys = readable(answer.items(), read_key);
        let next = answer.last_evaluated_key.as_ref();
        let next = next.map(read_key).transpose()?;
        let mut orders = self.get_many(keys.iter().cloned()).await?;
        let still_paid = |order: &Order| order.status() == OrderStatus::Paid;
        let items = keys
            .iter()
            .filter_map(|key| orders.remove(key))
            .filter(still_paid)
            .collect();
        Ok(Page { items, next })
    }

    /// Up to `limit` orders of each part of the index that were to be paid by `now` and were not.
    ///
    /// # Errors
    /// When the table cannot be read.
    pub async fn overdue(&self, now: Timestamp, limit: usize) -> Result<Vec<OrderKey>, StoreError> {
        let mut overdue = Vec::new();
        for shard in 0..UNPAID_SHARDS {
            let answer = self
                .client
                .query()
                .table_name(&self.table)
                .index_name(UNPAID)
                .key_condition_expression("unpaid_shard = :shard AND pay_by <= :now")
                .expression_attribute_values(":shard", text(shard))
                .expression_attribute_values(":now", text(sortable(now)))
                .limit(limit.try_into().unwrap_or(i32::MAX))
                .send()
                .await?;
            overdue.extend(readable(answer.items(), read_key));
        }
        Ok(overdue)
    }

    /// The write that enters a decision in the books, on condition that there is none yet: what
    /// makes a second delivery harmless.
    pub(crate) fn enter(&self, order: &Order) -> TransactWriteItem {
        self.put(
            Put::builder().condition_expression("attribute_not_exists(order_id)"),
            order,
        )
    }

    /// The write that changes an order, on condition that it still has the status `from`.
    pub(crate) fn change(&self, from: OrderStatus, order: &Order) -> TransactWriteItem {
        let condition = Put::builder()
            .condition_expression(HAS_STATUS)
            .expression_attribute_names("#status", "status")
            .expression_attribute_values(":from", text(from));
        self.put(condition, order)
    }

    fn put(&self, condition: PutBuilder, order: &Order) -> TransactWriteItem {
        let put = condition
            .table_name(&self.table)
            .set_item(Some(order_item(order)))
            .build()
            .expect("table and item are set");
        TransactWriteItem::builder().put(put).build()
    }
}

const HAS_STATUS: &str = "#status = :from";
