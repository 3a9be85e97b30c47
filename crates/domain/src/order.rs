//! A decided checkout and how far it has come.

use std::fmt;
use std::str::FromStr;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::checkout::{Checkout, OrderLines};
use crate::id::{DecisionId, OrderId, OrderKey, ProductId, UserId};
use crate::money::Money;
use crate::payment::{Payment, Refund};
use crate::quantity::{Quantity, Units};
use crate::shipment::Shipment;

/// A checkout that was decided, once and for good.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Order {
    /// What was submitted.
    pub checkout: Checkout,
    /// The decision of a batch that it came by; none for an order that was decided by itself or
    /// rejected.
    pub decision_id: Option<DecisionId>,
    /// When the shop decided it.
    pub decided_at: Timestamp,
    /// What was decided, and what came of it.
    pub state: OrderState,
}

/// How far an order has come, with what belongs to that state and nothing else.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum OrderState {
    /// Accepted: its units are held for it.
    WaitingPayment {
        /// Unpaid by then, it expires.
        pay_by: Timestamp,
    },
    /// Decided against: it never held any units.
    Rejected(Rejection),
    /// To be shipped.
    Paid {
        /// What was paid.
        payment: Payment,
    },
    /// On its way.
    Shipping {
        /// What was paid.
        payment: Payment,
        /// Who carries it.
        shipment: Shipment,
    },
    /// Arrived.
    Completed {
        /// What was paid.
        payment: Payment,
        /// Who carried it.
        shipment: Shipment,
        /// When it was done.
        completed_at: Timestamp,
    },
    /// Called off by the shopper: its units are back on the shelf.
    Cancelled {
        /// When.
        cancelled_at: Timestamp,
        /// What was paid back, if it had been paid.
        refund: Option<Refund>,
    },
    /// Not paid in time: its units are back on the shelf.
    Expired {
        /// When.
        expired_at: Timestamp,
    },
}

/// The judgement of one checkout.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// It gets all its lines.
    Accepted,
    /// It gets nothing.
    Rejected(Rejection),
}

/// What the decisions of one moment have in common.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Terms {
    /// The decision of a batch by which orders are accepted, if it is one.
    pub decision_id: Option<DecisionId>,
    /// When they are decided.
    pub decided_at: Timestamp,
    /// Until when an accepted order holds its units unpaid.
    pub pay_by: Timestamp,
}

impl Order {
    /// The order that a verdict makes of a checkout.
    pub fn decided(checkout: Checkout, verdict: Verdict, terms: Terms) -> Order {
        let (decision_id, state) = match verdict {
            Verdict::Accepted => {
                let pay_by = terms.pay_by;
                (terms.decision_id, OrderState::WaitingPayment { pay_by })
            }
            Verdict::Rejected(rejection) => (None, OrderState::Rejected(rejection)),
        };
        Order {
            checkout,
            decision_id,
            decided_at: terms.decided_at,
            state,
        }
    }

    /// Which order.
    pub fn order_id(&self) -> OrderId {
        self.checkout.order_id
    }

    /// Whose order.
    pub fn user_id(&self) -> &UserId {
        &self.checkout.user_id
    }

    /// Where the order stands in the books.
    pub fn key(&self) -> OrderKey {
        self.checkout.key()
    }

    /// What was ordered.
    pub fn lines(&self) -> &OrderLines {
        &self.checkout.lines
    }

    /// What all of it costs.
    pub fn total(&self) -> Money {
        self.checkout.lines.total()
    }

    /// The state's name.
    pub fn status(&self) -> OrderStatus {
        self.state.status()
    }

    /// What was paid for it, and not paid back.
    pub fn payment(&self) -> Option<&Payment> {
        match &self.state {
            OrderState::Paid { payment }
            | OrderState::Shipping { payment, .. }
            | OrderState::Completed { payment, .. } => Some(payment),
            OrderState::WaitingPayment { .. }
            | OrderState::Rejected(_)
            | OrderState::Cancelled { .. }
            | OrderState::Expired { .. } => None,
        }
    }
}

impl OrderState {
    /// The state's name.
    pub fn status(&self) -> OrderStatus {
        match self {
            OrderState::WaitingPayment { .. } => OrderStatus::WaitingPayment,
            OrderState::Rejected(_) => OrderStatus::Rejected,
            OrderState::Paid { .. } => OrderStatus::Paid,
            OrderState::Shipping { .. } => OrderStatus::Shipping,
            OrderState::Completed { .. } => OrderStatus::Completed,
            OrderState::Cancelled { .. } => OrderStatus::Cancelled,
            OrderState::Expired { .. } => OrderStatus::Expired,
        }
    }
}

/// The name of an order's state, as shoppers and the books read it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum OrderStatus {
    /// Submitted, not decided yet. Never stored: it is what a submitted cart without an order is.
    Pending,
    /// Accepted, stock held, not paid yet.
    WaitingPayment,
    /// Refused for want of stock.
    Rejected,
    /// Paid, to be shipped.
    Paid,
    /// On its way.
    Shipping,
    /// Arrived.
    Completed,
    /// Called off by the shopper.
    Cancelled,
    /// Not paid in time.
    Expired,
}

impl OrderStatus {
    /// Every status, in the order of an order's life.
    pub const ALL: [OrderStatus; 8] = [
        OrderStatus::Pending,
        OrderStatus::WaitingPayment,
        OrderStatus::Rejected,
        OrderStatus::Paid,
        OrderStatus::Shipping,
        OrderStatus::Completed,
        OrderStatus::Cancelled,
        OrderStatus::Expired,
    ];

    /// The name in JSON and in the books.
    pub fn as_str(self) -> &'static str {
        match self {
            OrderStatus::Pending => "PENDING",
            OrderStatus::WaitingPayment => "WAITING_PAYMENT",
            OrderStatus::Rejected => "REJECTED",
            OrderStatus::Paid => "PAID",
            OrderStatus::Shipping => "SHIPPING",
            OrderStatus::Completed => "COMPLETED",
            OrderStatus::Cancelled => "CANCELLED",
            OrderStatus::Expired => "EXPIRED",
        }
    }

    /// Whether the order's units are off the shelf: what invariant I2 sums over.
    pub fn holds_stock(self) -> bool {
        match self {
            OrderStatus::WaitingPayment
            | OrderStatus::Paid
            | OrderStatus::Shipping
            | OrderStatus::Completed => true,
            OrderStatus::Pending
            | OrderStatus::Rejected
            | OrderStatus::Cancelled
            | OrderStatus::Expired => false,
        }
    }
}

impl fmt::Display for OrderStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A text that names no status.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("is no status")]
pub struct UnknownStatus;

impl FromStr for OrderStatus {
    type Err = UnknownStatus;

    fn from_str(text: &str) -> Result<Self, UnknownStatus> {
        OrderStatus::ALL
            .into_iter()
            .find(|status| status.as_str() == text)
            .ok_or(UnknownStatus)
    }
}

/// Why an order was rejected, with what its shopper is told of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Rejection {
    /// Not enough stock for all of it, so none of it.
    OutOfStock {
        /// Each product that was short.
        short: Vec<Shortage>,
    },
}

impl Rejection {
    /// The reason's name.
    pub fn reason(&self) -> RejectionReason {
        match self {
            Rejection::OutOfStock { .. } => RejectionReason::OutOfStock,
        }
    }
}

/// The name of a rejection's reason, in JSON and in the tables.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum RejectionReason {
    /// Not enough stock for all of it.
    OutOfStock,
}

impl RejectionReason {
    /// Every reason.
    pub const ALL: [RejectionReason; 1] = [RejectionReason::OutOfStock];

    /// The name in JSON and in the tables.
    pub fn as_str(self) -> &'static str {
        match self {
            RejectionReason::OutOfStock => "OUT_OF_STOCK",
        }
    }
}

impl fmt::Display for RejectionReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A text that names no reason.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("is no reason for a rejection")]
pub struct UnknownReason;

impl FromStr for RejectionReason {
    type Err = UnknownReason;

    fn from_str(text: &str) -> Result<Self, UnknownReason> {
        RejectionReason::ALL
            .into_iter()
            .find(|reason| reason.as_str() == text)
            .ok_or(UnknownReason)
    }
}

/// A product of which there was not enough.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Shortage {
    /// Which product.
    pub product_id: ProductId,
    /// How many the order asked for.
    pub requested: Quantity,
    /// How many were left when it was decided.
    pub available: Units,
}
