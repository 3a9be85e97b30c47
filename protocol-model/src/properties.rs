//! The promises of the protocol.

use std::fmt;

use crate::configuration::{Configuration, Mutation};
use crate::ids::{DecisionId, Id, MessageId, OrderId};
use crate::state::{Delivered, Order, State, Status};

/// A promise of the protocol.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Property {
    /// I1: the available stock is never negative.
    NeverOversold,
    /// I2: every unit is available, held by an order, or held by an open decision.
    UnitsBalance,
    /// I3: a result never changes between accepted and rejected.
    ResultStays,
    /// I4: a released order never holds a unit again.
    ReleasedStays,
    /// An order is not rejected if an accepting decision of it was committed before the rejecting stock value was read.
    Fairness,
    /// An order holds its unit once, if nothing makes the protocol decide it twice.
    UnitHeldOnce,
    /// From every state, the system comes to rest by itself.
    ComesToRest,
    /// At rest, no decision is open.
    DecisionsClose,
    /// At rest, every checkout has its order.
    CheckoutsDecided,
}

impl fmt::Display for Property {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::NeverOversold => "I1, the available stock is never negative",
            Self::UnitsBalance => "I2, every unit is available, held by an order, or held by an open decision",
            Self::ResultStays => "I3, a result never changes",
            Self::ReleasedStays => "I4, a released order never holds a unit again",
            Self::Fairness => "fairness, no order is rejected if a decision had accepted it before the stock was read",
            Self::UnitHeldOnce => "an order that is decided once holds its unit once",
            Self::ComesToRest => "the system comes to rest by itself",
            Self::DecisionsClose => "every decision is closed in the end",
            Self::CheckoutsDecided => "every checkout has its order in the end",
        })
    }
}

pub(crate) fn broken_by_step(
    shop: &Configuration,
    before: &State,
    after: &State,
) -> Option<Property> {
    shop.orders()
        .find_map(|id| broken_by_change(before.order(id), after.order(id)))
}

fn broken_by_change(old: Option<Order>, new: Option<Order>) -> Option<Property> {
    match (old, new) {
        (Some(old), Some(new)) if old.status == Status::Released && new.holds_a_unit() => {
            Some(Property::ReleasedStays)
        }
        (Some(old), Some(new)) if old.is_accepted() != new.is_accepted() => {
            Some(Property::ResultStays)
        }
        (None, Some(new)) if new.status == Status::RejectedUnfairly => Some(Property::Fairness),
        (Some(_) | None, Some(_) | None) => None,
    }
}

pub(crate) fn broken_in(shop: &Configuration, state: &State) -> Option<Property> {
    let claims = |id| claims(state, id);
    if state.available < 0 {
        Some(Property::NeverOversold)
    } else if i32::from(state.available) + shop.orders().map(claims).sum::<i32>()
        != i32::from(shop.supply)
    {
        Some(Property::UnitsBalance)
    } else if shop.decides_once() && shop.orders().any(|id| claims(id) > 1) {
        Some(Property::UnitHeldOnce)
    } else {
        None
    }
}

/// The units that are held for an order: by itself and by open decisions.
fn claims(state: &State, id: OrderId) -> i32 {
    let order = state.order(id);
    let by_decisions = state
        .open_decisions()
        .filter(|decision| holds_for(state, *decision, id, order))
        .count();
    by_decisions as i32 + i32::from(order.is_some_and(Order::holds_a_unit))
}

/// An open decision holds the unit of an order that it accepted until the order, entered by it, has the unit.
fn holds_for(state: &State, decision: DecisionId, id: OrderId, order: Option<Order>) -> bool {
    let has_been_handed_over = order.is_some_and(|order| order.by == Some(decision));
    state.decision(decision).accepted.contains(id) && !has_been_handed_over
}

pub(crate) fn broken_at_rest(shop: &Configuration, state: &State) -> Option<Property> {
    if state.open_decisions().next().is_some() {
        Some(Property::DecisionsClose)
    } else if !shop.messages().all(|id| is_done(shop, state, id)) {
        Some(Property::CheckoutsDecided)
    } else {
        None
    }
}

/// A message is deleted and its order exists, unless the order was deleted after it had its result.
fn is_done(shop: &Configuration, state: &State, id: MessageId) -> bool {
    let has_order = state.order(shop.message(id).order).is_some();
    let is_deleted = state.messages[id.index()] == Delivered::Deleted;
    is_deleted && (has_order || shop.has(Mutation::OrdersDeleted))
}
