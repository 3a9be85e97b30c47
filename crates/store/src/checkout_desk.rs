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
use crate::deadline::in_time;
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
        let decided = self.orders.decided_among(seen_before);
        let decided = match in_time(deadline, decided).await {
            Ok(decided) => decided,
            Err(error) => return unread(&waiting, error),
        };
        waiting.retain(|checkout| !decided.contains(&checkout.key()));
        let shelf = self.stock.shelf(products(&waiting));
        let mut report = match in_time(deadline, shelf).await {
            Ok((shelf, unreadable)) => self.sell(waiting, shelf, &unreadable, deadline).await,
            Err(error) => unread(&waiting, error),
        };
        report.already_settled.extend(decided);
        report
    }

    /// Sells what is on the shelf. Nobody can tell how much there is of what is `unreadable`, so
    /// checkouts with such a product are refused.
    async fn sell(
        &self,
        waiting: Vec<Checkout>,
        shelf: Shelf,
        unreadable: &HashSet<ProductId>,
        deadline: Instant,
    ) -> Report {
        let names_one = |checkout: &Checkout| {
            let mut lines = checkout.lines.iter();
            lines.any(|line| unreadable.contains(&line.product_id))
        };
        let (refused, waiting): (Vec<_>, Vec<_>) = waiting.into_iter().partition(names_one);
        let sale = Sale { desk: self, shelf };
        let settlement = Settlement::new(&self.client, sale, waiting, deadline);
        let mut report = settlement.run().await;
        report.refused.extend(refused.iter().map(Checkout::key));
        report
    }
}

/// All that is wanted.
fn products(waiting: &[Checkout]) -> HashSet<ProductId> {
    let lines = waiting.iter().flat_map(|checkout| &checkout.lines);
    lines.map(|line| line.product_id).collect()
}

/// The checkouts, each order once, and the orders of which a checkout was brought before.
fn without_duplicates(batch: Vec<Submission>) -> (Vec<Checkout>, HashSet<OrderKey>) {
    let mut given = HashSet::with_capacity(batch.len());
    let mut waiting = Vec::with_capacity(batch.len());
    let mut seen_before = HashSet::new();
    for submission in batch {
        let key = submission.checkout.key();
        if submission.seen_before {
            seen_before.insert(key.clone());
        }
        if given.insert(key) {
            waiting.push(submission.checkout);
        }
    }
    (waiting, seen_before)
}

/// The report when nothing can be decided, because the books could not be read.
fn unread(waiting: &[Checkout], error: StoreError) -> Report {
    tracing::warn!(%error, orders = waiting.len(), "the books could not be read");
    Report {
        unsettled: waiting.iter().map(Checkout::key).collect(),
        trouble: Some(error),
        ..Report::default()
    }
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
