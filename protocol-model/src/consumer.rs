//! A consumer: gather, read the stock, look, commit, enter, acknowledge.

use crate::configuration::{Configuration, Mutation};
use crate::ids::{ConsumerId, DecisionId, Decisions, Id, MessageId, Orders};
use crate::protocol::Steps;
use crate::state::{
    Batch, Closer, Consumer, Decision, Delivered, Delivery, Outcome, Phase, Record, State,
};
use crate::step::{ConsumerStep, Step, Worker};

impl Steps<'_> {
    pub(crate) fn of_consumer(&mut self, id: ConsumerId) {
        let consumer = *self.now.consumer(id);
        match consumer.phase {
            Phase::Gathering => self.gather(id, consumer),
            Phase::ReadingStock => self.read_stock(id, consumer),
            Phase::Looking => self.look(id, consumer),
            Phase::Settling { found, now } => self.settle(id, consumer, found, now),
            Phase::ReadingOrders => self.read_orders(id, consumer),
            Phase::Committing { id: decision } => self.commit(id, consumer, decision),
            Phase::Unanswered { id: decision } => self.read_record(id, decision),
            Phase::Entering(closer) => self.enter_own(id, consumer, closer),
            Phase::Acknowledging => self.acknowledge(id, consumer),
        }
        if !consumer.is_idle() && self.now.left.crashes > 0 {
            self.add_consumer(id, ConsumerStep::Crashes, |state| {
                state.left.crashes -= 1;
                *state.consumer_mut(id) = Consumer::default();
            });
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

    fn stop_gathering(&mut self, id: ConsumerId, mut consumer: Consumer) {
        let looks_first = self.shop.has(Mutation::LookBeforeStock);
        consumer.phase = if looks_first {
            Phase::Looking
        } else {
            Phase::ReadingStock
        };
        if self.shop.has(Mutation::AcknowledgeBeforeCommit) {
            self.add_consumer(id, ConsumerStep::StopsGatheringAndAcknowledges, |state| {
                state.delete_messages(consumer.batch);
                *state.consumer_mut(id) = consumer;
            });
        } else {
            self.replace(id, ConsumerStep::StopsGathering, consumer);
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

    fn read_stock(&mut self, id: ConsumerId, consumer: Consumer) {
        let may_look = !self.shop.has(Mutation::LookBeforeStock);
        let available = self.now.available;
        let consumer = self.with_stock(consumer, may_look);
        self.replace(id, ConsumerStep::ReadsStock { available }, consumer);
    }

    /// Write last, read first: the look comes after the stock value that it is for.
    fn with_stock(&self, mut consumer: Consumer, may_look: bool) -> Consumer {
        consumer.stock = self.now.stock_value();
        consumer.phase = if may_look && self.must_look(&consumer) {
            Phase::Looking
        } else {
            Phase::Committing { id: None }
        };
        consumer
    }

    /// A rejection may be wrong, and a message that may have been seen may be decided already.
    fn must_look(&self, consumer: &Consumer) -> bool {
        let rejects = !consumer.allocate().rejected.is_empty();
        let looks_for_rejections = !self.shop.has(Mutation::LookOnlyWhenSeen);
        rejects && looks_for_rejections || !consumer.maybe_seen().is_empty()
    }

    /// Compares every message of the batch with the open decisions: a receive count of 1 proves nothing.
    fn look(&mut self, id: ConsumerId, mut consumer: Consumer) {
        let undecided = consumer.undecided();
        let named = |id| {
            self.now
                .decision(id)
                .outcome
                .orders()
                .intersection(undecided)
        };
        let found: Decisions = self
            .now
            .open_decisions()
            .filter(|id| !named(*id).is_empty())
            .collect();
        for decision in found.iter() {
            consumer.decided = consumer.decided.union(named(decision));
        }
        consumer.phase = if found.is_empty() {
            self.after_look(&consumer)
        } else {
            Phase::Settling { found, now: None }
        };
        self.replace(id, ConsumerStep::Looks { found }, consumer);
    }

    fn settle(
        &mut self,
        id: ConsumerId,
        mut consumer: Consumer,
        found: Decisions,
        now: Option<Closer>,
    ) {
        match now {
            Some(closer) => self.of_closer(Worker::Consumer(id), closer),
            None if found.is_empty() => {
                consumer.phase = self.after_look(&consumer);
                self.replace(id, ConsumerStep::HasSettled, consumer);
            }
            None => {
                for decision in found.iter() {
                    self.take_up(Worker::Consumer(id), decision);
                }
            }
        }
    }

    fn after_look(&self, consumer: &Consumer) -> Phase {
        if !consumer.maybe_seen().is_empty() {
            Phase::ReadingOrders
        } else {
            self.after_orders(consumer)
        }
    }

    fn after_orders(&self, consumer: &Consumer) -> Phase {
        if consumer.undecided().is_empty() {
            Phase::Acknowledging
        } else if self.shop.has(Mutation::LookBeforeStock) {
            Phase::ReadingStock
        } else {
            Phase::Committing { id: None }
        }
    }

    fn read_orders(&mut self, id: ConsumerId, mut consumer: Consumer) {
        let found: Orders = consumer
            .maybe_seen()
            .iter()
            .filter(|order| self.now.order(*order).is_some())
            .collect();
        consumer.decided = consumer.decided.union(found);
        consumer.phase = self.after_orders(&consumer);
        self.replace(id, ConsumerStep::ReadsOrders { found }, consumer);
    }

    /// One transaction: it takes the units and puts the record, or it does nothing.
    fn commit(&mut self, id: ConsumerId, consumer: Consumer, known: Option<DecisionId>) {
        match known {
            Some(decision) if self.now.decision(decision).is_committed() => {
                self.add_consumer(id, ConsumerStep::CommitFindsItsRecord(decision), |state| {
                    state.begin_entering(id, self.shop, decision);
                });
            }
            _ if consumer.allocate().units() > self.now.available => {
                self.commit_cancelled(id, consumer);
            }
            Some(decision) => self.try_commit(id, consumer, decision),
            None => self.try_commit(id, consumer, self.now.unused_decision()),
        }
    }

    /// Allocates again from the stock value that came back: new content under a new id.
    fn commit_cancelled(&mut self, id: ConsumerId, consumer: Consumer) {
        let may_look = !self.shop.has(Mutation::NoLookAfterNewerStock);
        let available = self.now.available;
        let consumer = self.with_stock(consumer, may_look);
        self.replace(id, ConsumerStep::CommitCancelled { available }, consumer);
    }

    fn try_commit(&mut self, id: ConsumerId, consumer: Consumer, decision: DecisionId) {
        let outcome = consumer.allocate();
        let unfair = outcome
            .rejected
            .intersection(consumer.stock.accepted_before);
        let send = |state: &mut State| {
            let record = Record::Absent;
            state.decisions[decision.index()] = Decision {
                record,
                outcome,
                unfair,
            };
        };
        self.add_consumer(id, ConsumerStep::Commits(decision, outcome), |state| {
            send(state);
            state.commit(decision);
            state.begin_entering(id, self.shop, decision);
        });
        if self.now.left.lost_answers > 0 {
            self.commit_unanswered(id, decision, outcome, send);
        }
    }

    fn commit_unanswered(
        &mut self,
        id: ConsumerId,
        decision: DecisionId,
        outcome: Outcome,
        send: impl Fn(&mut State),
    ) {
        let send = |state: &mut State| {
            send(state);
            state.left.lost_answers -= 1;
            state.consumer_mut(id).phase = Phase::Unanswered { id: decision };
        };
        self.add_consumer(
            id,
            ConsumerStep::CommitAnswerLost(decision, outcome),
            |state| {
                send(state);
                state.commit(decision);
            },
        );
        self.add_consumer(
            id,
            ConsumerStep::CommitUnderWay(decision, outcome),
            |state| {
                send(state);
                state.late_commits.insert(decision);
            },
        );
    }

    /// Without its record, the commit is tried again under the same id.
    fn read_record(&mut self, id: ConsumerId, decision: DecisionId) {
        let keeps_id = !self.shop.has(Mutation::NewIdAfterLostAnswer);
        if keeps_id && self.now.decision(decision).is_committed() {
            self.add_consumer(id, ConsumerStep::FindsRecord(decision), |state| {
                state.begin_entering(id, self.shop, decision);
            });
        } else {
            let again = Phase::Committing {
                id: keeps_id.then_some(decision),
            };
            self.add_consumer(id, ConsumerStep::FindsNoRecord, |state| {
                state.consumer_mut(id).phase = again;
            });
        }
    }

    /// Messages may be acknowledged from the commit on.
    fn enter_own(&mut self, id: ConsumerId, consumer: Consumer, closer: Closer) {
        self.of_closer(Worker::Consumer(id), closer);
        if !consumer.batch.is_empty() {
            self.add_consumer(id, ConsumerStep::Acknowledges, |state| {
                state.delete_messages(consumer.batch);
                state.consumer_mut(id).batch = Batch::default();
            });
        }
    }

    fn acknowledge(&mut self, id: ConsumerId, consumer: Consumer) {
        self.add_consumer(id, ConsumerStep::Acknowledges, |state| {
            state.delete_messages(consumer.batch);
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

impl State {
    /// The effect of a commit that lands.
    pub(crate) fn commit(&mut self, id: DecisionId) {
        let decision = &mut self.decisions[id.index()];
        decision.record = Record::Open;
        self.available -= decision.outcome.units();
    }

    fn begin_entering(&mut self, id: ConsumerId, shop: &Configuration, decision: DecisionId) {
        let batch = self.consumer(id).batch;
        let phase = Phase::Entering(Closer::new(shop, self, decision));
        *self.consumer_mut(id) = Consumer {
            phase,
            batch,
            ..Consumer::default()
        };
    }
}
