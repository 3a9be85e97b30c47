//! Giving units back: orders that expire or are cancelled, and their stock, in one transaction.

use crate::lifecycle::{Forbidden, Transition};
use crate::order::{Order, OrderStatus};
use crate::plan::{Plan, TransactionLimits};

/// An order that stops holding its units.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    from: OrderStatus,
    to: Order,
}

impl Change {
    /// The change that a transition makes to an order.
    ///
    /// # Errors
    /// When the table of transitions does not have it.
    ///
    /// # Panics
    /// When the transition does not free the order's units: then it is no release.
    pub fn new(order: &Order, transition: Transition) -> Result<Change, Forbidden> {
        let from = order.status();
        let to = order.after(transition)?;
        assert!(
            from.holds_stock() && !to.status().holds_stock(),
            "from {from} to {} no units come back",
            to.status()
        );
        Ok(Change { from, to })
    }

    /// The status the order must still have when it changes.
    pub fn from(&self) -> OrderStatus {
        self.from
    }

    /// The order as it will be.
    pub fn to(&self) -> &Order {
        &self.to
    }
}

/// Plans the changes from the front of `waiting` that fit one transaction: one merged move back onto
/// the shelf per product, and each order's new state.
pub fn release<'a>(
    waiting: impl IntoIterator<Item = &'a Change>,
    limits: TransactionLimits,
    size_of: impl Fn(&Order) -> usize,
) -> Plan {
    let mut plan = Plan::default();
    for change in waiting {
        let order = change.to.clone();
        let bytes = size_of(&order);
        if !plan.enter(order, true, bytes, limits) {
            break;
        }
    }
    plan
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixtures::{self, NOW, product_id};
    use crate::order::OrderState;

    /// The `number`th order, expiring.
    fn expiring(number: u64, lines: &[(u128, i64)]) -> Change {
        let line = |&(number, quantity): &(u128, i64)| (product_id(number), quantity);
        let lines: Vec<_> = lines.iter().map(line).collect();
        let mut order = fixtures::order(OrderState::WaitingPayment { pay_by: NOW });
        order.checkout = fixtures::checkout(&lines);
        order.checkout.order_id = fixtures::order_id(number);
        Change::new(&order, Transition::Expire { at: NOW }).unwrap()
    }

    #[test]
    fn ninety_orders_of_one_product_are_one_move() {
        let changes: Vec<_> = (0..90).map(|number| expiring(number, &[(1, 2)])).collect();
        let plan = release(&changes, TransactionLimits::default(), |_| 500);
        assert_eq!((plan.orders.len(), plan.actions()), (90, 91));
        assert_eq!(plan.moves[&product_id(1)], 180);
    }

    #[test]
    fn a_release_is_cut_at_the_limits_and_never_inside_an_order() {
        let changes: Vec<_> = (0..60)
            .map(|number| expiring(number, &[(u128::from(number), 1), (100, 3)]))
            .collect();
        let plan = release(&changes, TransactionLimits::default(), |_| 500);
        assert_eq!(
            plan.orders.len(),
            49,
            "two actions an order, one for what they share"
        );
        assert_eq!(plan.moves[&product_id(100)], 49 * 3);
    }
}
