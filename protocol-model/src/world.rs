//! What happens around the protocol: customers, expiry, and commits that land late.

use crate::configuration::Mutation;
use crate::ids::{DecisionId, Id, OrderId};
use crate::protocol::Steps;
use crate::state::{Order, Record, State, Status};
use crate::step::{Step, WorldStep};

impl Steps<'_> {
    pub(crate) fn of_world(&mut self) {
        for decision in self.now.late_commits.iter() {
            self.late_commit(decision);
        }
        if self.shop.records_expire {
            self.records_expire();
        }
        for id in self.shop.orders() {
            if let Some(order) = self.now.order(id) {
                self.order_goes_on(id, order);
            }
        }
    }

    fn late_commit(&mut self, id: DecisionId) {
        self.add_world(WorldStep::LateCommitVanishes(id), |state| {
            state.late_commits.remove(id);
        });
        let decision = *self.now.decision(id);
        if decision.record == Record::Absent && decision.outcome.units() <= self.now.available {
            self.add_world(WorldStep::LateCommitLands(id, decision.outcome), |state| {
                state.late_commits.remove(id);
                state.commit(id);
            });
        }
    }

    /// A record outlives every commit of it: TTL takes days.
    fn records_expire(&mut self) {
        for id in State::decision_ids() {
            if self.now.decision(id).record == Record::Closed && !self.now.may_commit(id) {
                self.add_world(WorldStep::RecordExpires(id), |state| {
                    state.decisions[id.index()].record = Record::Expired;
                });
            }
        }
    }

    fn order_goes_on(&mut self, id: OrderId, order: Order) {
        if order.status == Status::WaitingPayment && self.now.left.releases > 0 {
            self.add_world(WorldStep::OrderReleased(id), |state| {
                state.left.releases -= 1;
                state.available += 1;
                state.orders[id.index()] = Some(Order {
                    status: Status::Released,
                    ..order
                });
            });
        }
        if order.status == Status::WaitingPayment && self.shop.payments {
            self.add_world(WorldStep::OrderPaid(id), |state| {
                state.orders[id.index()] = Some(Order {
                    status: Status::Paid,
                    ..order
                })
            });
        }
        let is_closed = self.now.decision(order.by).record == Record::Closed;
        if order.status == Status::Released && is_closed && self.shop.has(Mutation::OrdersDeleted) {
            self.add_world(WorldStep::OrderDeleted(id), |state| {
                state.orders[id.index()] = None
            });
        }
    }

    fn add_world(&mut self, step: WorldStep, change: impl FnOnce(&mut State)) {
        self.add(Step::World(step), change);
    }
}
