//! Reading whole tables, to prove that the books balance.
//!
//! An audit trusts nothing: an item that is not what the shop writes is handed over as damage, with
//! its key, and the reading goes on. Tables are read in segments, side by side, a page at a time, so
//! that memory does not grow with them.

use std::collections::{HashMap, HashSet};

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::config::retry::RetryConfig;
use aws_sdk_dynamodb::operation::scan::builders::ScanFluentBuilder;
use aws_sdk_sqs::types::QueueAttributeName;
use domain::{CartId, CartStatus, Money, OrderKey, OrderLines, OrderStatus, ProductId, UserId};
use jiff::Timestamp;
use rust_decimal::Decimal;

use crate::error::StoreError;
use crate::item::{Item, checked, corrupt, read_number, read_order_lines, read_text};
use crate::orders::Orders;
use crate::patience::TABLE_READING_ATTEMPTS;

/// The tables that an audit reads.
#[derive(Debug, Clone)]
pub struct Books {
    client: Client,
    stock: String,
    orders: String,
    carts: String,
}

/// One of the parts that a table is read in.
#[derive(Debug, Clone, Copy)]
pub struct Segment {
    /// Which: from 0 on.
    pub number: u16,
    /// Of how many.
    pub of: u16,
}

impl Segment {
    /// All segments of a table that is read in `count` parts.
    pub fn all(count: u16) -> impl Iterator<Item = Segment> {
        (0..count).map(move |number| Segment { number, of: count })
    }
}

/// An item as the audit found it: what it should be, or why it is not.
#[derive(Debug)]
pub struct Found<T> {
    /// The item's key, to find it by.
    pub key: String,
    /// What it holds.
    pub content: Result<T, StoreError>,
}

/// What the books say of one product's units. Signed, unlike [`crate::StockLevel`]: an audit must
/// be able to see what should never be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StockEntry {
    /// Which product.
    pub product_id: ProductId,
    /// Units that can be bought.
    pub available: i128,
    /// Every unit ever stocked.
    pub supply: i128,
}

/// What the books say of one order, as far as an audit needs it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OrderEntry {
    /// How far it has come.
    pub status: OrderStatus,
    /// What was ordered.
    pub lines: OrderLines,
    /// What it is said to cost.
    pub total: Money,
    /// When it was submitted.
    pub submitted_at: Timestamp,
    /// When it was decided.
    pub decided_at: Timestamp,
    /// While it waits for payment: by when.
    pub pay_by: Option<Timestamp>,
}

/// A submitted cart: an order to be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SubmittedCart {
    /// Where its order stands in the books, once it is decided.
    pub order: OrderKey,
    /// Since when it waits.
    pub submitted_at: Timestamp,
}

impl Books {
    /// The tables with these names.
    pub fn new(
        client: &Client,
        stock: impl Into<String>,
        orders: impl Into<String>,
        carts: impl Into<String>,
    ) -> Books {
        let patient = RetryConfig::standard().with_max_attempts(TABLE_READING_ATTEMPTS);
        let config = client.config().to_builder().retry_config(patient).build();
        Books {
            client: Client::from_conf(config),
            stock: stock.into(),
            orders: orders.into(),
            carts: carts.into(),
        }
    }

    /// Every product's stock.
    ///
    /// # Errors
    /// When the table cannot be read.
    pub async fn stock(
        &self,
        segment: Segment,
        mut each: impl FnMut(Found<StockEntry>),
    ) -> Result<(), StoreError> {
        let scan = self
            .scan(&self.stock, segment)
            .projection_expression("product_id, available, supply");
        let mut pages = scan.into_paginator().send();
        while let Some(page) = pages.next().await {
            for item in page?.items() {
                each(found(item, &["product_id"], read_stock(item)));
            }
        }
        Ok(())
    }

    /// Every order.
    ///
    /// # Errors
    /// When the table cannot be read.
    pub async fn orders(
        &self,
        segment: Segment,
        mut each: impl FnMut(Found<OrderEntry>),
    ) -> Result<(), StoreError> {
        let scan = self
            .scan(&self.orders, segment)
            .projection_expression(
                "user_id, order_id, #status, #lines, #total, submitted_at, decided_at, pay_by",
            )
            .expression_attribute_names("#status", "status")
            .expression_attribute_names("#lines", "lines")
            .expression_attribute_names("#total", "total");
        let mut pages = scan.into_paginator().send();
        while let Some(page) = pages.next().await {
            for item in page?.items() {
                each(found(item, &["user_id", "order_id"], read_order(item)));
            }
        }
        Ok(())
    }

    /// The carts that were submitted before `until` and have become no order; and those that cannot
    /// be read, where nobody can tell. `read` is told the number of carts on each page.
    ///
    /// # Errors
    /// When a table cannot be read.
    pub async fn undecided(
        &self,
        segment: Segment,
        until: Timestamp,
        mut each: impl FnMut(Found<SubmittedCart>),
        mut read: impl FnMut(usize),
    ) -> Result<(), StoreError> {
        let scan = self
            .scan(&self.carts, segment)
            .projection_expression("cart_id, user_id, #status, submitted_at")
            .expression_attribute_names("#status", "status");
        let mut pages = scan.into_paginator().send();
        while let Some(page) = pages.next().await {
            let page = page?;
            let mut waiting = HashMap::new();
            for item in page.items() {
                match read_submitted(item) {
                    Ok(Some(cart)) if cart.submitted_at < until => {
                        waiting.insert(cart.order.clone(), cart);
                    }
                    Ok(_) => {}
                    Err(error) => each(found(item, &["cart_id"], Err(error))),
                }
            }
            for decided in self
                .decided_among(waiting.keys().cloned().collect())
                .await?
            {
                waiting.remove(&decided);
            }
            for cart in waiting.into_values() {
                each(Found {
                    key: cart.order.order_id.to_string(),
                    content: Ok(cart),
                });
            }
            read(page.items().len());
        }
        Ok(())
    }

    /// Items in the tables of orders and carts, roughly: DynamoDB counts them every six hours.
    ///
    /// # Errors
    /// When a table cannot be described.
    pub async fn roughly(&self) -> Result<u64, StoreError> {
        let mut items = 0;
        for table in [&self.orders, &self.carts] {
            let answer = self
                .client
                .describe_table()
                .table_name(table)
                .send()
                .await?;
            let count = answer.table.and_then(|table| table.item_count);
            items += count
                .and_then(|count| u64::try_from(count).ok())
                .unwrap_or(0);
        }
        Ok(items)
    }

    async fn decided_among(&self, keys: Vec<OrderKey>) -> Result<HashSet<OrderKey>, StoreError> {
        let orders = Orders::new(&self.client, &self.orders);
        orders.decided_among(keys).await
    }

    fn scan(&self, table: &str, segment: Segment) -> ScanFluentBuilder {
        self.client
            .scan()
            .table_name(table)
            .segment(segment.number.into())
            .total_segments(segment.of.into())
            .consistent_read(true)
    }
}

/// Messages that a queue holds: waiting, delayed or being worked on. The number is approximate, as
/// SQS keeps it.
///
/// # Errors
/// When the queue does not tell.
pub async fn backlog(client: &aws_sdk_sqs::Client, queue_url: &str) -> Result<u64, StoreError> {
    const COUNTS: [QueueAttributeName; 3] = [
        QueueAttributeName::ApproximateNumberOfMessages,
        QueueAttributeName::ApproximateNumberOfMessagesDelayed,
        QueueAttributeName::ApproximateNumberOfMessagesNotVisible,
    ];
    let answer = client
        .get_queue_attributes()
        .queue_url(queue_url)
        .set_attribute_names(Some(COUNTS.to_vec()))
        .send()
        .await?;
    let attributes = answer.attributes.unwrap_or_default();
    let count = |name| {
        attributes
            .get(name)
            .and_then(|count| count.parse::<u64>().ok())
    };
    Ok(COUNTS.iter().filter_map(count).sum())
}

fn found<T>(item: &Item, key: &[&'static str], content: Result<T, StoreError>) -> Found<T> {
    let part = |name: &&'static str| read_text(item, name).unwrap_or_else(|_| "?".to_owned());
    Found {
        key: key.iter().map(part).collect::<Vec<String>>().join(" / "),
        content,
    }
}

fn read_stock(item: &Item) -> Result<StockEntry, StoreError> {
    Ok(StockEntry {
        product_id: read_text(item, "product_id")?,
        available: read_number(item, "available")?,
        supply: read_number(item, "supply")?,
    })
}

fn read_order(item: &Item) -> Result<OrderEntry, StoreError> {
    let status = read_text(item, "status")?;
    if status == OrderStatus::Pending {
        return Err(corrupt("status", "is PENDING, which is never stored"));
    }
    Ok(OrderEntry {
        status,
        lines: read_order_lines(item, "lines")?,
        total: checked("total", read_number::<Decimal>(item, "total")?)?,
        submitted_at: read_text(item, "submitted_at")?,
        decided_at: read_text(item, "decided_at")?,
        pay_by: match status {
            OrderStatus::WaitingPayment => Some(read_text(item, "pay_by")?),
            _ => None,
        },
    })
}

fn read_submitted(item: &Item) -> Result<Option<SubmittedCart>, StoreError> {
    Ok(match read_text(item, "status")? {
        CartStatus::Open => None,
        CartStatus::Submitted => Some(SubmittedCart {
            order: OrderKey {
                user_id: read_text::<UserId>(item, "user_id")?,
                order_id: read_text::<CartId>(item, "cart_id")?.into(),
            },
            submitted_at: read_text(item, "submitted_at")?,
        }),
    })
}
