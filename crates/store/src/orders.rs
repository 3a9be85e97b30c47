//! The Orders table: what was decided, under the user it belongs to.

use std::collections::{HashMap, HashSet};
use std::time::Instant;

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::operation::put_item::PutItemError;
use aws_sdk_dynamodb::types::builders::PutBuilder;
use aws_sdk_dynamodb::types::{
    AttributeValue, Put, ReturnValuesOnConditionCheckFailure, TransactWriteItem,
};
use domain::{
    Checkout, Forbidden, Order, OrderId, OrderKey, OrderLine, OrderState, OrderStatus, Payment,
    Refund, Shipment, Shortage, Transition, UserId,
};
use jiff::Timestamp;

use crate::aws::{MissingVariable, from_env};
use crate::backoff::Backoff;
use crate::batch_get::{Freshness, batch_get};
use crate::error::StoreError;
use crate::item::{
    Item, checked, item, number, order_lines, read_list, read_number, read_order_lines, read_text,
    readable, text,
};
use crate::page::Page;
use crate::transaction::CONFLICT_PATIENCE;

/// The sparse index of orders that wait for payment, by the time it is due.
const UNPAID: &str = "unpaid";

/// Parts of the unpaid index. Every accepted order enters it and leaves it again, so one part alone
/// would bound the whole shop to the 1,000 writes a second of one partition.
const UNPAID_SHARDS: u32 = 16;

/// The sparse index of orders that were ever paid, by status and then by order.
const FULFILMENT: &str = "fulfilment";

/// The statuses of orders that were paid: what merchants may see.
const EVER_PAID: [OrderStatus; 4] = [
    OrderStatus::Paid,
    OrderStatus::Shipping,
    OrderStatus::Completed,
    OrderStatus::Cancelled,
];

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
        let only_keys = Some("user_id, order_id");
        let items = batch_get(
            &self.client,
            &self.table,
            keys,
            Freshness::Consistent,
            only_keys,
        )
        .await?;
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
        let items = batch_get(&self.client, &self.table, keys, Freshness::Consistent, None).await?;
        let keyed = |item| read_order(item).map(|order| (order.key(), order));
        Ok(readable(&items, keyed).into_iter().collect())
    }

    /// Takes an order one step further, on condition that it is still as it was loaded. For steps
    /// that move no stock; the others go over the [`ReturnsDesk`](crate::ReturnsDesk).
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

/// Bytes of an order in the books, at most: the fixed attributes with a little to spare, and each
/// line's names, id, numbers and overhead around its product's name, and what belongs to the state.
/// Source of the rules: "DynamoDB item sizes and formats", Amazon DynamoDB Developer Guide.
pub(crate) fn order_bytes(order: &Order) -> usize {
    const FIXED: usize = 420;
    const LINE: usize = 128;
    const SHORTAGE: usize = 96;
    const PAYMENT_AND_SHIPMENT: usize = 1_600;
    let line = |line: &OrderLine| LINE + line.name.as_str().len();
    let lines: usize = order.lines().iter().map(line).sum();
    let state = match &order.state {
        OrderState::Rejected { short } => short.len() * SHORTAGE,
        OrderState::WaitingPayment { .. } | OrderState::Expired { .. } => 0,
        _ => PAYMENT_AND_SHIPMENT,
    };
    FIXED + order.user_id().as_str().len() + lines + state
}

fn key(user_id: &UserId, order_id: OrderId) -> Item {
    item([("user_id", text(user_id)), ("order_id", text(order_id))])
}

fn read_key(entry: &Item) -> Result<OrderKey, StoreError> {
    Ok(OrderKey {
        user_id: read_text(entry, "user_id")?,
        order_id: read_text(entry, "order_id")?,
    })
}

/// Why an order was rejected, in the books.
const OUT_OF_STOCK: &str = "OUT_OF_STOCK";

/// A time in which all fractions have the same number of digits, so that texts sort as times do.
fn sortable(time: Timestamp) -> String {
    format!("{time:.9}")
}

/// The part of the unpaid index an order belongs to: spread evenly by the random end of its id.
fn unpaid_shard(order_id: OrderId) -> u128 {
    order_id.as_uuid().as_u128() % u128::from(UNPAID_SHARDS)
}

fn order_item(order: &Order) -> Item {
    let mut entry = item([
        ("user_id", text(order.user_id())),
        ("order_id", text(order.order_id())),
        ("status", text(order.status())),
        ("lines", order_lines(order.lines())),
        ("total", number(order.total())),
        ("submitted_at", text(order.checkout.submitted_at)),
        ("decided_at", text(order.decided_at)),
    ]);
    entry.extend(state_attributes(order));
    let ever_paid = match &order.state {
        OrderState::Cancelled { refund, .. } => refund.is_some(),
        _ => EVER_PAID.contains(&order.status()),
    };
    if ever_paid {
        entry.insert("fulfilment".to_owned(), text(order.status()));
    }
    entry
}

fn state_attributes(order: &Order) -> Item {
    match &order.state {
        OrderState::WaitingPayment { pay_by } => item([
            ("pay_by", text(sortable(*pay_by))),
            ("unpaid_shard", text(unpaid_shard(order.order_id()))),
        ]),
        OrderState::Rejected { short } => item([
            ("reason", text(OUT_OF_STOCK)),
            (
                "short",
                AttributeValue::L(short.iter().map(shortage).collect()),
            ),
        ]),
        OrderState::Paid { payment } => payment_attributes(payment),
        OrderState::Shipping { payment, shipment } => {
            let mut entry = payment_attributes(payment);
            entry.extend(shipment_attributes(shipment));
            entry
        }
        OrderState::Completed {
            payment,
            shipment,
            completed_at,
        } => {
            let mut entry = payment_attributes(payment);
            entry.extend(shipment_attributes(shipment));
            entry.insert("completed_at".to_owned(), text(completed_at));
            entry
        }
        OrderState::Cancelled {
            cancelled_at,
            refund,
        } => {
            let mut entry = item([("cancelled_at", text(cancelled_at))]);
            if let Some(refund) = refund {
                entry.extend(payment_attributes(&refund.payment));
                entry.insert("refunded_at".to_owned(), text(refund.refunded_at));
            }
            entry
        }
        OrderState::Expired { expired_at } => item([("expired_at", text(expired_at))]),
    }
}

fn shortage(short: &Shortage) -> AttributeValue {
    AttributeValue::M(item([
        ("product_id", text(short.product_id)),
        ("requested", number(short.requested)),
        ("available", number(short.available)),
    ]))
}

fn payment_attributes(payment: &Payment) -> Item {
    item([
        ("payment_id", text(&payment.payment_id)),
        ("paid_at", text(payment.paid_at)),
    ])
}

fn shipment_attributes(shipment: &Shipment) -> Item {
    item([
        ("carrier", text(&shipment.carrier)),
        ("tracking_number", text(&shipment.tracking_number)),
        ("shipped_at", text(shipment.shipped_at)),
    ])
}

fn read_order(entry: &Item) -> Result<Order, StoreError> {
    Ok(Order {
        checkout: Checkout {
            order_id: read_text(entry, "order_id")?,
            user_id: read_text(entry, "user_id")?,
            lines: read_order_lines(entry, "lines")?,
            submitted_at: read_text(entry, "submitted_at")?,
        },
        decided_at: read_text(entry, "decided_at")?,
        state: read_state(entry)?,
    })
}

fn read_state(entry: &Item) -> Result<OrderState, StoreError> {
    Ok(match read_text(entry, "status")? {
        OrderStatus::WaitingPayment => OrderState::WaitingPayment {
            pay_by: read_text(entry, "pay_by")?,
        },
        OrderStatus::Rejected => OrderState::Rejected {
            short: read_list(entry, "short", read_shortage)?,
        },
        OrderStatus::Paid => OrderState::Paid {
            payment: read_payment(entry)?,
        },
        OrderStatus::Shipping => OrderState::Shipping {
            payment: read_payment(entry)?,
            shipment: read_shipment(entry)?,
        },
        OrderStatus::Completed => OrderState::Completed {
            payment: read_payment(entry)?,
            shipment: read_shipment(entry)?,
            completed_at: read_text(entry, "completed_at")?,
        },
        OrderStatus::Cancelled => OrderState::Cancelled {
            cancelled_at: read_text(entry, "cancelled_at")?,
            refund: read_refund(entry)?,
        },
        OrderStatus::Expired => OrderState::Expired {
            expired_at: read_text(entry, "expired_at")?,
        },
        OrderStatus::Pending => {
            return Err(StoreError::Corrupt {
                attribute: "status",
                problem: "is PENDING, which is never stored".to_owned(),
            });
        }
    })
}

fn read_payment(entry: &Item) -> Result<Payment, StoreError> {
    Ok(Payment {
        payment_id: read_text(entry, "payment_id")?,
        paid_at: read_text(entry, "paid_at")?,
    })
}

fn read_refund(entry: &Item) -> Result<Option<Refund>, StoreError> {
    if !entry.contains_key("refunded_at") {
        return Ok(None);
    }
    Ok(Some(Refund {
        payment: read_payment(entry)?,
        refunded_at: read_text(entry, "refunded_at")?,
    }))
}

fn read_shipment(entry: &Item) -> Result<Shipment, StoreError> {
    Ok(Shipment {
        carrier: read_text(entry, "carrier")?,
        tracking_number: read_text(entry, "tracking_number")?,
        shipped_at: read_text(entry, "shipped_at")?,
    })
}

fn read_shortage(short: &Item) -> Result<Shortage, StoreError> {
    Ok(Shortage {
        product_id: read_text(short, "product_id")?,
        requested: checked("requested", read_number::<i64>(short, "requested")?)?,
        available: read_number(short, "available")?,
    })
}

#[cfg(test)]
mod tests {
    use domain::limits::{MAX_LINES, MAX_NAME_CHARS};
    use domain::{Money, Quantity};
    use jiff::Timestamp;
    use uuid::Uuid;

    use super::*;

    /// As the Developer Guide counts: names and texts in UTF-8, a number half a byte a digit, lists
    /// and maps three bytes and one for each entry.
    fn bytes(value: &AttributeValue) -> usize {
        match value {
            AttributeValue::S(text) => text.len(),
            AttributeValue::N(number) => number.len() / 2 + 2,
            AttributeValue::L(list) => 3 + list.iter().map(|entry| 1 + bytes(entry)).sum::<usize>(),
            AttributeValue::M(map) => 3 + map.len() + item_bytes(map),
            other => panic!("no order holds {other:?}"),
        }
    }

    fn item_bytes(item: &Item) -> usize {
        item.iter()
            .map(|(name, value)| name.len() + bytes(value))
            .sum()
    }

    /// Were it less, a plan could hold more than a transaction takes.
    #[test]
    fn an_order_is_never_larger_than_reckoned() {
        for (lines, name) in [
            (1, "T".to_owned()),
            (MAX_LINES, "🦀".repeat(MAX_NAME_CHARS)),
        ] {
            let most = Quantity::try_from(10_000).unwrap();
            let lines: Vec<OrderLine> = (0..lines)
                .map(|number| OrderLine {
                    product_id: Uuid::from_u128(number as u128).try_into().unwrap(),
                    name: name.clone().try_into().unwrap(),
                    quantity: most,
                    unit_price: Money::price(1_000_000.into()).unwrap(),
                })
                .collect();
            let short = lines.iter().map(|line| Shortage {
                product_id: line.product_id,
                requested: most,
                available: 9_999,
            });
            let order = Order {
                state: OrderState::Rejected {
                    short: short.collect(),
                },
                checkout: Checkout {
                    order_id: Uuid::now_v7().try_into().unwrap(),
                    user_id: "x".repeat(128).try_into().unwrap(),
                    lines: lines.try_into().unwrap(),
                    submitted_at: Timestamp::now(),
                },
                decided_at: Timestamp::now(),
            };
            let size = item_bytes(&order_item(&order));
            let reckoned = order_bytes(&order);
            assert!(size <= reckoned, "{size} bytes, reckoned {reckoned}");
            assert!(reckoned < size * 2, "{size} bytes, reckoned {reckoned}");
        }
    }
}
