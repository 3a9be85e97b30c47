//! Entering the accepted orders of a decision, then closing it: by its own consumer, by another, or by the sweep.

use crate::configuration::Mutation;
use crate::ids::{ConsumerId, DecisionId, Decisions, Id, OrderId, Orders};
use crate::protocol::Steps;
use crate::state::{Closer, Consumer, Order, Phase, Record, State, Status};
use crate::step::{ClosingStep, Returned, Step, Worker};

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
                    let closer = self.closer(decision);
                    self.of_closer(Worker::Sweep, closer);
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

    /// A closer that has read the record.
    pub(crate) fn closer(&self, decision: DecisionId) -> Closer {
        Closer::new(decision, self.now.decision(decision).accepted)
    }

    /// Closes only after every put was attempted.
    pub(crate) fn of_closer(&mut self, worker: Worker, closer: Closer) {
        let unattempted = closer.unattempted();
        if unattempted.is_empty() {
            self.close(worker, closer);
        }
        for order in unattempted.iter() {
            self.put(worker, closer, order);
        }
    }

    fn put(&mut self, worker: Worker, mut closer: Closer, id: OrderId) {
        if self.shop.has(Mutation::ReturnsBeforePuts) && closer.attempted.is_empty() {
            closer.returns = self.entered_by_another(closer);
        }
        if self.shop.has(Mutation::ThrottledPutAttempted) {
            let attempted = closer.attempt(id, Returned::Nothing);
            self.attempt(worker, ClosingStep::PutThrottled(id), attempted);
        }
        match self.now.order(id) {
            Some(order) if !self.shop.has(Mutation::UnconditionalPut) => {
                let returned = self.returned(closer.decision, order);
                let attempted = closer.attempt(id, returned);
                self.attempt(worker, ClosingStep::Finds(id, returned), attempted);
            }
            Some(_) | None => self.enter(worker, closer, id),
        }
    }

    fn entered_by_another(&self, closer: Closer) -> Orders {
        let by_another = |id: &OrderId| {
            let order = self.now.order(*id);
            order.is_some_and(|order| order.by != Some(closer.decision))
        };
        closer.accepted.iter().filter(by_another).collect()
    }

    /// What a put that finds its order there means for the unit that the decision took.
    fn returned(&self, decision: DecisionId, order: Order) -> Returned {
        if self.is_without_the_unit(decision, order) {
            Returned::ItsUnit
        } else {
            Returned::Nothing
        }
    }

    fn is_without_the_unit(&self, decision: DecisionId, order: Order) -> bool {
        if self.shop.has(Mutation::ReturnsBeforePuts) {
            return false;
        }
        if order.by == Some(decision) {
            // Its unit went back when it was released.
            return order.status == Status::Released && self.shop.has(Mutation::ReturnsReleased);
        }
        order.is_accepted() || !self.shop.has(Mutation::RejectedNotReturned)
    }

    fn enter(&mut self, worker: Worker, closer: Closer, id: OrderId) {
        let by = closer.decision;
        let attempted = closer.attempt(id, Returned::Nothing);
        let kept = self.with_closer(worker, attempted);
        self.add_closing(worker, ClosingStep::Enters(id, by), |state| {
            state.orders[id.index()] = Some(Order::accepted(by));
            kept.keep(state);
        });
        if self.now.left.lost_answers > 0 {
            self.add_closing(worker, ClosingStep::PutUnderWay(id, by), |state| {
                state.left.lost_answers -= 1;
                state.decision_mut(by).late_puts.insert(id);
            });
        }
    }

    fn attempt(&mut self, worker: Worker, step: ClosingStep, attempted: Closer) {
        let kept = self.with_closer(worker, attempted);
        self.add_closing(worker, step, |state| kept.keep(state));
    }

    /// Deletes the marker and returns units, on condition that the marker exists. Without units, the condition would
    /// make no difference.
    fn close(&mut self, worker: Worker, closer: Closer) {
        let id = closer.decision;
        let kept = self.without_closer(worker, closer);
        let is_open = self.now.decision(id).record == Record::Open;
        if is_open || self.shop.has(Mutation::UnconditionalClose) {
            self.add_closing(worker, ClosingStep::Closes(id, closer.returns), |state| {
                state.decision_mut(id).record = Record::Closed;
                state.available += closer.returns.units();
                kept.keep(state);
            });
        } else {
            self.add_closing(worker, ClosingStep::FindsClosed(id), |state| {
                kept.keep(state);
            });
        }
    }

    fn with_closer(&self, worker: Worker, closer: Closer) -> Kept {
        match worker {
            Worker::Sweep => Kept::Sweep(Some(closer)),
            Worker::Consumer(id) => Kept::Consumer(id, self.now.consumer(id).with_closer(closer)),
        }
    }

    fn without_closer(&self, worker: Worker, closer: Closer) -> Kept {
        match worker {
            Worker::Sweep => Kept::Sweep(None),
            Worker::Consumer(id) => {
                let consumer = self.now.consumer(id).without_closer(closer);
                let consumer = self.go_on_entering(self.go_on_settling(consumer));
                Kept::Consumer(id, consumer)
            }
        }
    }

    fn add_closing(&mut self, worker: Worker, step: ClosingStep, change: impl FnOnce(&mut State)) {
        self.add(Step::Closer(worker, step), change);
    }
}

/// What a worker is after its step.
enum Kept {
    Sweep(Option<Closer>),
    Consumer(ConsumerId, Consumer),
}

impl Kept {
    fn keep(self, state: &mut State) {
        match self {
            Self::Sweep(closer) => state.sweep = closer,
            Self::Consumer(id, consumer) => *state.consumer_mut(id) = consumer,
        }
    }
}

impl Closer {
    pub(crate) fn new(decision: DecisionId, accepted: Orders) -> Self {
        Self {
            decision,
            accepted,
            attempted: Orders::default(),
            returns: Orders::default(),
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

impl Consumer {
    fn with_closer(mut self, closer: Closer) -> Self {
        match &mut self.phase {
            Phase::Settling { found, now } => {
                *found = found.without(Decisions::from_iter([closer.decision]));
                *now = Some(closer);
            }
            Phase::Entering { closer: own, .. } => {
                *own = Some(closer);
                self.decided = self.decided.union(closer.attempted);
            }
            _ => unreachable!("it closes a decision only when it settles or enters"),
        }
        self
    }

    /// All orders of the decision are entered.
    fn without_closer(mut self, closer: Closer) -> Self {
        let held = closer.accepted.intersection(self.batch.orders());
        match &mut self.phase {
            Phase::Settling { now, .. } => {
                *now = None;
                self.decided = self.decided.union(held.without(self.postponed));
            }
            Phase::Entering { closer: own, .. } => *own = None,
            _ => unreachable!("it closes a decision only when it settles or enters"),
        }
        self
    }
}
