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
    use jiff::Timestamp;
    use uuid::Builder;

    use super::*;
    use crate::checkout::{Checkout, OrderLine};
    use crate::money::Money;
    use crate::order::OrderState;
    use crate::{OrderLines, ProductId};

    fn product(number: u128) -> ProductId {
        uuid::Uuid::from_u128(number).try_into().unwrap()
    }

    /// The `number`th order, expiring.
    fn expiring(number: u64, lines: &[(u128, i64)]) -> Change {
        let line = |(number, quantity): &(u128, i64)| OrderLine {
            product_id: product(*number),
            name: "Tea".parse().unwrap(),
            quantity: (*quantity).try_into().unwrap(),
            unit_price: Money::ZERO,
        };
        let lines: Vec<OrderLine> = lines.iter().map(line).collect();
        let id = Builder::from_unix_timestamp_millis(number, &[0; 10]).into_uuid();
        let now = Timestamp::UNIX_EPOCH;
        let order = Order {
            checkout: Checkout {
                order_id: id.try_into().unwrap(),
                user_id: "ada".parse().unwrap(),
                lines: OrderLines::try_from(lines).unwrap(),
                submitted_at: now,
            },
            decision_id: None,
            decided_at: now,
            state: OrderState::WaitingPayment { pay_by: now },
        };
        Change::new(&order, Transition::Expire { at: now }).unwrap()
    }

    #[test]
    fn ninety_orders_of_one_product_are_one_move() {
        let changes: Vec<_> = (0..90).map(|number| expiring(number, &[(1, 2)])).collect();
        let plan = release(&changes, TransactionLimits::default(), |_| 500);
        assert_eq!((plan.orders.len(), plan.actions()), (90, 91));
        assert_eq!(plan.moves[&product(1)], 180);
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
        assert_eq!(plan.moves[&product(100)], 49 * 3);
    }
}
