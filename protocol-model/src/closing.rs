//! Entering the orders of a decision, then closing it: by its own consumer, by another, or by the sweep.

use crate::configuration::{Configuration, Mutation};
use crate::ids::{DecisionId, Decisions, Id, OrderId, Orders};
use crate::protocol::Steps;
use crate::state::{Closer, Consumer, Order, Phase, Record, State, Status};
use crate::step::{ClosingStep, Entry, Returned, Step, Worker};

impl Steps<'_> {
    /// The sweep takes any open decision, also beside a live owner: ages are not modelled.
    pub(crate) fn of_sweep(&mut self) {
        match self.now.sweep {
            Some(closer) => {
                self.of_closer(Worker::Sweep, closer);
                self.sweep_crashes();
            }
            None if self.shop.has(Mutation::NoSweep) => {}
            None => {
                for decision in self.now.open_decisions() {
                    self.take_up(Worker::Sweep, decision);
                }
            }
        }
    }

    fn sweep_crashes(&mut self) {
        if self.now.left.crashes > 0 {
            self.add_closing(Worker::Sweep, ClosingStep::Crashes, |state| {
                state.left.crashes -= 1;
                state.sweep = None;
            });
        }
    }

    pub(crate) fn take_up(&mut self, worker: Worker, decision: DecisionId) {
        let closer = Closer::new(self.shop, self.now, decision);
        self.add_closing(worker, ClosingStep::TakesUp(decision), |state| {
            state.keep_closer(worker, closer);
        });
    }

    /// Closes only after every put was attempted.
    pub(crate) fn of_closer(&mut self, worker: Worker, closer: Closer) {
        let orders = self.now.decision(closer.decision).outcome.orders();
        let unattempted = orders.without(closer.attempted);
        if unattempted.is_empty() {
            self.close(worker, closer);
        }
        for order in unattempted.iter() {
            self.put(worker, closer, order);
        }
    }

    fn put(&mut self, worker: Worker, closer: Closer, id: OrderId) {
        if self.shop.has(Mutation::ThrottledPutAttempted) {
            self.attempt(
                worker,
                closer,
                id,
                ClosingStep::PutThrottled(id),
                Returned::Nothing,
            );
        }
        match self.now.order(id) {
            Some(order) if !self.shop.has(Mutation::UnconditionalPut) => {
                let returned = self.returned(closer.decision, id, order);
                self.attempt(
                    worker,
                    closer,
                    id,
                    ClosingStep::Finds(id, returned),
                    returned,
                );
            }
            Some(_) | None => self.enter(worker, closer, id),
        }
    }

    /// What a put that finds its order there means for the unit that the decision took.
    fn returned(&self, decision: DecisionId, id: OrderId, order: Order) -> Returned {
        let took_a_unit = self.now.decision(decision).outcome.accepted.contains(id);
        if took_a_unit && self.is_without_the_unit(decision, order) {
            Returned::ItsUnit
        } else {
            Returned::Nothing
        }
    }

    fn is_without_the_unit(&self, decision: DecisionId, order: Order) -> bool {
        if self.shop.has(Mutation::ReturnsBeforePuts) {
            return false;
        }
        if order.by != decision {
            return true;
        }
        match order.status {
            Status::OverLimit => !self.shop.has(Mutation::LimitReturnedByWriterOnly),
            // Its unit went back when it was released.
            Status::Released => self.shop.has(Mutation::ReturnsReleased),
            Status::Rejected | Status::WaitingPayment | Status::Paid => false,
        }
    }

    fn enter(&mut self, worker: Worker, closer: Closer, id: OrderId) {
        let outcome = self.now.decision(closer.decision).outcome;
        if outcome.rejected.contains(id) {
            return self.enter_as(worker, closer, id, Entry::Rejected);
        }
        self.enter_as(worker, closer, id, Entry::Accepted);
        if self.shop.customer_limit {
            self.enter_as(worker, closer, id, Entry::OverLimit);
        }
    }

    fn enter_as(&mut self, worker: Worker, closer: Closer, id: OrderId, entry: Entry) {
        let by = closer.decision;
        let status = entry.status();
        let enter = |state: &mut State| state.orders[id.index()] = Some(Order { by, status });
        self.add_closing(worker, ClosingStep::Enters(id, by, entry), |state| {
            enter(state);
            state.keep_closer(worker, closer.attempt(id, entry.returned()));
        });
        if self.now.left.lost_answers > 0 {
            let step = ClosingStep::EntersWithoutAnswer(id, by, entry);
            self.add_closing(worker, step, |state| {
                enter(state);
                state.left.lost_answers -= 1;
            });
        }
    }

    fn attempt(
        &mut self,
        worker: Worker,
        closer: Closer,
        id: OrderId,
        step: ClosingStep,
        returned: Returned,
    ) {
        self.add_closing(worker, step, |state| {
            state.keep_closer(worker, closer.attempt(id, returned));
        });
    }

    fn close(&mut self, worker: Worker, closer: Closer) {
        let id = closer.decision;
        if self.may_close(self.now.decision(id).record) {
            self.add_closing(worker, ClosingStep::Closes(id, closer.returns), |state| {
                state.decisions[id.index()].record = Record::Closed;
                state.available += closer.returns.len() as i8;
                state.end_closer(worker);
            });
        } else {
            self.add_closing(worker, ClosingStep::FindsClosed(id), |state| {
                state.end_closer(worker);
            });
        }
    }

    /// The condition of the transaction that closes a decision.
    fn may_close(&self, record: Record) -> bool {
        let is_unconditional = self.shop.has(Mutation::UnconditionalClose);
        match record {
            Record::Open => true,
            Record::Closed => is_unconditional,
            Record::Expired => is_unconditional || self.shop.has(Mutation::CloseUnlessClosed),
            Record::Unused | Record::Absent => false,
        }
    }

    fn add_closing(&mut self, worker: Worker, step: ClosingStep, change: impl FnOnce(&mut State)) {
        self.add(Step::Closer(worker, step), change);
    }
}

impl Closer {
    pub(crate) fn new(shop: &Configuration, state: &State, decision: DecisionId) -> Self {
        let returns = if shop.has(Mutation::ReturnsBeforePuts) {
            already_entered(state, decision)
        } else {
            Orders::default()
        };
        Self {
            decision,
            attempted: Orders::default(),
            returns,
        }
    }

    /// A put is attempted when it succeeded or found the order there.
    fn attempt(mut self, order: OrderId, returned: Returned) -> Self {
        self.attempted.insert(order);
        match returned {
            Returned::ItsUnit => self.returns.insert(order),
            Returned::Nothing => {}
        }
        self
    }
}

fn already_entered(state: &State, decision: DecisionId) -> Orders {
    let accepted = state.decision(decision).outcome.accepted;
    accepted
        .iter()
        .filter(|id| state.order(*id).is_some_and(|order| order.by != decision))
        .collect()
}

impl Entry {
    fn status(self) -> Status {
        match self {
            Self::Accepted => Status::WaitingPayment,
            Self::Rejected => Status::Rejected,
            Self::OverLimit => Status::OverLimit,
        }
    }

    fn returned(self) -> Returned {
        match self {
            Self::Accepted | Self::Rejected => Returned::Nothing,
            Self::OverLimit => Returned::ItsUnit,
        }
    }
}

impl State {
    fn keep_closer(&mut self, worker: Worker, closer: Closer) {
        match worker {
            Worker::Sweep => self.sweep = Some(closer),
            Worker::Consumer(consumer) => self.consumer_mut(consumer).keep_closer(closer),
        }
    }

    fn end_closer(&mut self, worker: Worker) {
        match worker {
            Worker::Sweep => self.sweep = None,
            Worker::Consumer(consumer) => self.consumer_mut(consumer).end_closer(),
        }
    }
}

impl Consumer {
    fn keep_closer(&mut self, closer: Closer) {
        self.phase = match self.phase {
            Phase::Settling { found, .. } => Phase::Settling {
                found: found.without(Decisions::from_iter([closer.decision])),
                now: Some(closer),
            },
            _ => Phase::Entering(closer),
        };
    }

    fn end_closer(&mut self) {
        self.phase = match self.phase {
            Phase::Settling { found, .. } => Phase::Settling { found, now: None },
            _ if self.batch.is_empty() => Phase::Gathering,
            _ => Phase::Acknowledging,
        };
    }
}
