//! The Orders table: what was decided, under the user it belongs to.

use std::collections::HashSet;

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::types::{AttributeValue, Put, TransactWriteItem};
use domain::{
    Checkout, Order, OrderId, OrderKey, OrderLine, OrderState, OrderStatus, Shortage, UserId,
};

use crate::aws::{MissingVariable, from_env};
use crate::batch_get::{Freshness, batch_get};
use crate::error::StoreError;
use crate::item::{
    Item, checked, item, number, order_lines, read_list, read_number, read_order_lines, read_text,
    text,
};
use crate::page::Page;

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

    /// Up to `limit` orders of a user, newest first, from behind `after` on.
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
        let items = answer
            .items()
            .iter()
            .map(read_order)
            .collect::<Result<Vec<_>, _>>()?;
        let more = answer.last_evaluated_key.is_some();
        let next = items.last().filter(|_| more).map(Order::order_id);
        Ok(Page { items, next })
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
        let key = |item| {
            Ok(OrderKey {
                user_id: read_text(item, "user_id")?,
                order_id: read_text(item, "order_id")?,
            })
        };
        items.iter().map(key).collect()
    }

    /// The write that enters a decision in the books, on condition that there is none yet: what
    /// makes a second delivery harmless.
    pub(crate) fn decide(&self, order: &Order) -> TransactWriteItem {
        let put = Put::builder()
            .table_name(&self.table)
            .set_item(Some(order_item(order)))
            .condition_expression("attribute_not_exists(order_id)")
            .build()
            .expect("table and item are set");
        TransactWriteItem::builder().put(put).build()
    }
}

/// Bytes of an order in the books, at most: the fixed attributes with a little to spare, and each
/// line's names, id, numbers and overhead around its product's name.
/// Source of the rules: "DynamoDB item sizes and formats", Amazon DynamoDB Developer Guide.
pub(crate) fn order_bytes(order: &Order) -> usize {
    const FIXED: usize = 320;
    const LINE: usize = 128;
    const SHORTAGE: usize = 96;
    let line = |line: &OrderLine| LINE + line.name.as_str().len();
    let lines: usize = order.lines().iter().map(line).sum();
    let shortages = match &order.state {
        OrderState::Rejected { short } => short.len() * SHORTAGE,
        _ => 0,
    };
    FIXED + order.user_id().as_str().len() + lines + shortages
}

fn key(user_id: &UserId, order_id: OrderId) -> Item {
    item([("user_id", text(user_id)), ("order_id", text(order_id))])
}

/// Why an order was rejected, in the books.
const OUT_OF_STOCK: &str = "OUT_OF_STOCK";

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
    if let OrderState::Rejected { short } = &order.state {
        let shortage = |short: &Shortage| {
            AttributeValue::M(item([
                ("product_id", text(short.product_id)),
                ("requested", number(short.requested)),
                ("available", number(short.available)),
            ]))
        };
        entry.extend(item([
            ("reason", text(OUT_OF_STOCK)),
            (
                "short",
                AttributeValue::L(short.iter().map(shortage).collect()),
            ),
        ]));
    }
    entry
}

fn read_order(entry: &Item) -> Result<Order, StoreError> {
    let state = match read_text(entry, "status")? {
        OrderStatus::WaitingPayment => OrderState::WaitingPayment,
        OrderStatus::Rejected => OrderState::Rejected {
            short: read_list(entry, "short", read_shortage)?,
        },
        OrderStatus::Pending => {
            return Err(StoreError::Corrupt {
                attribute: "status",
                problem: "is PENDING, which is never stored".to_owned(),
            });
        }
    };
    Ok(Order {
        checkout: Checkout {
            order_id: read_text(entry, "order_id")?,
            user_id: read_text(entry, "user_id")?,
            lines: read_order_lines(entry, "lines")?,
            submitted_at: read_text(entry, "submitted_at")?,
        },
        decided_at: read_text(entry, "decided_at")?,
        state,
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
