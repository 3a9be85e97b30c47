//! Settling orders together with the stock they move: what direct orders and releases have in common.
//!
//! A job plans as many of the waiting orders as fit one transaction; the settlement commits that
//! plan, and goes on until nobody waits or time runs out. Every write carries its condition, so what
//! was believed while planning never matters for safety. A cancelled transaction says, action by
//! action, what was believed wrongly; the settlement learns that and plans again.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::types::{CancellationReason, TransactWriteItem};
use domain::{Order, OrderKey, Plan, ProductId, TransactionLimits, Units};

use crate::error::StoreError;
use crate::patience::Backoff;
use crate::stock::available;
use crate::transaction::{Outcome, condition_failed, is_refused, transact_once};

/// What became of a batch. Each order is in exactly one of the four lists.
#[derive(Debug, Default)]
pub struct Report {
    /// Written now.
    pub settled: Vec<Order>,
    /// Settled before, by this or another way: nothing was changed.
    pub already_settled: Vec<OrderKey>,
    /// The books will never take these.
    pub refused: Vec<OrderKey>,
    /// Not settled in the time given; bring them again.
    pub unsettled: Vec<OrderKey>,
    /// Transactions that were committed.
    pub transactions: u32,
    /// Transactions that were cancelled, because stock or orders were not as believed or another
    /// writer was at them.
    pub conflicts: u32,
    /// Tries that were made again after a wait.
    pub retries: u32,
    /// Why the books were last not to be read or written, if they were not.
    pub trouble: Option<StoreError>,
}

impl Report {
    /// Why nothing came of a batch of one.
    pub fn into_error(self) -> StoreError {
        match (self.refused.first(), self.trouble) {
            (Some(order), _) => StoreError::Refused(format!("the books refuse {}", order.order_id)),
            (None, Some(trouble)) => trouble,
            (None, None) => {
                StoreError::Unavailable("others kept writing the same items".to_owned())
            }
        }
    }
}

/// A way to settle orders.
pub(crate) trait Job {
    /// What waits to be settled.
    type Item;

    /// The order it is about.
    fn key(item: &Self::Item) -> OrderKey;

    /// Plans items from the front, one order an item, as many as fit one transaction.
    fn plan(&self, waiting: &VecDeque<Self::Item>, limits: TransactionLimits) -> Plan;

    /// The write that moves a product's stock.
    fn move_stock(&self, product: ProductId, units: Units) -> TransactWriteItem;

    /// The write that enters an item's order as planned.
    fn enter(&self, item: &Self::Item, order: &Order) -> TransactWriteItem;

    /// The plan was committed.
    fn committed(&mut self, plan: &Plan);

    /// A product's stock turned out to be this.
    fn stock_is(&mut self, product: ProductId, available: Units);
}

/// One run over a batch.
pub(crate) struct Settlement<J: Job> {
    client: Client,
    job: J,
    deadline: Instant,
    waiting: VecDeque<J::Item>,
    backoff: Backoff,
    /// Orders in a transaction, at most: halved to corner an order that the books refuse.
    most_orders: usize,
    report: Report,
}

impl<J: Job> Settlement<J> {
    pub(crate) fn new(
        client: &Client,
        job: J,
        waiting: impl IntoIterator<Item = J::Item>,
        deadline: Instant,
    ) -> Self {
        Settlement {
            client: client.clone(),
            job,
            deadline,
            waiting: waiting.into_iter().collect(),
            backoff: Backoff::default(),
            most_orders: usize::MAX,
            report: Report::default(),
        }
    }

    /// Settles what waits, in its order, until nothing waits or the deadline is near.
    pub(crate) async fn run(mut self) -> Report {
        while !self.waiting.is_empty() && self.settle_some().await {}
        let unsettled = self.waiting.iter().map(J::key);
        self.report.unsettled.extend(unsettled);
        self.report
    }

    /// One transaction. `false` when there is no time for another.
    async fn settle_some(&mut self) -> bool {
        let time_left = self.deadline.saturating_duration_since(Instant::now());
        if time_left.is_zero() {
            return false;
        }
        let limits = TransactionLimits {
            orders: self.most_orders,
            ..TransactionLimits::default()
        };
        let plan = self.job.plan(&self.waiting, limits);
        let again_after_a_wait = match self.commit(&plan, time_left).await {
            Outcome::Committed => {
                self.committed(plan);
                false
            }
            Outcome::Cancelled(reasons) => self.cancelled(&plan, &reasons),
            Outcome::Unavailable(error) => {
                tracing::warn!(%error, orders = plan.orders.len(), "no answer from the books");
                self.report.trouble = Some(error);
                true
            }
            Outcome::Refused(error) => {
                self.refused(&plan, &error);
                false
            }
        };
        if !again_after_a_wait {
            return true;
        }
        self.report.retries += 1;
        self.backoff.wait(self.deadline).await.is_ok()
    }

    async fn commit(&self, plan: &Plan, time_left: Duration) -> Outcome {
        let moves = plan
            .moves
            .iter()
            .map(|(product, units)| self.job.move_stock(*product, *units));
        let orders = self
            .waiting
            .iter()
            .zip(&plan.orders)
            .map(|(item, order)| self.job.enter(item, order));
        let actions: Vec<TransactWriteItem> = moves.chain(orders).collect();
        match transact_once(&self.client, &actions, time_left).await {
            Outcome::Cancelled(reasons)
                if reasons.iter().take(plan.moves.len()).any(is_refused) =>
            {
                Outcome::Refused(StoreError::Refused("a move of stock".to_owned()))
            }
            outcome => outcome,
        }
    }

    fn committed(&mut self, plan: Plan) {
        self.job.committed(&plan);
        self.waiting.drain(..plan.orders.len());
        self.report.transactions += 1;
        self.report.settled.extend(plan.orders);
        self.backoff.reset();
        self.most_orders = self.most_orders.saturating_mul(2);
    }

    /// Learns from the reasons. `true` when trying again needs a wait: somebody else is writing, or
    /// nothing was learned.
    fn cancelled(&mut self, plan: &Plan, reasons: &[CancellationReason]) -> bool {
        self.report.conflicts += 1;
        let mut learned = false;

        for (product, reason) in plan.moves.keys().zip(reasons) {
            if !condition_failed(reason) {
                continue;
            }
            // No item comes back for a product that has no stock entry: none available.
            match reason.item().map_or(Ok(0), available) {
                Ok(left) => {
                    self.job.stock_is(*product, left);
                    learned = true;
                }
                Err(error) => {
                    tracing::error!(product_id = %product, %error, "an item cannot be read")
                }
            }
        }

        let planned = self.waiting.drain(..plan.orders.len());
        let mut still_waiting = VecDeque::with_capacity(planned.len());
        let of_orders = reasons.iter().skip(plan.moves.len()).map(Some);
        for (item, reason) in planned.zip(of_orders.chain(std::iter::repeat(None))) {
            match reason {
                Some(reason) if condition_failed(reason) => {
                    self.report.already_settled.push(J::key(&item));
                }
                Some(reason) if is_refused(reason) => {
                    let (key, code) = (J::key(&item), reason.code());
                    tracing::error!(order_id = %key.order_id, code, "the books refuse an order");
                    self.report.refused.push(key);
                }
                _ => {
                    still_waiting.push_back(item);
                    continue;
                }
            }
            learned = true;
        }
        still_waiting.append(&mut self.waiting);
        self.waiting = still_waiting;

        !learned || !reasons.iter().all(is_understood)
    }

    /// A transaction was refused whole. Alone, its order is the one to blame; otherwise the next
    /// plan holds half as many, until the bad one is cornered.
    fn refused(&mut self, plan: &Plan, error: &StoreError) {
        if let [order] = plan.orders.as_slice() {
            tracing::error!(order_id = %order.order_id(), %error, "the books refuse an order");
            self.report.refused.push(order.key());
            self.waiting.pop_front();
        } else {
            self.most_orders = plan.orders.len() / 2;
        }
    }
}

/// Whether trying again at once makes sense after this.
fn is_understood(reason: &CancellationReason) -> bool {
    let is_fine = reason.code().is_none_or(|code| code == "None");
    is_fine || condition_failed(reason) || is_refused(reason)
}
