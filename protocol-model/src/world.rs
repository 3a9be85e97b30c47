//! What happens around the protocol: customers, expiry, and commits that land late.

use crate::configuration::Mutation;
use crate::ids::{DecisionId, Id, OrderId};
use crate::protocol::Steps;
use crate::state::{Order, Record, Status};
use crate::step::{Step, WorldStep};

impl Steps<'_> {
    pub(crate) fn of_world(&mut self) {
        if let Some(decision) = self.now.late_commit {
            self.late_commit(decision);
        }
        for id in self.shop.orders() {
            if let Some(order) = self.now.order(id) {
                self.order_goes_on(id, order);
            }
        }
    }

    fn late_commit(&mut self, id: DecisionId) {
        self.add_world(WorldStep::LateCommitVanishes(id), |state| {
            state.late_commit = None
        });
        let decision = *self.now.decision(id);
        if decision.record == Record::Absent && decision.outcome.units() <= self.now.available {
            self.add_world(WorldStep::LateCommitLands(id, decision.outcome), |state| {
                state.late_commit = None;
                state.commit(id);
            });
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
        if order.status == Status::Released && self.shop.has(Mutation::OrdersDeleted) {
            self.add_world(WorldStep::OrderDeleted(id), |state| {
                state.orders[id.index()] = None
            });
        }
    }

    fn add_world(&mut self, step: WorldStep, change: impl FnOnce(&mut crate::state::State)) {
        self.add(Step::World(step), change);
    }
}
