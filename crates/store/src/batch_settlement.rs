//! The settlement of a batch of checkouts: commit the decision, then enter the orders.
//!
//! 1. Read the stock of the batch, and only then look for decisions that are still open: one of them
//!    may hold a checkout of this batch, because its owner crashed or a message came twice.
//! 2. Allocate in memory, first come, first served ([`domain::allocate`]).
//! 3. Commit one transaction: a merged decrement per product, the record of the accepted orders, and
//!    the record's open marker. However many orders there are, the stock is written once.
//! 4. Enter the orders from the record, each on condition that there is none. The first wins.
//! 5. When every order of the record was attempted, close the decision: the units of orders that
//!    another decision had entered first go back onto the shelf, and the marker goes.
//!
//! Whatever is cut off after the commit is finished by the next batch that holds one of its
//! messages, or by the sweep. docs/architecture.md has the reasons and what would break without each
//! step; protocol-model/ explores them all.

use std::collections::{HashSet, VecDeque};
use std::time::Instant;

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::types::{CancellationReason, TransactWriteItem};
use domain::{
    Allocation, Checkout, Decision, DecisionId, DecisionLimits, Entry, Order, OrderKey, ProductId,
    Shelf, Terms, Verdict, allocate, units_to_return,
};
use jiff::{SignedDuration, Timestamp};
use uuid::Uuid;

use crate::carts::Carts;
use crate::decisions::Decisions;
use crate::env::MissingVariable;
use crate::error::StoreError;
use crate::orders::{Attempt, Orders};
use crate::patience::{Backoff, DECISION_GRACE, in_time};
use crate::stock::{Stock, available};
use crate::transaction::{Outcome, condition_failed, is_refused, transact_once};

/// Decides batches of checkouts.
#[derive(Debug, Clone)]
pub struct BatchSettlement {
    client: Client,
    stock: Stock,
    carts: Carts,
    orders: Orders,
    decisions: Decisions,
    payment_window: SignedDuration,
}

/// A checkout that a message brought.
#[derive(Debug, Clone)]
pub struct Submission {
    /// The checkout.
    pub checkout: Checkout,
    /// Whether it may have been brought before: then it may be decided already.
    pub seen_before: bool,
}

/// What became of a batch. Each order is in exactly one of the first four lists.
#[derive(Debug, Default)]
pub struct BatchReport {
    /// Decided and entered now.
    pub decided: Vec<Order>,
    /// Decided before, by this or another way.
    pub already_decided: Vec<OrderKey>,
    /// The tables will never take these.
    pub refused: Vec<OrderKey>,
    /// Not decided, or not entered, in the time given: bring them again.
    pub undecided: Vec<OrderKey>,
    /// Orders of decisions that others had left open, finished now.
    pub recovered: Vec<Order>,
    /// Transactions that took stock.
    pub transactions: u32,
    /// Transactions that were cancelled, because stock was not as believed or another writer was at it.
    pub conflicts: u32,
    /// Tries that were made again after a wait.
    pub retries: u32,
    /// Why the tables were last not to be read or written, if they were not.
    pub trouble: Option<StoreError>,
}

/// What a sweep found.
#[derive(Debug, Default)]
pub struct SweepReport {
    /// Decisions that were closed.
    pub closed: usize,
    /// Decisions that are old and still open.
    pub left_open: usize,
    /// Their orders.
    pub recovered: Vec<Order>,
}

impl BatchSettlement {
    /// Decides in these tables, where an accepted order holds its units for `payment_window` unpaid.
    pub fn new(
        client: &Client,
        stock: Stock,
        carts: Carts,
        orders: Orders,
        decisions: Decisions,
        payment_window: SignedDuration,
    ) -> Self {
        BatchSettlement {
            client: client.clone(),
            stock,
            carts,
            orders,
            decisions,
            payment_window,
        }
    }

    /// Decides in the tables that the function's variables name.
    ///
    /// # Errors
    /// When a variable is missing.
    pub fn from_env(
        client: &Client,
        payment_window: SignedDuration,
    ) -> Result<Self, MissingVariable> {
        Ok(Self::new(
            client,
            Stock::from_env(client)?,
            Carts::from_env(client)?,
            Orders::from_env(client)?,
            Decisions::from_env(client)?,
            payment_window,
        ))
    }

    /// Decides checkouts in the order given, each order at most once even if it is given twice,
    /// until all are decided or the deadline is near.
    pub async fn decide(&self, batch: Vec<Submission>, deadline: Instant) -> BatchReport {
        let (waiting, seen_before) = without_duplicates(batch);
        let run = Run {
            settlement: self,
            deadline,
            waiting,
            seen_before,
            shelf: Shelf::default(),
            looked: false,
            most_orders: usize::MAX,
            backoff: Backoff::default(),
            report: BatchReport::default(),
        };
        run.decide().await
    }

    /// Enters and closes decisions that have been open for longer than [`DECISION_GRACE`]. Needed
    /// even when every function ends well: a commit whose answer was lost may take effect late.
    ///
    /// # Errors
    /// When the open decisions cannot be read.
    pub async fn sweep(&self, deadline: Instant) -> Result<SweepReport, StoreError> {
        let before = Timestamp::now() - DECISION_GRACE;
        let open = self.decisions.open().await?;
        let old = open.iter().filter(|open| open.decided_at < before);
        let old: Vec<DecisionId> = old.map(|open| open.decision_id).collect();
        let mut report = SweepReport::default();
        let mut records = self.decisions.get_many(old.iter().copied()).await?;
        for decision_id in old {
            let recovery = match records.remove(&decision_id) {
                Some(decision) => self.recover(&decision, deadline).await,
                None => Err(StoreError::Refused("its record cannot be read".to_owned())),
            };
            match recovery {
                Ok(entered) => {
                    report.closed += 1;
                    report.recovered.extend(entered);
                }
                Err(error) => {
                    tracing::error!(%decision_id, %error, "a decision stays open");
                    report.left_open += 1;
                }
            }
        }
        Ok(report)
    }

    /// Enters the orders of another's open decision and closes it. Gives the orders that are in the
    /// table by this decision: its owner may have ended before it had their time to pay watched.
    ///
    /// # Errors
    /// When not all could be done; then the decision is still open, and recovering it again is safe.
    async fn recover(
        &self,
        decision: &Decision,
        deadline: Instant,
    ) -> Result<Vec<Order>, StoreError> {
        let decision_id = decision.decision_id;
        tracing::warn!(%decision_id, orders = decision.accepted.len(), "finishing an open decision");
        let checkouts = self.carts.checkouts(&decision.accepted);
        let checkouts = in_time(deadline, checkouts).await?;
        let terms = self.terms(decision);
        let orders: Vec<Order> = checkouts
            .into_iter()
            .map(|checkout| Order::decided(checkout, Verdict::Accepted, terms))
            .collect();
        let attempts = self.orders.enter_all(&orders, deadline).await;
        in_time(deadline, self.close(decision, &orders, &attempts)).await?;
        let attempted = orders.into_iter().zip(&attempts);
        let entered = attempted.filter(|(order, attempt)| attempt.is_of(order));
        Ok(entered.map(|(order, _)| order).collect())
    }

    /// Closes a decision when all its orders were attempted. `orders` may hold others as well.
    ///
    /// # Errors
    /// When an order was not attempted, or the tables cannot be written.
    async fn close(
        &self,
        decision: &Decision,
        orders: &[Order],
        attempts: &[Attempt],
    ) -> Result<(), StoreError> {
        let decision_id = decision.decision_id;
        let mut entries = Vec::with_capacity(decision.accepted.len());
        let own = |(order, _): &(&Order, _)| order.decision_id == Some(decision_id);
        for (order, attempt) in orders.iter().zip(attempts).filter(own) {
            match attempt {
                Attempt::Written => entries.push((order.lines(), Entry::ByThis)),
                Attempt::Found(by) => {
                    entries.push((order.lines(), Entry::found(decision_id, *by)));
                }
                Attempt::NotAttempted => {}
            }
        }
        // Computed from a part, the units to return would be wrong for good.
        if entries.len() < decision.accepted.len() {
            let missing = decision.accepted.len() - entries.len();
            let problem = format!("{missing} orders of decision {decision_id} are not entered");
            return Err(StoreError::Unavailable(problem));
        }
        let returned = units_to_return(entries);
        self.decisions
            .close(decision_id, &returned, &self.stock)
            .await
    }

    /// The time to pay runs from the moment the order is entered.
    fn terms(&self, decision: &Decision) -> Terms {
        Terms {
            decision_id: Some(decision.decision_id),
            decided_at: decision.decided_at,
            pay_by: Timestamp::now() + self.payment_window,
        }
    }
}

/// The checkouts, each order once, and the orders of which a checkout may have been brought before.
fn without_duplicates(batch: Vec<Submission>) -> (VecDeque<Checkout>, HashSet<OrderKey>) {
    let mut given = HashSet::with_capacity(batch.len());
    let mut waiting = VecDeque::with_capacity(batch.len());
    let mut seen_before = HashSet::new();
    for submission in batch {
        let key = submission.checkout.key();
        if submission.seen_before {
            seen_before.insert(key.clone());
        }
        if given.insert(key) {
            waiting.push_back(submission.checkout);
        }
    }
    (waiting, seen_before)
}

/// What came of trying to commit an allocation.
enum Commit {
    Committed(Decision),
    /// Something else is known now: allocate again.
    Changed,
    /// There is no time for another try.
    OutOfTime,
}

/// One run over a batch.
struct Run<'a> {
    settlement: &'a BatchSettlement,
    deadline: Instant,
    waiting: VecDeque<Checkout>,
    /// Orders that may be decided already and have not been looked up yet.
    seen_before: HashSet<OrderKey>,
    /// The stock as last heard of.
    shelf: Shelf,
    /// Whether the open decisions were looked at since the last news of the stock.
    looked: bool,
    /// Accepted orders in a transaction, at most: halved to find an order that is refused.
    most_orders: usize,
    backoff: Backoff,
    report: BatchReport,
}

impl Run<'_> {
    async fn decide(mut self) -> BatchReport {
        if let Err(error) = self.decide_all().await {
            tracing::warn!(%error, orders = self.waiting.len(), "the batch could not be decided");
            self.report.trouble = Some(error);
        }
        let undecided = self.waiting.iter().map(Checkout::key);
        self.report.undecided.extend(undecided);
        self.report
    }

    /// Decides what waits until nothing waits or the deadline is near.
    async fn decide_all(&mut self) -> Result<(), StoreError> {
        if self.waiting.is_empty() {
            return Ok(());
        }
        self.read_stock().await?;
        while !self.waiting.is_empty() && Instant::now() < self.deadline {
            let limits = DecisionLimits {
                orders: self.most_orders,
                ..DecisionLimits::default()
            };
            let allocation = allocate(&self.waiting, &self.shelf, limits);
            let must_look = allocation.rejects_any() || !self.seen_before.is_empty();
            if must_look && !self.looked {
                self.look().await?;
                continue;
            }
            if !allocation.accepts_any() {
                self.enter(None, allocation).await;
                continue;
            }
            match self.commit(&allocation).await {
                Commit::Committed(decision) => {
                    self.shelf.take(&allocation.taken);
                    self.enter(Some(decision), allocation).await;
                }
                Commit::Changed => {}
                Commit::OutOfTime => break,
            }
        }
        Ok(())
    }

    /// Reads the stock of all that waits. Nothing can be allocated of a product whose stock cannot be
    /// read, so checkouts that name one are refused.
    async fn read_stock(&mut self) -> Result<(), StoreError> {
        let lines = self.waiting.iter().flat_map(|checkout| &checkout.lines);
        let products: HashSet<ProductId> = lines.map(|line| line.product_id).collect();
        let shelf = self.settlement.stock.shelf(products);
        let (shelf, unreadable) = in_time(self.deadline, shelf).await?;
        self.shelf = shelf;
        self.refuse_naming(&unreadable);
        Ok(())
    }

    fn refuse_naming(&mut self, products: &HashSet<ProductId>) {
        let report = &mut self.report;
        self.waiting.retain(|checkout| {
            let mut lines = checkout.lines.iter();
            let refused = lines.any(|line| products.contains(&line.product_id));
            if refused {
                report.refused.push(checkout.key());
            }
            !refused
        });
    }

    /// Looks for what is decided already: among the open decisions, which may hold any checkout of
    /// the batch, and among the orders, for those that may have been seen before.
    ///
    /// It comes after the stock was read, so that no checkout is rejected for units that a decision
    /// of its own had taken before.
    async fn look(&mut self) -> Result<(), StoreError> {
        let settlement = self.settlement;
        let open = in_time(self.deadline, settlement.decisions.open()).await?;
        let open = open.into_iter().map(|open| open.decision_id);
        let records = settlement.decisions.get_many(open);
        let records = in_time(self.deadline, records).await?;
        for decision in records.into_values() {
            let waiting: HashSet<OrderKey> = self.waiting.iter().map(Checkout::key).collect();
            if decision.accepted.iter().any(|key| waiting.contains(key)) {
                self.recover(decision).await;
            }
        }
        let seen_before = std::mem::take(&mut self.seen_before);
        if !seen_before.is_empty() {
            let decided = settlement.orders.decided_among(seen_before);
            let decided = in_time(self.deadline, decided).await?;
            let decided = self.take_out(&decided);
            self.report.already_decided.extend(decided);
        }
        self.looked = true;
        Ok(())
    }

    /// Finishes an open decision that holds checkouts of this batch. Where that fails, its checkouts
    /// must come again; the others go on.
    async fn recover(&mut self, decision: Decision) {
        let recovery = self.settlement.recover(&decision, self.deadline).await;
        let held = decision.accepted.into_iter().collect();
        let held = self.take_out(&held);
        match recovery {
            Ok(entered) => {
                self.report.recovered.extend(entered);
                self.report.already_decided.extend(held);
            }
            Err(error) => {
                let decision_id = decision.decision_id;
                tracing::error!(%decision_id, %error, "a decision stays open");
                self.report.undecided.extend(held);
                self.report.trouble = Some(error);
            }
        }
    }

    /// Takes the checkouts of these orders out of those that wait.
    fn take_out(&mut self, orders: &HashSet<OrderKey>) -> Vec<OrderKey> {
        let mut taken = Vec::new();
        self.waiting.retain(|checkout| {
            let key = checkout.key();
            let stays = !orders.contains(&key);
            if !stays {
                taken.push(key);
            }
            stays
        });
        taken
    }

    /// Commits the accepted part of an allocation. The decision's id and content stay the same for
    /// every attempt: one whose answer is lost may take effect late, and is recognised by its record.
    async fn commit(&mut self, allocation: &Allocation) -> Commit {
        let decision = self.decision(allocation);
        let settlement = self.settlement;
        let moves = allocation.taken.iter();
        let moves = moves.map(|(product, units)| settlement.stock.take(*product, *units));
        let writes: Vec<TransactWriteItem> = moves
            .chain(settlement.decisions.commit(&decision))
            .collect();
        loop {
            let time_left = self.deadline.saturating_duration_since(Instant::now());
            if time_left.is_zero() {
                return Commit::OutOfTime;
            }
            match transact_once(&settlement.client, &writes, time_left).await {
                Outcome::Committed => {
                    self.committed();
                    return Commit::Committed(decision);
                }
                Outcome::Cancelled(reasons) => {
                    self.report.conflicts += 1;
                    let products = allocation.taken.keys().copied();
                    let (of_stock, of_record) = reasons.split_at(allocation.taken.len());
                    // The record is there: an earlier attempt was committed, its answer was lost.
                    if of_record.first().is_some_and(condition_failed) {
                        self.committed();
                        return Commit::Committed(decision);
                    }
                    if self.learn(products.zip(of_stock)) {
                        return Commit::Changed;
                    }
                }
                Outcome::Unavailable(error) => {
                    tracing::warn!(%error, decision_id = %decision.decision_id, "no answer to a commit");
                    self.report.trouble = Some(error);
                }
                Outcome::Refused(error) => {
                    self.refuse(&decision, &error);
                    return Commit::Changed;
                }
            }
            self.report.retries += 1;
            if self.backoff.wait(self.deadline).await.is_err() {
                return Commit::OutOfTime;
            }
        }
    }

    fn decision(&self, allocation: &Allocation) -> Decision {
        let judged = self.waiting.iter().zip(&allocation.verdicts);
        let accepted = judged.filter(|(_, verdict)| **verdict == Verdict::Accepted);
        Decision {
            decision_id: Uuid::now_v7().try_into().expect("it is of version 7"),
            decided_at: Timestamp::now(),
            accepted: accepted.map(|(checkout, _)| checkout.key()).collect(),
        }
    }

    fn committed(&mut self) {
        self.report.transactions += 1;
        self.backoff.reset();
        self.most_orders = self.most_orders.saturating_mul(2);
    }

    /// Learns from a cancellation what is left of each product. `false` when nothing was learned, or
    /// another writer is at the stock: then the same commit is tried again after a wait.
    fn learn<'r>(
        &mut self,
        reasons: impl Iterator<Item = (ProductId, &'r CancellationReason)>,
    ) -> bool {
        let mut learned = false;
        let mut unwritable = HashSet::new();
        for (product, reason) in reasons {
            if is_refused(reason) {
                unwritable.insert(product);
            } else if condition_failed(reason) {
                // No item comes back for a product without a stock entry: none is available.
                match reason.item().map_or(Ok(0), available) {
                    Ok(left) => self.shelf.set(product, left),
                    Err(error) => {
                        tracing::error!(product_id = %product, %error, "an item cannot be read");
                        unwritable.insert(product);
                    }
                }
            } else {
                continue;
            }
            learned = true;
        }
        if learned {
            self.looked = false;
        }
        self.refuse_naming(&unwritable);
        learned
    }

    /// A transaction was refused whole. Alone, its order is the one to blame; otherwise the next
    /// decision accepts half as many, until the bad one is alone.
    fn refuse(&mut self, decision: &Decision, error: &StoreError) {
        if let [order] = decision.accepted.as_slice() {
            tracing::error!(order_id = %order.order_id, %error, "the tables refuse an order");
            self.report.refused.push(order.clone());
            self.waiting.retain(|checkout| checkout.key() != *order);
        } else {
            self.most_orders = decision.accepted.len() / 2;
        }
    }

    /// Enters the orders of an allocation, and closes its decision if it has one.
    async fn enter(&mut self, decision: Option<Decision>, allocation: Allocation) {
        let settlement = self.settlement;
        let now = Timestamp::now();
        let rejecting = Terms {
            decision_id: None,
            decided_at: now,
            pay_by: now,
        };
        let terms = decision
            .as_ref()
            .map_or(rejecting, |it| settlement.terms(it));
        let judged = self.waiting.drain(..allocation.verdicts.len());
        let orders: Vec<Order> = judged
            .zip(allocation.verdicts)
            .map(|(checkout, verdict)| Order::decided(checkout, verdict, terms))
            .collect();
        let attempts = settlement.orders.enter_all(&orders, self.deadline).await;
        if let Some(decision) = decision {
            let closed = settlement.close(&decision, &orders, &attempts);
            if let Err(error) = in_time(self.deadline, closed).await {
                // The next batch that meets it closes it, or the sweep.
                tracing::warn!(%error, "a decision is left open");
                self.report.trouble = Some(error);
            }
        }
        for (order, attempt) in orders.into_iter().zip(attempts) {
            match attempt {
                Attempt::NotAttempted => self.report.undecided.push(order.key()),
                entered if entered.is_of(&order) => self.report.decided.push(order),
                Attempt::Written | Attempt::Found(_) => {
                    self.report.already_decided.push(order.key());
                }
            }
        }
    }
}
