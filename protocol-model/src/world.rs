//! What happens around the protocol: customers, expiry, and writes that land late.

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
        for order in self.now.late_rejections.iter() {
            self.late_rejection(order);
        }
        for decision in State::decision_ids() {
            for order in self.now.decision(decision).late_puts.iter() {
                self.late_put(decision, order);
            }
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
        let accepted = self.now.decision(id).accepted;
        if accepted.units() <= self.now.available {
            self.add_world(WorldStep::LateCommitLands(id, accepted), |state| {
                state.late_commits.remove(id);
                state.commit(id, accepted);
            });
        }
    }

    fn late_rejection(&mut self, id: OrderId) {
        self.add_world(WorldStep::LatePutVanishes(id, None), |state| {
            state.late_rejections.remove(id);
        });
        self.add_world(WorldStep::LatePutLands(id, None), |state| {
            state.orders[id.index()] = Some(Order::rejected());
        });
    }

    fn late_put(&mut self, by: DecisionId, id: OrderId) {
        self.add_world(WorldStep::LatePutVanishes(id, Some(by)), |state| {
            state.decision_mut(by).late_puts.remove(id);
        });
        self.add_world(WorldStep::LatePutLands(id, Some(by)), |state| {
            state.orders[id.index()] = Some(Order::accepted(by));
        });
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
        let is_closed = |by| self.now.decision(by).record == Record::Closed;
        if order.status == Status::Released
            && order.by.is_none_or(is_closed)
            && self.shop.has(Mutation::OrdersDeleted)
        {
            self.add_world(WorldStep::OrderDeleted(id), |state| {
                state.orders[id.index()] = None;
            });
        }
    }

    fn add_world(&mut self, step: WorldStep, change: impl FnOnce(&mut State)) {
        self.add(Step::World(step), change);
    }
}
