//! Deciding a batch of checkouts: the transaction at the heart of the shop.
//!
//! The desk reads the stock of the batch once, plans in memory who gets what ([`domain::plan`]) and
//! commits each plan as one `TransactWriteItems`: one merged decrement per product and one entry
//! per order. Whatever goes wrong, a checkout ends up decided once, refused, or undecided; and an
//! undecided one can be brought again.
//!
//! Every write carries its condition, so what the desk believed while planning never matters for
//! safety. A cancelled transaction says, action by action, what was believed wrongly; the desk
//! learns that and plans again.

use std::collections::{HashSet, VecDeque};
use std::time::{Duration, Instant};

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::config::retry::RetryConfig;
use aws_sdk_dynamodb::config::timeout::TimeoutConfig;
use aws_sdk_dynamodb::operation::transact_write_items::TransactWriteItemsError;
use aws_sdk_dynamodb::types::{CancellationReason, TransactWriteItem};
use domain::allocation::TransactionLimits;
use domain::{Checkout, Order, OrderKey, Plan, ProductId, Shelf, plan};
use jiff::Timestamp;

use crate::aws::MissingVariable;
use crate::backoff::Backoff;
use crate::error::StoreError;
use crate::orders::{Orders, order_bytes};
use crate::stock::{Stock, available};

/// Where checkouts are decided.
#[derive(Debug, Clone)]
pub struct CheckoutDesk {
    client: Client,
    stock: Stock,
    orders: Orders,
}

/// A checkout brought to the desk.
#[derive(Debug, Clone)]
pub struct Submission {
    /// What was submitted.
    pub checkout: Checkout,
    /// Whether it was brought before: then it may be decided already, and the desk looks first.
    pub seen_before: bool,
}

/// What became of a batch. Each checkout is in exactly one of the four lists.
#[derive(Debug, Default)]
pub struct Report {
    /// Decided now, accepted or rejected.
    pub decided: Vec<Order>,
    /// Decided before: nothing was changed.
    pub already_decided: Vec<OrderKey>,
    /// The books will never take these.
    pub refused: Vec<OrderKey>,
    /// Not decided in the time given; bring them again.
    pub undecided: Vec<OrderKey>,
    /// Transactions that were committed.
    pub transactions: u32,
    /// Transactions that were cancelled because stock had moved or orders were decided already.
    pub cancelled: u32,
    /// Tries that met another writer, a throttle or a failure, and were made again after a wait.
    pub retries: u32,
}

/// What became of one transaction.
enum Outcome {
    Committed,
    /// By reasons in the order of the plan's actions.
    Cancelled(Vec<CancellationReason>),
    /// Perhaps later; perhaps committed and only the answer is lost.
    Unavailable(String),
    /// Never, and without a word on which action is to blame.
    Refused(String),
}

impl CheckoutDesk {
    /// A desk for these books.
    pub fn new(client: &Client, stock: Stock, orders: Orders) -> Self {
        CheckoutDesk {
            client: client.clone(),
            stock,
            orders,
        }
    }

    /// A desk for the books that `STOCK_TABLE` and `ORDERS_TABLE` name.
    ///
    /// # Errors
    /// When a variable is missing.
    pub fn from_env(client: &Client) -> Result<Self, MissingVariable> {
        Ok(Self::new(
            client,
            Stock::from_env(client)?,
            Orders::from_env(client)?,
        ))
    }

    /// Decides checkouts in the order given, each order at most once even if it is given twice,
    /// until all are decided or the deadline is near.
    pub async fn decide(&self, batch: Vec<Submission>, deadline: Instant) -> Report {
        let mut session = Session {
            desk: self,
            deadline,
            waiting: VecDeque::with_capacity(batch.len()),
            shelf: Shelf::default(),
            backoff: Backoff::default(),
            most_orders: usize::MAX,
            report: Report::default(),
        };
        session.run(batch).await;
        session.report
    }

    async fn commit(&self, plan: &Plan, time_left: Duration) -> Outcome {
        let takes = plan
            .takes
            .iter()
            .map(|(product, units)| self.stock.take(*product, *units));
        let orders = plan.orders.iter().map(|order| self.orders.decide(order));
        let actions: Vec<TransactWriteItem> = takes.chain(orders).collect();
        // The session waits and tries again itself, knowing the deadline and what it can learn from
        // a cancellation; the SDK's own retries would only hide both.
        let no_retries = aws_sdk_dynamodb::Config::builder()
            .retry_config(RetryConfig::disabled())
            .timeout_config(
                TimeoutConfig::builder()
                    .operation_timeout(time_left)
                    .build(),
            );
        let answer = self
            .client
            .transact_write_items()
            .set_transact_items(Some(actions))
            .customize()
            .config_override(no_retries)
            .send()
            .await;
        let error = match answer {
            Ok(_) => return Outcome::Committed,
            Err(error) => error,
        };
        match error.as_service_error() {
            Some(TransactWriteItemsError::TransactionCanceledException(cancelled)) => {
                Outcome::Cancelled(cancelled.cancellation_reasons().to_vec())
            }
            _ => match StoreError::from(error) {
                StoreError::Refused(why) => Outcome::Refused(why),
                passing => Outcome::Unavailable(passing.to_string()),
            },
        }
    }
}

/// One run of the desk over a batch.
struct Session<'a> {
    desk: &'a CheckoutDesk,
    deadline: Instant,
    /// Still to be decided, in order of arrival.
    waiting: VecDeque<Checkout>,
    /// The stock as last heard of.
    shelf: Shelf,
    backoff: Backoff,
    /// Orders in a transaction, at most: halved to corner an order that the books refuse.
    most_orders: usize,
    report: Report,
}

impl Session<'_> {
    async fn run(&mut self, batch: Vec<Submission>) {
        if let Err(error) = self.prepare(batch).await {
            tracing::warn!(%error, "the batch could not be read; it will come again");
        } else {
            self.decide_waiting().await;
        }
        let undecided = self.waiting.drain(..).map(|checkout| checkout.key());
        self.report.undecided.extend(undecided);
    }

    /// Drops what is decided already and reads the stock of what remains.
    async fn prepare(&mut self, batch: Vec<Submission>) -> Result<(), StoreError> {
        let mut given = HashSet::with_capacity(batch.len());
        let mut seen_before = Vec::new();
        for submission in batch {
            let key = submission.checkout.key();
            if given.insert(key.clone()) {
                self.waiting.push_back(submission.checkout);
                if submission.seen_before {
                    seen_before.push(key);
                }
            }
        }
        let decided = self.desk.orders.decided_among(seen_before).await?;
        self.waiting
            .retain(|checkout| !decided.contains(&checkout.key()));
        self.report.already_decided.extend(decided);

        let lines = self.waiting.iter().flat_map(|checkout| &checkout.lines);
        let products: HashSet<ProductId> = lines.map(|line| line.product_id).collect();
        self.shelf = self.desk.stock.shelf(products).await?;
        Ok(())
    }

    async fn decide_waiting(&mut self) {
        while !self.waiting.is_empty() {
            let limits = TransactionLimits {
                orders: self.most_orders,
                ..TransactionLimits::default()
            };
            let now = Timestamp::now();
            let plan = plan(&mut self.waiting, &self.shelf, limits, now, order_bytes);
            let time_left = self.deadline.saturating_duration_since(Instant::now());
            if time_left.is_zero() {
                return plan.undo(&mut self.waiting);
            }
            let again_after_a_wait = match self.desk.commit(&plan, time_left).await {
                Outcome::Committed => {
                    self.committed(plan);
                    false
                }
                Outcome::Cancelled(reasons) => self.cancelled(plan, &reasons),
                Outcome::Unavailable(why) => {
                    tracing::warn!(why, orders = plan.orders.len(), "no answer from the books");
                    plan.undo(&mut self.waiting);
                    true
                }
                Outcome::Refused(why) => {
                    self.refused(plan, &why);
                    false
                }
            };
            if again_after_a_wait {
                self.report.retries += 1;
                if self.backoff.wait(self.deadline).await.is_err() {
                    return;
                }
            }
        }
    }

    fn committed(&mut self, plan: Plan) {
        self.shelf.take(&plan.takes);
        self.report.transactions += 1;
        self.report.decided.extend(plan.orders);
        self.backoff.reset();
        self.most_orders = self.most_orders.saturating_mul(2);
    }

    /// Learns from the reasons and puts back what is still to be decided. `true` when trying again
    /// needs a wait: somebody else is writing, or nothing was learned.
    fn cancelled(&mut self, mut plan: Plan, reasons: &[CancellationReason]) -> bool {
        self.report.cancelled += 1;
        let (of_takes, of_orders) = reasons.split_at(plan.takes.len().min(reasons.len()));
        let mut learned = false;

        for (product, reason) in plan.takes.keys().zip(of_takes) {
            if reason.code() == Some(CONDITION_FAILED) {
                // No item comes back for a product that has no stock entry: none available.
                let left = reason.item().and_then(|item| available(item).ok());
                self.shelf.set(*product, left.unwrap_or(0));
                learned = true;
            }
        }

        let mut reasons_of_orders = of_orders.iter();
        plan.orders.retain(|order| {
            match reasons_of_orders.next().and_then(CancellationReason::code) {
                Some(CONDITION_FAILED) => self.report.already_decided.push(order.key()),
                Some(code) if REFUSED_ITEM.contains(&code) => {
                    tracing::error!(order_id = %order.order_id(), code, "the books refuse an order");
                    self.report.refused.push(order.key());
                }
                _ => return true,
            }
            learned = true;
            false
        });

        plan.undo(&mut self.waiting);
        let met_another_writer = |reason: &CancellationReason| {
            !matches!(reason.code(), None | Some("None" | CONDITION_FAILED))
                && !reason
                    .code()
                    .is_some_and(|code| REFUSED_ITEM.contains(&code))
        };
        !learned || reasons.iter().any(met_another_writer)
    }

    /// A transaction was refused whole. Alone, its order is the one to blame; otherwise the next
    /// plan holds half as many, until the bad one is cornered.
    fn refused(&mut self, plan: Plan, why: &str) {
        if let [order] = plan.orders.as_slice() {
            tracing::error!(order_id = %order.order_id(), why, "the books refuse an order");
            self.report.refused.push(order.key());
        } else {
            self.most_orders = plan.orders.len() / 2;
            plan.undo(&mut self.waiting);
        }
    }
}

/// Reasons for a cancellation.
/// Source: Amazon DynamoDB API Reference, `TransactWriteItems`, `TransactionCanceledException`.
const CONDITION_FAILED: &str = "ConditionalCheckFailed";
const REFUSED_ITEM: [&str; 2] = ["ValidationError", "ItemCollectionSizeLimitExceeded"];
