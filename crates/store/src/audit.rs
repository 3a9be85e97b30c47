//! Reading whole tables, to prove that the books balance.
//!
//! An audit trusts nothing: an item that is not what the shop writes is handed over as damage, with
//! its key, and the reading goes on. Tables are read in segments, side by side, a page at a time, so
//! that memory does not grow with them. Only open decisions are read whole: a shop has few of them.

use std::collections::{HashMap, HashSet};

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::config::retry::RetryConfig;
use aws_sdk_dynamodb::operation::scan::builders::ScanFluentBuilder;
use aws_sdk_sqs::types::QueueAttributeName;
use domain::{
    CartId, CartStatus, Checkout, Decision, DecisionId, Entry, Money, OrderId, OrderKey, OrderLines,
    OrderStatus, ProductId, UserId,
};
use jiff::{SignedDuration, Timestamp};
use rust_decimal::Decimal;

use crate::batch_get::{Freshness, Wanted, batch_get};
use crate::carts::Carts;
use crate::decisions::{self, read_marker, read_record};
use crate::error::StoreError;
use crate::item::{Item, checked, corrupt, item, read_number, read_order_lines, read_text, text};
use crate::orders::Orders;
use crate::page::Page;
use crate::patience::TABLE_READING_ATTEMPTS;

/// How long the record of a decision is kept. An order older than this may name one that is gone.
pub const RECORD_KEPT: SignedDuration = decisions::KEPT;

/// Open decisions whose records are in memory at the same time. A record has up to 400 KB.
const RECORDS_AT_ONCE: usize = 20;

/// Orders of an open decision whose carts are read at the same time: with 50 lines a cart, some megabytes.
const ORDERS_AT_ONCE: usize = 100;

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

/// A decision that is open: its marker exists.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OpenEntry {
    /// The decision.
    pub decision_id: DecisionId,
    /// The time of the decision.
    pub decided_at: Timestamp,
    /// Its accepted orders that do not exist or do not name it. Their units are off the shelf for it.
    pub unentered: Vec<Checkout>,
    /// The reasons why nobody can enter its orders and close it: its record, or the submitted cart of
    /// an order, is missing or cannot be read.
    pub obstacles: Vec<String>,
}

/// A decision that is closed: all its accepted orders were entered, by this decision or another.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClosedEntry {
    /// The decision.
    pub decision_id: DecisionId,
    /// Its accepted orders that do not exist.
    pub missing: Vec<OrderKey>,
    /// The lines of its accepted orders that do not name it. Closing it returned their units.
    pub returned: Vec<OrderLines>,
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

    /// Every open decision, with the orders that it has not entered. Markers are read first, orders
    /// after them: an order is never counted as not entered after its decision was closed.
    ///
    /// # Errors
    /// When a table cannot be read.
    pub async fn open_decisions(
        &self,
        mut each: impl FnMut(Found<OpenEntry>),
    ) -> Result<(), StoreError> {
        let scan = self.client.scan().table_name(&self.tables.open_decisions);
        let mut pages = scan.consistent_read(true).into_paginator().send();
        while let Some(page) = pages.next().await {
            for markers in page?.items().chunks(RECORDS_AT_ONCE) {
                let mut open = Vec::new();
                for marker in markers {
                    match read_marker(marker) {
                        Ok(marker) => open.push(marker),
                        Err(error) => each(found(marker, &["decision_id"], Err(error))),
                    }
                }
                let decisions = open.iter().map(|marker| marker.decision_id);
                let mut records = self.records(decisions).await?;
                for marker in open {
                    let mut entry = OpenEntry {
                        decision_id: marker.decision_id,
                        decided_at: marker.decided_at,
                        unentered: Vec::new(),
                        obstacles: Vec::new(),
                    };
                    match records.remove(&marker.decision_id) {
                        Some(Ok(decision)) => self.find_unentered(&decision, &mut entry).await?,
                        Some(Err(error)) => entry.obstacles.push(format!("its record: {error}")),
                        None => entry.obstacles.push("it has no record".to_owned()),
                    }
                    each(Found {
                        key: marker.decision_id.to_string(),
                        content: Ok(entry),
                    });
                }
            }
        }
        Ok(())
    }

    /// Finds the orders that an open decision has not entered, and those without a submitted cart.
    async fn find_unentered(
        &self,
        decision: &Decision,
        entry: &mut OpenEntry,
    ) -> Result<(), StoreError> {
        let carts = Carts::new(&self.client, &self.tables.carts);
        for orders in decision.accepted.chunks(ORDERS_AT_ONCE) {
            let entered = self.entered(orders).await?;
            let checkouts = carts.checkouts(orders).await?.into_iter();
            let mut checkouts: HashMap<OrderKey, Checkout> = checkouts
                .map(|checkout| (checkout.key(), checkout))
                .collect();
            for order in orders {
                let Some(checkout) = checkouts.remove(order) else {
                    let OrderKey { user_id, order_id } = order;
                    let missing = format!("no submitted cart for order {user_id} / {order_id}");
                    entry.obstacles.push(missing);
                    continue;
                };
                match entered.entry(decision.decision_id, order) {
                    Some(Entry::ByThis) => {}
                    Some(Entry::ByAnother) | None => entry.unentered.push(checkout),
                }
            }
        }
        Ok(())
    }

    /// Every decision but the `open` ones, with its accepted orders that do not exist or do not name
    /// it. Records that cannot be read are among them, of open decisions, too.
    ///
    /// # Errors
    /// When a table cannot be read.
    pub async fn closed_decisions(
        &self,
        segment: Segment,
        open: &HashSet<DecisionId>,
        mut each: impl FnMut(Found<ClosedEntry>),
    ) -> Result<(), StoreError> {
        let scan = self
            .scan(&self.tables.decisions, segment)
            .projection_expression("decision_id, decided_at, accepted");
        let mut pages = scan.into_paginator().send();
        while let Some(page) = pages.next().await {
            let mut closed = Vec::new();
            for item in page?.items() {
                match read_decision(item) {
                    Ok(decision) if open.contains(&decision.decision_id) => {}
                    Ok(decision) => closed.push(decision),
                    Err(error) => each(found(item, &["decision_id"], Err(error))),
                }
            }
            for entry in self.look_up_closed(closed).await? {
                each(Found {
                    key: entry.decision_id.to_string(),
                    content: Ok(entry),
                });
            }
        }
        Ok(())
    }

    async fn look_up_closed(&self, closed: Vec<Decision>) -> Result<Vec<ClosedEntry>, StoreError> {
        let accepted = closed.iter().flat_map(|decision| &decision.accepted);
        let entered = self.entered(accepted).await?;
        let by_another = closed
            .iter()
            .flat_map(|decision| entered.those(decision, Some(Entry::ByAnother)));
        let by_another: HashSet<OrderKey> = by_another.cloned().collect();
        let orders = Orders::new(&self.client, &self.tables.orders);
        let orders = orders.get_many(by_another).await?;
        let entry = |decision: &Decision| ClosedEntry {
            decision_id: decision.decision_id,
            missing: entered.those(decision, None).cloned().collect(),
            returned: entered
                .those(decision, Some(Entry::ByAnother))
                .filter_map(|order| orders.get(order))
                .map(|order| order.lines().clone())
                .collect(),
        };
        Ok(closed.iter().map(entry).collect())
    }

    /// Those of these decisions that have a record, readable or not. A record is written before the
    /// orders that name it.
    ///
    /// # Errors
    /// When the table cannot be read.
    pub async fn recorded(
        &self,
        decisions: HashSet<DecisionId>,
    ) -> Result<HashSet<DecisionId>, StoreError> {
        let items = self.read_records(decisions, Some("decision_id")).await?;
        let id = |item| read_text(item, "decision_id");
        items.iter().map(id).collect()
    }

    async fn records(
        &self,
        decisions: impl IntoIterator<Item = DecisionId>,
    ) -> Result<HashMap<DecisionId, Result<Decision, StoreError>>, StoreError> {
        let items = self.read_records(decisions, None).await?;
        let keyed = |item| Ok((read_text(item, "decision_id")?, read_decision(item)));
        items.iter().map(keyed).collect()
    }

    async fn read_records(
        &self,
        decisions: impl IntoIterator<Item = DecisionId>,
        attributes: Option<&str>,
    ) -> Result<Vec<Item>, StoreError> {
        let key = |decision| item([("decision_id", text(decision))]);
        let wanted = Wanted {
            table: &self.tables.decisions,
            keys: decisions.into_iter().map(key).collect(),
            freshness: Freshness::Consistent,
            attributes,
        };
        let [items] = batch_get(&self.client, [wanted]).await?;
        Ok(items)
    }

    /// Those of these orders that exist.
    async fn entered<'a>(
        &self,
        orders: impl IntoIterator<Item = &'a OrderKey>,
    ) -> Result<Entered, StoreError> {
        let orders: HashSet<&OrderKey> = orders.into_iter().collect();
        let key = |order: &OrderKey| {
            item([
                ("user_id", text(&order.user_id)),
                ("order_id", text(order.order_id)),
            ])
        };
        let wanted = Wanted {
            table: &self.tables.orders,
            keys: orders.into_iter().map(key).collect(),
            freshness: Freshness::Consistent,
            attributes: Some("user_id, order_id, decision_id"),
        };
        let [items] = batch_get(&self.client, [wanted]).await?;
        let order = |item: &Item| {
            let key = OrderKey {
                user_id: read_text(item, "user_id")?,
                order_id: read_text(item, "order_id")?,
            };
            // A name that cannot be read is the order's damage, and found with the order.
            Ok((key, read_decision_id(item).unwrap_or(None)))
        };
        items.iter().map(order).collect::<Result<_, _>>().map(Entered)
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

/// Orders that exist, each with the decision that it names.
struct Entered(HashMap<OrderKey, Option<DecisionId>>);

impl Entered {
    /// The entry of an order that this decision accepts; none if the order does not exist.
    fn entry(&self, decision: DecisionId, order: &OrderKey) -> Option<Entry> {
        let named = self.0.get(order)?;
        Some(Entry::found(decision, *named))
    }

    /// The accepted orders of a decision whose entry is this.
    fn those<'a>(
        &'a self,
        decision: &'a Decision,
        entry: Option<Entry>,
    ) -> impl Iterator<Item = &'a OrderKey> {
        let accepted = decision.accepted.iter();
        accepted.filter(move |order| self.entry(decision.decision_id, order) == entry)
    }
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
        return Err(corrupt("decision_id", "is set, but no decision accepts a rejected order"));
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

/// Reads a record as strictly as an audit must: a decision accepts at least one order, and none twice.
fn read_decision(item: &Item) -> Result<Decision, StoreError> {
    let decision = read_record(item)?;
    let orders: HashSet<OrderId> = decision.accepted.iter().map(|it| it.order_id).collect();
    if orders.is_empty() {
        return Err(corrupt("accepted", "is empty"));
    }
    if orders.len() < decision.accepted.len() {
        return Err(corrupt("accepted", "names an order twice"));
    }
    Ok(decision)
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
