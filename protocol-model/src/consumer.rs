//! A consumer: gather, read the stock, look, commit, enter, acknowledge.

use crate::configuration::Mutation;
use crate::ids::{ConsumerId, DecisionId, Decisions, Id, MessageId, OrderId, Orders};
use crate::protocol::Steps;
use crate::state::{
    Allocation, Closer, Consumer, Decision, Delivered, Delivery, Order, Phase, Record, State,
    Status,
};
use crate::step::{ConsumerStep, Step, Worker};

impl Steps<'_> {
    pub(crate) fn of_consumer(&mut self, id: ConsumerId) {
        let consumer = *self.now.consumer(id);
        match consumer.phase {
            Phase::Gathering => self.gather(id, consumer),
            Phase::ReadingStock => self.read_stock(id, consumer),
            Phase::Looking => self.look(id, consumer),
            Phase::Settling { found, now } => self.settle(id, found, now),
            Phase::ReadingOrders => self.read_orders(id, consumer),
            Phase::Committing { id: decision } => self.commit(id, consumer, decision),
            Phase::Entering { closer, rejected } => self.enter_own(id, closer, rejected),
            Phase::Acknowledging => self.acknowledge(id, consumer),
        }
        if !consumer.is_idle() && self.now.left.crashes > 0 {
            self.fail(id, consumer);
        }
    }

    fn gather(&mut self, id: ConsumerId, consumer: Consumer) {
        if consumer.batch.len() < self.shop.batch {
            for message in self.shop.messages() {
                self.receive(id, consumer, message);
            }
        }
        if !consumer.batch.is_empty() {
            self.stop_gathering(id, consumer);
        }
    }

    fn receive(&mut self, id: ConsumerId, consumer: Consumer, message: MessageId) {
        let delivered = self.now.messages[message.index()];
        if delivered == Delivered::Deleted || consumer.batch.holds(message) {
            return;
        }
        let delivery = Delivery::new(message, self.shop.message(message), delivered);
        let receive = |state: &mut State| {
            state.messages[message.index()] = Delivered::Before;
            state.consumer_mut(id).batch.push(delivery);
        };
        if !self.now.is_held(message) {
            self.add_consumer(id, ConsumerStep::Receives(delivery), receive);
        } else if self.now.left.lapses > 0 {
            self.add_consumer(id, ConsumerStep::ReceivesAfterLapse(delivery), |state| {
                receive(state);
                state.left.lapses -= 1;
            });
        }
    }

    fn stop_gathering(&mut self, id: ConsumerId, mut consumer: Consumer) {
        if self.shop.has(Mutation::LookBeforeStock) {
            consumer.phase = Phase::Looking;
            self.replace(id, ConsumerStep::StopsGathering, consumer);
        } else if self.shop.has(Mutation::AcknowledgeBeforeCommit) {
            let messages = consumer.batch.messages_of(consumer.batch.orders());
            let consumer = self.with_stock(consumer, false);
            self.add_consumer(id, ConsumerStep::Acknowledges(messages), |state| {
                state.delete_messages(messages);
                *state.consumer_mut(id) = consumer;
            });
        } else {
            self.read_stock(id, consumer);
        }
    }

    fn read_stock(&mut self, id: ConsumerId, consumer: Consumer) {
        let looked = self.shop.has(Mutation::LookBeforeStock);
        let available = self.now.available;
        let consumer = self.with_stock(consumer, looked);
        self.replace(id, ConsumerStep::ReadsStock { available }, consumer);
    }

    /// Write last, read first: what was looked at before a newer stock value does not count.
    fn with_stock(&self, mut consumer: Consumer, looked: bool) -> Consumer {
        consumer.stock = self.now.stock_value();
        consumer.looked = looked;
        self.proceed(consumer)
    }

    /// Allocates what waits. Nothing is committed or rejected before a look that is due.
    pub(crate) fn proceed(&self, mut consumer: Consumer) -> Consumer {
        let Allocation { accepted, rejected } = consumer.allocate(self.shop.decision);
        consumer.phase = if consumer.waiting().is_empty() {
            Phase::Acknowledging
        } else if self.must_look(&consumer, rejected) {
            Phase::Looking
        } else if accepted.is_empty() {
            let closer = None;
            Phase::Entering { closer, rejected }
        } else {
            Phase::Committing { id: None }
        };
        consumer
    }

    /// A rejection may be wrong, and a message that may have been seen may be decided already.
    fn must_look(&self, consumer: &Consumer, rejected: Orders) -> bool {
        let rejects = !rejected.is_empty() && !self.shop.has(Mutation::LookOnlyWhenSeen);
        let unread = !consumer.orders_read && !consumer.maybe_seen().is_empty();
        !consumer.looked && (rejects || unread)
    }

    /// Compares every message of the batch with the open decisions: a receive count of 1 proves nothing.
    fn look(&mut self, id: ConsumerId, mut consumer: Consumer) {
        let compared = if self.shop.has(Mutation::LookForSeenOnly) {
            consumer.maybe_seen()
        } else {
            consumer.waiting()
        };
        let found = self.holding(self.now.open_decisions(), compared);
        consumer.phase = Phase::Settling { found, now: None };
        let consumer = self.go_on_settling(consumer);
        self.replace(id, ConsumerStep::Looks { found }, consumer);
    }

    /// Those of the decisions that accept one of the orders.
    fn holding(&self, decisions: impl Iterator<Item = DecisionId>, orders: Orders) -> Decisions {
        let accepted = |id: DecisionId| self.now.decision(id).accepted;
        decisions
            .filter(|id| !accepted(*id).intersection(orders).is_empty())
            .collect()
    }

    fn settle(&mut self, id: ConsumerId, found: Decisions, now: Option<Closer>) {
        match now {
            Some(closer) => self.of_closer(Worker::Consumer(id), closer),
            None => {
                for decision in found.iter() {
                    let closer = self.closer(decision);
                    self.of_closer(Worker::Consumer(id), closer);
                }
            }
        }
    }

    /// Takes up the next open decision that holds an order which still waits.
    pub(crate) fn go_on_settling(&self, mut consumer: Consumer) -> Consumer {
        if let Phase::Settling { found, now: None } = consumer.phase {
            let found = self.holding(found.iter(), consumer.waiting());
            consumer.phase = Phase::Settling { found, now: None };
            if found.is_empty() {
                return self.after_settling(consumer);
            }
        }
        consumer
    }

    fn after_settling(&self, mut consumer: Consumer) -> Consumer {
        if !consumer.orders_read && !consumer.maybe_seen().is_empty() {
            consumer.phase = Phase::ReadingOrders;
            consumer
        } else {
            self.after_look(consumer)
        }
    }

    fn after_look(&self, mut consumer: Consumer) -> Consumer {
        consumer.looked = true;
        if self.shop.has(Mutation::LookBeforeStock) && !consumer.waiting().is_empty() {
            consumer.phase = Phase::ReadingStock;
            consumer
        } else {
            self.proceed(consumer)
        }
    }

    fn read_orders(&mut self, id: ConsumerId, mut consumer: Consumer) {
        let maybe_seen = consumer.maybe_seen().iter();
        let found: Orders = maybe_seen
            .filter(|order| self.now.order(*order).is_some())
            .collect();
        consumer.decided = consumer.decided.union(found);
        consumer.orders_read = true;
        let consumer = self.after_look(consumer);
        self.replace(id, ConsumerStep::ReadsOrders { found }, consumer);
    }

    /// One transaction: it takes the units and puts the record and its marker, or it does nothing.
    fn commit(&mut self, id: ConsumerId, consumer: Consumer, known: Option<DecisionId>) {
        let accepted = consumer.allocate(self.shop.decision).accepted;
        let is_conditional = !self.shop.has(Mutation::UnconditionalRecord);
        match known {
            Some(decision) if is_conditional && self.now.decision(decision).is_committed() => {
                self.find_own_record(id, consumer, decision);
            }
            _ if accepted.units() > self.now.available => {
                self.commit_cancelled(id, consumer, known);
            }
            Some(decision) => self.try_commit(id, consumer, decision),
            None => self.try_commit(id, consumer, self.now.unused_decision()),
        }
    }

    /// An earlier attempt has landed: the commit is made.
    fn find_own_record(&mut self, id: ConsumerId, consumer: Consumer, decision: DecisionId) {
        let consumer = if self.shop.has(Mutation::RecordMeansFailure) {
            self.with_stock(consumer, false)
        } else {
            self.committed(consumer, decision)
        };
        self.replace(id, ConsumerStep::CommitFindsItsRecord(decision), consumer);
    }

    /// Allocates again from the stock value that came back: new content under a new id.
    fn commit_cancelled(&mut self, id: ConsumerId, consumer: Consumer, known: Option<DecisionId>) {
        let looked = self.shop.has(Mutation::NoLookAfterNewerStock);
        let available = self.now.available;
        let mut consumer = self.with_stock(consumer, looked);
        if self.shop.has(Mutation::OldIdForNewContent) && consumer.phase != Phase::Acknowledging {
            consumer.phase = Phase::Committing { id: known };
        }
        self.replace(id, ConsumerStep::CommitCancelled { available }, consumer);
    }

    fn try_commit(&mut self, id: ConsumerId, consumer: Consumer, decision: DecisionId) {
        let allocation = consumer.allocate(self.shop.decision);
        let accepted = allocation.accepted;
        let entering = self.committed(consumer, decision);
        self.add_consumer(id, ConsumerStep::Commits(decision, allocation), |state| {
            state.commit(decision, accepted);
            *state.consumer_mut(id) = entering;
        });
        if self.now.left.lost_answers > 0 {
            self.commit_unanswered(id, decision, allocation);
        }
    }

    /// The same commit is tried again under the same id.
    fn commit_unanswered(&mut self, id: ConsumerId, decision: DecisionId, allocation: Allocation) {
        let keeps_id = !self.shop.has(Mutation::NewIdAfterLostAnswer);
        let again = Phase::Committing {
            id: keeps_id.then_some(decision),
        };
        let accepted = allocation.accepted;
        let lose_answer = |state: &mut State| {
            state.left.lost_answers -= 1;
            state.consumer_mut(id).phase = again;
        };
        let step = ConsumerStep::CommitAnswerLost(decision, allocation);
        self.add_consumer(id, step, |state| {
            lose_answer(state);
            state.commit(decision, accepted);
        });
        let step = ConsumerStep::CommitUnderWay(decision, allocation);
        self.add_consumer(id, step, |state| {
            lose_answer(state);
            state.late_commits.insert(decision);
            *state.decision_mut(decision) = Decision {
                record: Record::Absent,
                accepted,
                ..Decision::default()
            };
        });
    }

    /// From the commit on, the orders of the allocation are entered; the rest of the batch waits for the next decision.
    fn committed(&self, mut consumer: Consumer, decision: DecisionId) -> Consumer {
        let Allocation { accepted, rejected } = consumer.allocate(self.shop.decision);
        consumer.stock.available -= accepted.units();
        consumer.phase = Phase::Entering {
            closer: Some(Closer::new(decision, accepted)),
            rejected,
        };
        consumer
    }

    fn enter_own(&mut self, id: ConsumerId, closer: Option<Closer>, rejected: Orders) {
        if let Some(closer) = closer {
            self.of_closer(Worker::Consumer(id), closer);
        }
        for order in rejected.iter() {
            self.reject(id, order);
        }
    }

    /// A rejected order is in no record: it is entered directly, if there is none.
    fn reject(&mut self, id: ConsumerId, order: OrderId) {
        if self.shop.has(Mutation::ThrottledPutAttempted) {
            let attempted = self.rejection_attempted(id, order);
            self.replace(id, ConsumerStep::RejectionThrottled(order), attempted);
        }
        let is_entered = self.now.order(order).is_some();
        if is_entered && !self.shop.has(Mutation::UnconditionalRejection) {
            let attempted = self.rejection_attempted(id, order);
            self.replace(id, ConsumerStep::FindsDecided(order), attempted);
        } else {
            self.enter_rejection(id, order);
        }
    }

    fn enter_rejection(&mut self, id: ConsumerId, order: OrderId) {
        let attempted = self.rejection_attempted(id, order);
        let accepted_before = self.now.consumer(id).stock.accepted_before;
        let status = if accepted_before.contains(order) {
            Status::RejectedUnfairly
        } else {
            Status::Rejected
        };
        self.add_consumer(id, ConsumerStep::Rejects(order), |state| {
            state.orders[order.index()] = Some(Order { by: None, status });
            *state.consumer_mut(id) = attempted;
        });
        if self.now.left.lost_answers > 0 {
            self.add_consumer(id, ConsumerStep::RejectionUnderWay(order), |state| {
                state.left.lost_answers -= 1;
                state.late_rejections.insert(order);
            });
        }
    }

    fn rejection_attempted(&self, id: ConsumerId, order: OrderId) -> Consumer {
        let mut consumer = *self.now.consumer(id);
        if let Phase::Entering { rejected, .. } = &mut consumer.phase {
            rejected.remove(order);
        }
        consumer.decided.insert(order);
        self.go_on_entering(consumer)
    }

    /// When all of an allocation is entered, the rest of the batch is allocated.
    pub(crate) fn go_on_entering(&self, consumer: Consumer) -> Consumer {
        match consumer.phase {
            Phase::Entering {
                closer: None,
                rejected,
            } if rejected.is_empty() => self.proceed(consumer),
            _ => consumer,
        }
    }

    /// Deletes the messages of entered orders. The others become visible again.
    fn acknowledge(&mut self, id: ConsumerId, consumer: Consumer) {
        let messages = consumer.batch.messages_of(consumer.decided);
        self.add_consumer(id, ConsumerStep::Acknowledges(messages), |state| {
            state.delete_messages(messages);
            *state.consumer_mut(id) = Consumer::default();
        });
        if self.now.left.crashes > 0 {
            for part in messages.parts() {
                self.add_crash(id, ConsumerStep::AcknowledgesAndCrashes(part), |state| {
                    state.delete_messages(part);
                });
            }
        }
    }

    fn fail(&mut self, id: ConsumerId, consumer: Consumer) {
        self.add_crash(id, ConsumerStep::Crashes, |_| {});
        self.run_out_of_time(id, consumer);
        if let Phase::Settling { found, now } = consumer.phase {
            let taken_up = now.map(|closer| closer.decision);
            match taken_up {
                Some(decision) => self.fail_to_settle(id, consumer, decision),
                None => {
                    for decision in found.iter() {
                        self.fail_to_settle(id, consumer, decision);
                    }
                }
            }
        }
    }

    /// Entered orders are acknowledged all the same. Without one, it does what a crash does.
    fn run_out_of_time(&mut self, id: ConsumerId, consumer: Consumer) {
        let mut decided = consumer.decided;
        if self.shop.has(Mutation::AcknowledgeUnentered) {
            decided = decided.union(consumer.in_hand());
        }
        if decided.is_empty() || consumer.phase == Phase::Acknowledging {
            return;
        }
        self.add_consumer(id, ConsumerStep::RunsOutOfTime, |state| {
            state.left.crashes -= 1;
            *state.consumer_mut(id) = Consumer {
                phase: Phase::Acknowledging,
                batch: consumer.batch,
                decided,
                ..Consumer::default()
            };
        });
    }

    /// The orders of the open decision must come again; the rest of the batch goes on.
    fn fail_to_settle(&mut self, id: ConsumerId, mut consumer: Consumer, decision: DecisionId) {
        let held = self.now.decision(decision).accepted;
        consumer.postponed = consumer
            .postponed
            .union(held.intersection(consumer.waiting()));
        if let Phase::Settling { now, .. } = &mut consumer.phase {
            *now = None;
        }
        let consumer = self.go_on_settling(consumer);
        self.add_consumer(id, ConsumerStep::FailsToSettle(decision), |state| {
            state.left.crashes -= 1;
            *state.consumer_mut(id) = consumer;
        });
    }

    fn add_crash(&mut self, id: ConsumerId, step: ConsumerStep, change: impl FnOnce(&mut State)) {
        self.add_consumer(id, step, |state| {
            change(state);
            state.left.crashes -= 1;
            *state.consumer_mut(id) = Consumer::default();
        });
    }

    fn replace(&mut self, id: ConsumerId, step: ConsumerStep, consumer: Consumer) {
        self.add_consumer(id, step, |state| *state.consumer_mut(id) = consumer);
    }

    fn add_consumer(
        &mut self,
        id: ConsumerId,
        step: ConsumerStep,
        change: impl FnOnce(&mut State),
    ) {
        self.add(Step::Consumer(id, step), change);
    }
}
