//! Deciding a batch of checkouts: the transaction at the heart of the shop.
//!
//! The desk reads the stock of the batch once, allocates it in memory ([`domain::allocate`]) and
//! commits each plan as one `TransactWriteItems`: one merged decrement per product and one entry
//! per order. Whatever goes wrong, a checkout ends up decided once, refused, or undecided; and an
//! undecided one can be brought again.

use std::collections::{HashSet, VecDeque};
use std::time::Instant;

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::types::TransactWriteItem;
use domain::{
    Checkout, Order, OrderKey, Plan, ProductId, Shelf, Terms, TransactionLimits, Units, allocate,
};
use jiff::{SignedDuration, Timestamp};

use crate::aws::MissingVariable;
use crate::error::StoreError;
use crate::orders::{Orders, order_bytes};
use crate::settlement::{Job, Report, Settlement};
use crate::stock::Stock;

/// Where checkouts are decided.
#[derive(Debug, Clone)]
pub struct CheckoutDesk {
    client: Client,
    stock: Stock,
    orders: Orders,
    payment_window: SignedDuration,
}

/// A checkout brought to the desk.
#[derive(Debug, Clone)]
pub struct Submission {
    /// What was submitted.
    pub checkout: Checkout,
    /// Whether it was brought before: then it may be decided already, and the desk looks first.
    pub seen_before: bool,
}

impl CheckoutDesk {
    /// A desk for these books, where an accepted order holds its units for `payment_window` unpaid.
    pub fn new(
        client: &Client,
        stock: Stock,
        orders: Orders,
        payment_window: SignedDuration,
    ) -> Self {
        CheckoutDesk {
            client: client.clone(),
            stock,
            orders,
            payment_window,
        }
    }

    /// A desk for the books that `STOCK_TABLE` and `ORDERS_TABLE` name.
    ///
    /// # Errors
    /// When a variable is missing.
    pub fn from_env(
        client: &Client,
        payment_window: SignedDuration,
    ) -> Result<Self, MissingVariable> {
        let (stock, orders) = (Stock::from_env(client)?, Orders::from_env(client)?);
        Ok(Self::new(client, stock, orders, payment_window))
    }

    /// Decides checkouts in the order given, each order at most once even if it is given twice,
    /// until all are decided or the deadline is near.
    pub async fn decide(&self, batch: Vec<Submission>, deadline: Instant) -> Report {
        let (mut waiting, seen_before) = without_duplicates(batch);
        let (decided, shelf) = match self.look_up(&mut waiting, seen_before).await {
            Ok(looked_up) => looked_up,
            Err(error) => {
                tracing::warn!(%error, "the batch could not be looked up; it will come again");
                return Report {
                    unsettled: waiting.iter().map(Checkout::key).collect(),
                    ..Report::default()
                };
            }
        };
        let sale = Sale { desk: self, shelf };
        let mut report = Settlement::new(&self.client, sale, waiting, deadline)
            .run()
            .await;
        report.already_settled.extend(decided);
        report
    }

    /// Takes what is decided already out of `waiting`, and reads the stock of what remains.
    async fn look_up(
        &self,
        waiting: &mut Vec<Checkout>,
        seen_before: Vec<OrderKey>,
    ) -> Result<(HashSet<OrderKey>, Shelf), StoreError> {
        let decided = self.orders.decided_among(seen_before).await?;
        if !decided.is_empty() {
            waiting.retain(|checkout| !decided.contains(&checkout.key()));
        }
        let lines = waiting.iter().flat_map(|checkout| &checkout.lines);
        let products: HashSet<ProductId> = lines.map(|line| line.product_id).collect();
        let shelf = self.stock.shelf(products).await?;
        Ok((decided, shelf))
    }
}

/// The checkouts, each order once, and the orders that were brought before.
fn without_duplicates(batch: Vec<Submission>) -> (Vec<Checkout>, Vec<OrderKey>) {
    let mut given = HashSet::with_capacity(batch.len());
    let mut waiting = Vec::with_capacity(batch.len());
    let mut seen_before = Vec::new();
    for submission in batch {
        let key = submission.checkout.key();
        if given.insert(key.clone()) {
            waiting.push(submission.checkout);
            if submission.seen_before {
                seen_before.push(key);
            }
        }
    }
    (waiting, seen_before)
}

/// Checkouts being settled.
struct Sale<'a> {
    desk: &'a CheckoutDesk,
    /// The stock as last heard of.
    shelf: Shelf,
}

impl Job for Sale<'_> {
    type Item = Checkout;

    fn key(checkout: &Checkout) -> OrderKey {
        checkout.key()
    }

    fn plan(&self, waiting: &VecDeque<Checkout>, limits: TransactionLimits) -> Plan {
        let decided_at = Timestamp::now();
        let terms = Terms {
            decided_at,
            pay_by: decided_at + self.desk.payment_window,
        };
        allocate(waiting, &self.shelf, limits, terms, order_bytes)
    }

    fn move_stock(&self, product: ProductId, units: Units) -> TransactWriteItem {
        self.desk.stock.take(product, units)
    }

    fn enter(&self, _: &Checkout, order: &Order) -> TransactWriteItem {
        self.desk.orders.enter(order)
    }

    fn committed(&mut self, plan: &Plan) {
        self.shelf.take(&plan.moves);
    }

    fn stock_is(&mut self, product: ProductId, available: Units) {
        self.shelf.set(product, available);
    }
}
