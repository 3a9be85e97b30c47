//! Reading whole tables, to prove that the books balance.
//!
//! An audit trusts nothing: an item that is not what the shop writes is handed over as damage, with
//! its key, and the reading goes on. Tables are read in segments, side by side, a page at a time, so
//! that memory does not grow with them. Only open decisions are read whole: a shop has few of them.

mod decisions;

use std::collections::{HashMap, HashSet};

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::config::retry::RetryConfig;
use aws_sdk_dynamodb::operation::scan::builders::ScanFluentBuilder;
use aws_sdk_sqs::types::QueueAttributeName;
use domain::{
    CartId, CartStatus, DecisionId, Money, OrderKey, OrderLines, OrderStatus, ProductId, UserId,
};
use jiff::Timestamp;
use rust_decimal::Decimal;

use crate::error::StoreError;
use crate::item::{Item, checked, corrupt, read_number, read_order_lines, read_text};
use crate::orders::Orders;
use crate::page::Page;
use crate::patience::TABLE_READING_ATTEMPTS;

pub use decisions::{ClosedEntry, OpenEntry, RECORD_KEPT};

/// The names of the tables that an audit reads.
#[derive(Debug, Clone)]
pub struct TableNames {
    /// The Stock table.
    pub stock: String,
    /// The Orders table.
    pub orders: String,
    /// The Carts table.
    pub carts: String,
    /// The Decisions table.
    pub decisions: String,
    /// The OpenDecisions table.
    pub open_decisions: String,
}

/// The tables that an audit reads.
#[derive(Debug, Clone)]
pub struct Books {
    client: Client,
    tables: TableNames,
}

/// One of the parts that a table is read in.
#[derive(Debug, Clone, Copy)]
pub struct Segment {
    /// The number of this part, from 0 on.
    pub number: u16,
    /// The number of all parts.
    pub of: u16,
}

/// The place in a segment at which its next page begins.
#[derive(Debug, Clone)]
pub struct SegmentPosition(Item);

impl Segment {
    /// All segments of a table that is read in `count` parts.
    pub fn all(count: u16) -> impl Iterator<Item = Segment> {
        (0..count).map(move |number| Segment { number, of: count })
    }
}

/// An item as the audit found it: its content, or the reason why it cannot be read.
#[derive(Debug)]
pub struct Found<T> {
    /// The item's key, to find it by.
    pub key: String,
    /// The content, as far as an audit needs it.
    pub content: Result<T, StoreError>,
}

/// One product's units. Signed, unlike [`crate::StockLevel`]: an audit must be able to see numbers
/// that should never be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StockEntry {
    /// The product.
    pub product_id: ProductId,
    /// Units that can be bought.
    pub available: i128,
    /// Every unit ever stocked.
    pub supply: i128,
}

/// One order, as far as an audit needs it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OrderEntry {
    /// How far it has come.
    pub status: OrderStatus,
    /// The decision of a batch that it names.
    pub decision_id: Option<DecisionId>,
    /// Its lines.
    pub lines: OrderLines,
    /// The total that is stored with it.
    pub total: Money,
    /// The time of its submission.
    pub submitted_at: Timestamp,
    /// The time of its decision.
    pub decided_at: Timestamp,
    /// The time by which it must be paid, while it waits for payment.
    pub pay_by: Option<Timestamp>,
}

/// A submitted cart: an order to be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SubmittedCart {
    /// The key of the order that it becomes.
    pub order: OrderKey,
    /// The time of its submission.
    pub submitted_at: Timestamp,
}

impl Books {
    /// The tables with these names.
    pub fn new(client: &Client, tables: TableNames) -> Books {
        let patient = RetryConfig::standard().with_max_attempts(TABLE_READING_ATTEMPTS);
        let config = client.config().to_builder().retry_config(patient).build();
        Books {
            client: Client::from_conf(config),
            tables,
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
            .scan(&self.tables.stock, segment)
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
        let mut start = None;
        loop {
            let page = self.order_page(segment, start).await?;
            page.items.into_iter().for_each(&mut each);
            let Some(next) = page.next else {
                return Ok(());
            };
            start = Some(next);
        }
    }

    /// A page of orders, from `start` on.
    ///
    /// # Errors
    /// When the table cannot be read.
    pub async fn order_page(
        &self,
        segment: Segment,
        start: Option<SegmentPosition>,
    ) -> Result<Page<Found<OrderEntry>, SegmentPosition>, StoreError> {
        let answer = self
            .scan(&self.tables.orders, segment)
            .projection_expression(
                "user_id, order_id, decision_id, #status, #lines, #total, submitted_at, \
                 decided_at, pay_by",
            )
            .expression_attribute_names("#status", "status")
            .expression_attribute_names("#lines", "lines")
            .expression_attribute_names("#total", "total")
            .set_exclusive_start_key(start.map(|SegmentPosition(key)| key))
            .send()
            .await?;
        let order = |item| found(item, &["user_id", "order_id"], read_order(item));
        Ok(Page {
            items: answer.items().iter().map(order).collect(),
            next: answer.last_evaluated_key.map(SegmentPosition),
        })
    }

    /// The carts that were submitted before `until` and have become no order, and those that cannot be
    /// read, so that it is unknown whether they were submitted. `read` gets the number of carts on each
    /// page.
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
            .scan(&self.tables.carts, segment)
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

    /// The approximate number of items in the tables of orders and carts: DynamoDB counts them every
    /// six hours.
    ///
    /// # Errors
    /// When a table cannot be described.
    pub async fn roughly(&self) -> Result<u64, StoreError> {
        let mut items = 0;
        for table in [&self.tables.orders, &self.tables.carts] {
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
        let orders = Orders::new(&self.client, &self.tables.orders);
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

/// The number of messages in a queue: waiting, delayed or being worked on. SQS counts approximately.
///
/// # Errors
/// When the queue cannot be asked.
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
    let decision_id = read_decision_id(item)?;
    if status == OrderStatus::Rejected && decision_id.is_some() {
        return Err(corrupt(
            "decision_id",
            "is set, but no decision accepts a rejected order",
        ));
    }
    Ok(OrderEntry {
        status,
        decision_id,
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

fn read_decision_id(item: &Item) -> Result<Option<DecisionId>, StoreError> {
    let named = item.contains_key("decision_id");
    named.then(|| read_text(item, "decision_id")).transpose()
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
