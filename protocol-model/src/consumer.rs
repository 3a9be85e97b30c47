//! A consumer: gather, read the stock, look, commit, enter, acknowledge.

use crate::configuration::Mutation;
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
            let looks_first = self.shop.has(Mutation::LookBeforeStock);
            let acknowledges_first = self.shop.has(Mutation::AcknowledgeBeforeCommit);
            self.add_consumer(id, ConsumerStep::StopsGathering, |state| {
                state.consumer_mut(id).phase = if looks_first {
                    Phase::Looking
                } else {
                    Phase::ReadingStock
                };
                if acknowledges_first {
                    state.delete_messages(consumer.batch);
                }
            });
        }
    }

    fn receive(&mut self, id: ConsumerId, consumer: Consumer, message: MessageId) {
        let delivered = self.now.messages[message.index()];
        let is_invisible = if self.shop.visibility_lapses {
            consumer.batch.holds(message)
        } else {
            self.now.is_held(message)
        };
        if delivered == Delivered::Deleted || is_invisible {
            return;
        }
        let delivery = Delivery::new(message, self.shop.message(message), delivered);
        let Delivery {
            order, maybe_seen, ..
        } = delivery;
        self.add_consumer(
            id,
            ConsumerStep::Receives {
                message,
                order,
                maybe_seen,
            },
            |state| {
                state.messages[message.index()] = Delivered::Before;
                state.consumer_mut(id).batch.push(delivery);
            },
        );
    }

    fn read_stock(&mut self, id: ConsumerId, mut consumer: Consumer) {
        consumer.stock = self.now.stock_value();
        let looks = !self.shop.has(Mutation::LookBeforeStock) && self.must_look(&consumer);
        consumer.phase = if looks {
            Phase::Looking
        } else {
            Phase::Committing { id: None }
        };
        self.replace(
            id,
            ConsumerStep::ReadsStock {
                available: self.now.available,
            },
            consumer,
        );
    }

    /// A rejection may be wrong, and a message that may have been seen may be decided already.
    fn must_look(&self, consumer: &Consumer) -> bool {
        let may_reject =
            !consumer.allocate().rejected.is_empty() && !self.shop.has(Mutation::LookOnlyWhenSeen);
        may_reject || !consumer.maybe_seen().is_empty()
    }

    /// Compares every message of the batch with the open decisions: a receive count of 1 proves nothing.
    fn look(&mut self, id: ConsumerId, mut consumer: Consumer) {
        let undecided = consumer.undecided();
        let named = |decision: DecisionId| {
            self.now
                .decision(decision)
                .outcome
                .orders()
                .intersection(undecided)
        };
        let found: Decisions = self
            .now
            .open_decisions()
            .filter(|decision| !named(*decision).is_empty())
            .collect();
        consumer.decided = found.iter().fold(consumer.decided, |decided, decision| {
            decided.union(named(decision))
        });
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
            None => found
                .iter()
                .for_each(|decision| self.take_up(Worker::Consumer(id), decision)),
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
        let has_stock = !self.shop.has(Mutation::LookBeforeStock);
        match consumer.undecided().is_empty() {
            true => Phase::Acknowledging,
            false if has_stock => Phase::Committing { id: None },
            false => Phase::ReadingStock,
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
    fn commit(&mut self, id: ConsumerId, consumer: Consumer, decision: Option<DecisionId>) {
        let outcome = consumer.allocate();
        match decision {
            Some(decision) if self.now.decision(decision).is_committed() => {
                self.add_consumer(id, ConsumerStep::CommitFindsItsRecord(decision), |state| {
                    state.begin_entering(id, self.shop, decision)
                });
            }
            _ if outcome.units() > self.now.available => self.commit_cancelled(id, consumer),
            _ => {
                let decision = decision.unwrap_or_else(|| self.now.unused_decision());
                self.commit_lands(id, &consumer, decision, outcome);
            }
        }
    }

    /// Allocates again from the stock value that the cancellation returned: new content under a new id.
    fn commit_cancelled(&mut self, id: ConsumerId, mut consumer: Consumer) {
        consumer.stock = self.now.stock_value();
        let looks = !self.shop.has(Mutation::NoLookAfterNewerStock) && self.must_look(&consumer);
        consumer.phase = if looks {
            Phase::Looking
        } else {
            Phase::Committing { id: None }
        };
        self.replace(
            id,
            ConsumerStep::CommitCancelled {
                available: self.now.available,
            },
            consumer,
        );
    }

    fn commit_lands(
        &mut self,
        id: ConsumerId,
        consumer: &Consumer,
        decision: DecisionId,
        outcome: Outcome,
    ) {
        let unfair = outcome
            .rejected
            .intersection(consumer.stock.accepted_before);
        let prepare = |state: &mut State| {
            state.decisions[decision.index()] = Decision {
                record: Record::Absent,
                outcome,
                unfair,
            }
        };
        self.add_consumer(id, ConsumerStep::Commits(decision, outcome), |state| {
            prepare(state);
            state.commit(decision);
            state.begin_entering(id, self.shop, decision);
        });
        if self.now.left.lost_answers == 0 {
            return;
        }
        let get_no_answer = |state: &mut State| {
            prepare(state);
            state.left.lost_answers -= 1;
            state.consumer_mut(id).phase = Phase::Unanswered { id: decision };
        };
        self.add_consumer(
            id,
            ConsumerStep::CommitAnswerLost(decision, outcome),
            |state| {
                get_no_answer(state);
                state.commit(decision);
            },
        );
        if self.now.late_commit.is_none() {
            self.add_consumer(
                id,
                ConsumerStep::CommitUnderWay(decision, outcome),
                |state| {
                    get_no_answer(state);
                    state.late_commit = Some(decision);
                },
            );
        }
    }

    fn read_record(&mut self, id: ConsumerId, decision: DecisionId) {
        if self.shop.has(Mutation::NewIdAfterLostAnswer) {
            self.add_consumer(id, ConsumerStep::FindsNoRecord, |state| {
                state.consumer_mut(id).phase = Phase::Committing { id: None }
            });
        } else if self.now.decision(decision).is_committed() {
            self.add_consumer(id, ConsumerStep::FindsRecord(decision), |state| {
                state.begin_entering(id, self.shop, decision)
            });
        } else {
            let again = Phase::Committing { id: Some(decision) };
            self.add_consumer(id, ConsumerStep::FindsNoRecord, |state| {
                state.consumer_mut(id).phase = again
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

    fn begin_entering(
        &mut self,
        id: ConsumerId,
        shop: &crate::configuration::Configuration,
        decision: DecisionId,
    ) {
        let batch = self.consumer(id).batch;
        let phase = Phase::Entering(Closer::new(shop, self, decision));
        *self.consumer_mut(id) = Consumer {
            phase,
            batch,
            ..Consumer::default()
        };
    }
}
