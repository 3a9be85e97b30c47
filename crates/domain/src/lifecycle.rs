//! What may become of an order: the one table of transitions, and the step from one to the next.

use jiff::Timestamp;

use crate::order::{Order, OrderState, OrderStatus};
use crate::payment::{Payment, Refund};
use crate::shipment::Shipment;

use OrderStatus::{
    Cancelled, Completed, Expired, Paid, Pending, Rejected, Shipping, WaitingPayment,
};

/// Every transition there is. docs/order-lifecycle.md draws this table, and a test compares.
pub const TRANSITIONS: [(OrderStatus, OrderStatus); 8] = [
    (Pending, WaitingPayment),
    (Pending, Rejected),
    (WaitingPayment, Paid),
    (WaitingPayment, Cancelled),
    (WaitingPayment, Expired),
    (Paid, Shipping),
    (Paid, Cancelled),
    (Shipping, Completed),
];

/// Something that happens to a decided order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Transition {
    /// The shopper paid.
    Pay(Payment),
    /// The shopper called it off; a payment is given back.
    Cancel {
        /// When.
        at: Timestamp,
    },
    /// The time to pay ran out.
    Expire {
        /// When; never before the order's `pay_by`.
        at: Timestamp,
    },
    /// The merchant handed it to a carrier.
    Ship(Shipment),
    /// It arrived.
    Complete {
        /// When.
        at: Timestamp,
    },
}

/// A transition that the table does not have.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("an order that is {from} cannot become {to}")]
pub struct Forbidden {
    /// The order's status.
    pub from: OrderStatus,
    /// What it would have become.
    pub to: OrderStatus,
}

impl OrderStatus {
    /// Whether the table has a transition from here to `next`.
    pub fn may_become(self, next: OrderStatus) -> bool {
        TRANSITIONS.contains(&(self, next))
    }
}

impl Transition {
    /// The status it leads to.
    pub fn leads_to(&self) -> OrderStatus {
        match self {
            Transition::Pay(_) => Paid,
            Transition::Cancel { .. } => Cancelled,
            Transition::Expire { .. } => Expired,
            Transition::Ship(_) => Shipping,
            Transition::Complete { .. } => Completed,
        }
    }
}

impl Order {
    /// The order after the transition.
    ///
    /// # Errors
    /// When the table does not have it, or the time to pay is not over yet.
    pub fn after(&self, transition: Transition) -> Result<Order, Forbidden> {
        let forbidden = Forbidden {
            from: self.status(),
            to: transition.leads_to(),
        };
        let state = match (&self.state, transition) {
            (OrderState::WaitingPayment { .. }, Transition::Pay(payment)) => {
                OrderState::Paid { payment }
            }
            (OrderState::WaitingPayment { pay_by }, Transition::Expire { at }) if *pay_by <= at => {
                OrderState::Expired { expired_at: at }
            }
            (OrderState::WaitingPayment { .. }, Transition::Cancel { at }) => {
                OrderState::Cancelled {
                    cancelled_at: at,
                    refund: None,
                }
            }
            (OrderState::Paid { payment }, Transition::Cancel { at }) => OrderState::Cancelled {
                cancelled_at: at,
                refund: Some(Refund {
                    payment: payment.clone(),
                    refunded_at: at,
                }),
            },
            (OrderState::Paid { payment }, Transition::Ship(shipment)) => OrderState::Shipping {
                payment: payment.clone(),
                shipment,
            },
            (OrderState::Shipping { payment, shipment }, Transition::Complete { at }) => {
                OrderState::Completed {
                    payment: payment.clone(),
                    shipment: shipment.clone(),
                    completed_at: at,
                }
            }
            (
                OrderState::WaitingPayment { .. }
                | OrderState::Rejected(_)
                | OrderState::Paid { .. }
                | OrderState::Shipping { .. }
                | OrderState::Completed { .. }
                | OrderState::Cancelled { .. }
                | OrderState::Expired { .. },
                _,
            ) => return Err(forbidden),
        };
        assert!(
            self.status().may_become(state.status()),
            "the step {forbidden} is not in the table"
        );
        Ok(Order {
            checkout: self.checkout.clone(),
            decision_id: self.decision_id,
            decided_at: self.decided_at,
            state,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixtures::{self, NOW, order, shipment};
    use crate::order::Rejection;

    fn payment() -> Payment {
        fixtures::payment("payment-1")
    }

    /// An order in each stored state.
    fn orders() -> Vec<Order> {
        let (payment, shipment) = (payment(), shipment());
        let states = vec![
            OrderState::WaitingPayment { pay_by: NOW },
            OrderState::Rejected(Rejection::OutOfStock { short: Vec::new() }),
            OrderState::Paid {
                payment: payment.clone(),
            },
            OrderState::Shipping {
                payment: payment.clone(),
                shipment: shipment.clone(),
            },
            OrderState::Completed {
                payment,
                shipment,
                completed_at: NOW,
            },
            OrderState::Cancelled {
                cancelled_at: NOW,
                refund: None,
            },
            OrderState::Expired { expired_at: NOW },
        ];
        states.into_iter().map(order).collect()
    }

    fn transitions() -> [Transition; 5] {
        [
            Transition::Pay(payment()),
            Transition::Cancel { at: NOW },
            Transition::Expire { at: NOW },
            Transition::Ship(shipment()),
            Transition::Complete { at: NOW },
        ]
    }

    #[test]
    fn exactly_the_transitions_of_the_table_are_possible() {
        for order in orders() {
            for transition in transitions() {
                let (from, to) = (order.status(), transition.leads_to());
                let after = order.after(transition);
                assert_eq!(after.is_ok(), from.may_become(to), "{from} to {to}");
                match after {
                    Ok(after) => assert_eq!(after.status(), to),
                    Err(forbidden) => assert_eq!(forbidden, Forbidden { from, to }),
                }
            }
        }
    }

    #[test]
    fn an_order_does_not_expire_before_its_time() {
        let pay_by = NOW + jiff::SignedDuration::from_secs(60);
        let order = order(OrderState::WaitingPayment { pay_by });
        assert!(order.after(Transition::Expire { at: NOW }).is_err());
        assert!(order.after(Transition::Expire { at: pay_by }).is_ok());
    }

    #[test]
    fn a_cancelled_order_gives_back_what_was_paid() {
        let paid = order(OrderState::Paid { payment: payment() });
        let cancelled = paid.after(Transition::Cancel { at: NOW }).unwrap();
        let OrderState::Cancelled { refund, .. } = cancelled.state else {
            panic!("it is cancelled: {cancelled:?}");
        };
        assert_eq!(refund.map(|refund| refund.payment), Some(payment()));
    }

    #[test]
    fn the_documentation_draws_this_table() {
        const DOCUMENT: &str =
            concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/order-lifecycle.md");
        let document = std::fs::read_to_string(DOCUMENT).expect("the document is readable");
        let arrow = |line: &str| {
            let (from, rest) = line.trim().split_once(" --> ")?;
            let to = rest.split(' ').next()?;
            Some((from.parse().ok()?, to.parse().ok()?))
        };
        let mut drawn: Vec<(OrderStatus, OrderStatus)> =
            document.lines().filter_map(arrow).collect();
        let mut table = TRANSITIONS.to_vec();
        drawn.sort_unstable();
        table.sort_unstable();
        assert_eq!(drawn, table);
    }

    /// The units come back exactly when a transition leads from holding stock to not holding it.
    #[test]
    fn only_cancelling_and_expiring_free_stock() {
        let frees =
            |(from, to): &&(OrderStatus, OrderStatus)| from.holds_stock() && !to.holds_stock();
        let freeing: Vec<_> = TRANSITIONS.iter().filter(frees).collect();
        let expected = [
            (WaitingPayment, Cancelled),
            (WaitingPayment, Expired),
            (Paid, Cancelled),
        ];
        assert_eq!(freeing, expected.iter().collect::<Vec<_>>());
    }
}
