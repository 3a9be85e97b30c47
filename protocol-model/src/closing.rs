//! Entering the orders of a decision, then closing it: by its own consumer, by another, or by the sweep.

use crate::configuration::{Configuration, Mutation};
use crate::ids::{DecisionId, Id, OrderId, Orders};
use crate::protocol::Steps;
use crate::state::{Closer, Order, Phase, Record, State, Status};
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
            self.add(Step::Closer(Worker::Sweep, ClosingStep::Crashes), |state| {
                state.left.crashes -= 1;
                state.sweep = None;
            });
        }
    }

    pub(crate) fn take_up(&mut self, worker: Worker, decision: DecisionId) {
        let closer = Closer::new(self.shop, self.now, decision);
        self.add(
            Step::Closer(worker, ClosingStep::TakesUp(decision)),
            |state| state.keep_closer(worker, closer),
        );
    }

    /// Close only after every put was attempted.
    pub(crate) fn of_closer(&mut self, worker: Worker, closer: Closer) {
        let unattempted = self
            .now
            .decision(closer.decision)
            .outcome
            .orders()
            .without(closer.attempted);
        if unattempted.is_empty() {
            self.close(worker, closer);
        }
        for order in unattempted.iter() {
            self.put(worker, closer, order);
        }
    }

    fn put(&mut self, worker: Worker, closer: Closer, id: OrderId) {
        if self.shop.has(Mutation::ThrottledPutAttempted) {
            self.add(
                Step::Closer(worker, ClosingStep::PutThrottled(id)),
                |state| state.keep_closer(worker, closer.attempt(id, Returned::Nothing)),
            );
        }
        match self.now.order(id) {
            Some(order) if !self.shop.has(Mutation::UnconditionalPut) => {
                self.find(worker, closer, id, order)
            }
            Some(_) | None => self.enter(worker, closer, id),
        }
    }

    fn find(&mut self, worker: Worker, closer: Closer, id: OrderId, order: Order) {
        let is_accepted = self
            .now
            .decision(closer.decision)
            .outcome
            .accepted
            .contains(id);
        let returned = if is_accepted && self.returns(closer.decision, order) {
            Returned::ItsUnit
        } else {
            Returned::Nothing
        };
        self.add(
            Step::Closer(worker, ClosingStep::Finds(id, returned)),
            |state| state.keep_closer(worker, closer.attempt(id, returned)),
        );
    }

    /// Whether the unit that a decision took for an order goes back, because the order that exists does not hold it.
    fn returns(&self, decision: DecisionId, order: Order) -> bool {
        if self.shop.has(Mutation::ReturnsBeforePuts) {
            return false;
        }
        let is_by_another = order.by != decision;
        is_by_another
            || order.status == Status::OverLimit
                && !self.shop.has(Mutation::LimitReturnedByWriterOnly)
            || order.status == Status::Released && self.shop.has(Mutation::ReturnsReleased)
    }

    fn enter(&mut self, worker: Worker, closer: Closer, id: OrderId) {
        if self
            .now
            .decision(closer.decision)
            .outcome
            .rejected
            .contains(id)
        {
            return self.enter_as(worker, closer, id, Entry::Rejected);
        }
        self.enter_as(worker, closer, id, Entry::Accepted);
        if self.shop.customer_limit {
            self.enter_as(worker, closer, id, Entry::OverLimit);
        }
    }

    fn enter_as(&mut self, worker: Worker, closer: Closer, id: OrderId, entry: Entry) {
        let order = Order {
            by: closer.decision,
            status: entry.status(),
        };
        self.add(
            Step::Closer(worker, ClosingStep::Enters(id, closer.decision, entry)),
            |state| {
                state.orders[id.index()] = Some(order);
                state.keep_closer(worker, closer.attempt(id, entry.returned()));
            },
        );
        if self.now.left.lost_answers > 0 {
            self.add(
                Step::Closer(
                    worker,
                    ClosingStep::EntersWithoutAnswer(id, closer.decision, entry),
                ),
                |state| {
                    state.left.lost_answers -= 1;
                    state.orders[id.index()] = Some(order);
                },
            );
        }
    }

    fn close(&mut self, worker: Worker, closer: Closer) {
        let id = closer.decision;
        if self.now.decision(id).record == Record::Open
            || self.shop.has(Mutation::UnconditionalClose)
        {
            self.add(
                Step::Closer(worker, ClosingStep::Closes(id, closer.returns)),
                |state| {
                    state.decisions[id.index()].record = Record::Closed;
                    state.available += closer.returns.len() as i8;
                    state.end_closer(worker);
                },
            );
        } else {
            self.add(
                Step::Closer(worker, ClosingStep::FindsClosed(id)),
                |state| state.end_closer(worker),
            );
        }
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

impl crate::state::Consumer {
    fn keep_closer(&mut self, closer: Closer) {
        self.phase = match self.phase {
            Phase::Settling { found, .. } => {
                let mut found = found;
                found.remove(closer.decision);
                Phase::Settling {
                    found,
                    now: Some(closer),
                }
            }
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
