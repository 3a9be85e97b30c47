//! The stock and the orders, read from DynamoDB without the shop's own code.

use std::collections::{BTreeMap, HashMap};

use aws_sdk_dynamodb::types::{AttributeValue, KeysAndAttributes};
use domain::OrderStatus;

use crate::shop::Shop;
use crate::shopper::WAIT_TIMEOUT;
use crate::wait::eventually;

type Item = HashMap<String, AttributeValue>;

/// The largest number of keys of one `BatchGetItem`.
const MOST_KEYS: usize = 100;

/// All orders, the stock of all products, and the decisions that are not closed yet.
#[derive(Debug)]
pub struct Books {
    /// By product.
    pub stock: BTreeMap<String, StockRecord>,
    pub orders: Vec<OrderRecord>,
    pub open_decisions: Vec<DecisionRecord>,
}

/// The stock of one product.
#[derive(Debug, Clone, Copy)]
pub struct StockRecord {
    pub available: i64,
    /// All units ever stocked.
    pub supply: i64,
}

/// One order.
#[derive(Debug)]
pub struct OrderRecord {
    pub order_id: String,
    pub status: OrderStatus,
    /// The decision by which the order was accepted, if it was one of a batch.
    pub decision_id: Option<String>,
    pub lines: Lines,
}

/// An open decision.
#[derive(Debug)]
pub struct DecisionRecord {
    pub decision_id: String,
    /// The accepted orders with their lines, which are in their carts until the orders are entered.
    pub accepted: BTreeMap<String, Lines>,
}

/// Products and quantities.
pub type Lines = Vec<(String, i64)>;

impl Shop {
    /// Reads the books.
    pub async fn books(&self) -> Books {
        let stock = self.scan("STOCK_TABLE").await;
        let orders = self.scan("ORDERS_TABLE").await;
        Books {
            open_decisions: self.open_decisions().await,
            stock: stock
                .iter()
                .map(|item| {
                    let record = StockRecord {
                        available: number(item, "available"),
                        supply: number(item, "supply"),
                    };
                    (text(item, "product_id"), record)
                })
                .collect(),
            orders: orders.iter().map(order).collect(),
        }
    }

    /// Reads the decisions that are not closed.
    pub async fn open_decisions(&self) -> Vec<DecisionRecord> {
        let markers = self.scan("OPEN_DECISIONS_TABLE").await;
        if markers.is_empty() {
            return Vec::new();
        }
        let records = self.scan("DECISIONS_TABLE").await;
        let carts = self.scan("CARTS_TABLE").await;
        let carts = carts.iter().map(|cart| (text(cart, "cart_id"), cart));
        let carts: BTreeMap<String, &Item> = carts.collect();
        let lines_of = |entry: &AttributeValue| {
            let entry = entry.as_s().expect("an accepted order is a text");
            let (order_id, _user_id) = entry.split_once(' ').expect("it names order and user");
            (order_id.to_owned(), lines(carts[order_id], "order_lines"))
        };
        let decision = |marker: &Item| {
            let decision_id = text(marker, "decision_id");
            let mut records = records.iter();
            let record = records.find(|record| text(record, "decision_id") == decision_id);
            let record = record.expect("an open decision has a record");
            let accepted = record["accepted"].as_l().expect("accepted is a list");
            DecisionRecord {
                decision_id,
                accepted: accepted.iter().map(lines_of).collect(),
            }
        };
        markers.iter().map(decision).collect()
    }

    /// Waits until all decisions are closed, which happens a moment after the last order is entered. Returns the books.
    pub async fn closed_books(&self) -> Books {
        eventually("all decisions to be closed", WAIT_TIMEOUT, || async {
            let books = self.books().await;
            books.open_decisions.is_empty().then_some(books)
        })
        .await
    }

    /// The status of those of these orders that exist. An order is named by user and order id.
    pub async fn statuses(&self, orders: Vec<(String, String)>) -> BTreeMap<String, OrderStatus> {
        let table = self.variable("ORDERS_TABLE");
        let mut statuses = BTreeMap::new();
        for some in orders.chunks(MOST_KEYS) {
            let keys = some.iter().map(|(user_id, order_id)| {
                let text = |text: &String| AttributeValue::S(text.clone());
                HashMap::from([
                    ("user_id".to_owned(), text(user_id)),
                    ("order_id".to_owned(), text(order_id)),
                ])
            });
            let keys = KeysAndAttributes::builder()
                .set_keys(Some(keys.collect()))
                .consistent_read(true)
                .build()
                .expect("there are keys");
            let answer = self
                .dynamodb
                .batch_get_item()
                .request_items(table, keys)
                .send()
                .await;
            let answer = answer.expect("the table can be read");
            let left_over = answer.unprocessed_keys.unwrap_or_default();
            assert!(left_over.is_empty(), "so few orders are read at once");
            for item in &answer.responses.unwrap_or_default()[table] {
                let order = order(item);
                statuses.insert(order.order_id, order.status);
            }
        }
        statuses
    }

    async fn scan(&self, table: &str) -> Vec<Item> {
        self.dynamodb
            .scan()
            .table_name(self.variable(table))
            .consistent_read(true)
            .into_paginator()
            .items()
            .send()
            .collect::<Result<_, _>>()
            .await
            .expect("the table can be read")
    }
}

impl Books {
    /// The number of orders with this status.
    pub fn count(&self, status: OrderStatus) -> usize {
        self.orders
            .iter()
            .filter(|order| order.status == status)
            .count()
    }

    /// Asserts for every product that no unit was oversold or lost: `available >= 0`, and `supply` is the sum of
    /// `available`, the units in orders that hold stock, and those that open decisions took for orders that are not
    /// entered, or were entered by another decision.
    #[track_caller]
    pub fn assert_balanced(&self) {
        let entered = self.orders.iter();
        let holding = entered.filter(|order| order.status.holds_stock());
        let holding = holding.map(|order| &order.lines);
        let taken = self.open_decisions.iter().flat_map(|it| self.taken_by(it));
        let mut held: BTreeMap<&str, i64> = BTreeMap::new();
        for (product, quantity) in holding.chain(taken).flatten() {
            *held.entry(product).or_default() += quantity;
        }
        for (product, stock) in &self.stock {
            let held = held.remove(product.as_str()).unwrap_or(0);
            assert!(stock.available >= 0, "{product} is oversold: {stock:?}");
            assert_eq!(
                stock.supply,
                stock.available + held,
                "{product}: {stock:?}, held {held}"
            );
        }
        assert!(
            held.is_empty(),
            "orders hold what was never stocked: {held:?}"
        );
    }

    /// The lines of the orders for which an open decision took units, and which it has not entered.
    fn taken_by<'a>(&'a self, open: &'a DecisionRecord) -> impl Iterator<Item = &'a Lines> {
        let is_entered = |order_id: &String| {
            let by_this = Some(&open.decision_id);
            let mut entered = self.orders.iter();
            entered
                .any(|order| order.order_id == *order_id && order.decision_id.as_ref() == by_this)
        };
        let accepted = open.accepted.iter();
        accepted.filter_map(move |(order_id, lines)| (!is_entered(order_id)).then_some(lines))
    }
}

fn order(item: &Item) -> OrderRecord {
    OrderRecord {
        order_id: text(item, "order_id"),
        status: text(item, "status").parse().expect("is a status"),
        decision_id: item
            .contains_key("decision_id")
            .then(|| text(item, "decision_id")),
        lines: lines(item, "lines"),
    }
}

fn lines(item: &Item, name: &str) -> Lines {
    let lines = item[name].as_l().expect("lines are a list");
    let lines = lines
        .iter()
        .map(|line| line.as_m().expect("a line is a map"));
    lines
        .map(|line| (text(line, "product_id"), number(line, "quantity")))
        .collect()
}

fn text(item: &Item, name: &str) -> String {
    item[name].as_s().expect("is a text").clone()
}

fn number(item: &Item, name: &str) -> i64 {
    let number = item[name].as_n().expect("is a number");
    number.parse().expect("is a whole number")
}
