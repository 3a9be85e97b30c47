//! The stock and the orders, read from DynamoDB without the shop's own code.

use std::collections::{BTreeMap, HashMap};

use aws_sdk_dynamodb::types::{AttributeValue, KeysAndAttributes};
use domain::OrderStatus;

use crate::shop::Shop;

type Item = HashMap<String, AttributeValue>;

/// The largest number of keys of one `BatchGetItem`.
const MOST_KEYS: usize = 100;

/// All orders and the stock of all products.
#[derive(Debug)]
pub struct Books {
    /// By product.
    pub stock: BTreeMap<String, StockRecord>,
    pub orders: Vec<OrderRecord>,
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
    /// Products and quantities.
    pub lines: Vec<(String, i64)>,
}

impl Shop {
    /// Reads the books.
    pub async fn books(&self) -> Books {
        let stock = self.scan("STOCK_TABLE").await;
        let orders = self.scan("ORDERS_TABLE").await;
        Books {
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
    /// `available` and the units in orders that hold stock.
    #[track_caller]
    pub fn assert_balanced(&self) {
        let mut held: BTreeMap<&str, i64> = BTreeMap::new();
        for order in self
            .orders
            .iter()
            .filter(|order| order.status.holds_stock())
        {
            for (product, quantity) in &order.lines {
                *held.entry(product).or_default() += quantity;
            }
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
}

fn order(item: &Item) -> OrderRecord {
    let lines = item["lines"].as_l().expect("lines is a list");
    OrderRecord {
        order_id: text(item, "order_id"),
        status: text(item, "status").parse().expect("is a status"),
        lines: lines
            .iter()
            .map(|line| line.as_m().expect("a line is a map"))
            .map(|line| (text(line, "product_id"), number(line, "quantity")))
            .collect(),
    }
}

fn text(item: &Item, name: &str) -> String {
    item[name].as_s().expect("is a text").clone()
}

fn number(item: &Item, name: &str) -> i64 {
    let number = item[name].as_n().expect("is a number");
    number.parse().expect("is a whole number")
}
