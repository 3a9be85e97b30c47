//! Who gets the stock: first come, first served, all of an order or none of it.
//!
//! [`plan`] takes checkouts from the front of a queue, in order of arrival, and decides as many as
//! fit one transaction. Called until the queue is empty it decides them all, in time linear in the
//! number of lines. It only plans: the shelf changes once the transaction has been committed.

use std::collections::{BTreeMap, HashMap, VecDeque};

use jiff::Timestamp;

use crate::checkout::{Checkout, OrderLines};
use crate::id::ProductId;
use crate::limits::{MAX_TRANSACTION_ACTIONS, MAX_TRANSACTION_BYTES};
use crate::order::{Order, OrderState, Shortage};
use crate::quantity::Units;

/// What is known of the units available. A product that is not on the shelf has none.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Shelf(HashMap<ProductId, Units>);

impl Shelf {
    /// Units available of a product.
    pub fn available(&self, product: ProductId) -> Units {
        self.0.get(&product).copied().unwrap_or(0)
    }

    /// Notes what the books say is available.
    pub fn set(&mut self, product: ProductId, available: Units) {
        self.0.insert(product, available);
    }

    /// Takes what a committed plan took.
    ///
    /// # Panics
    /// When more is taken than is there: a committed plan never does that.
    pub fn take(&mut self, taken: &BTreeMap<ProductId, Units>) {
        for (product, units) in taken {
            let left = self.available(*product).checked_sub(*units);
            self.set(
                *product,
                left.expect("a plan takes no more than is available"),
            );
        }
    }
}

impl FromIterator<(ProductId, Units)> for Shelf {
    fn from_iter<I: IntoIterator<Item = (ProductId, Units)>>(levels: I) -> Shelf {
        Shelf(levels.into_iter().collect())
    }
}

/// How much fits one transaction.
#[derive(Debug, Clone, Copy)]
pub struct TransactionLimits {
    /// Writes: one an order, one a product that is taken from.
    pub actions: usize,
    /// Bytes of all items written.
    pub bytes: usize,
    /// Orders; below what `actions` allows only while a bad order is being isolated.
    pub orders: usize,
}

impl Default for TransactionLimits {
    fn default() -> Self {
        TransactionLimits {
            actions: MAX_TRANSACTION_ACTIONS,
            bytes: MAX_TRANSACTION_BYTES,
            orders: usize::MAX,
        }
    }
}

/// Bytes that the update of one stock item counts for, generously: two ids and two numbers.
const STOCK_ITEM_BYTES: usize = 256;

/// Checkouts decided together, to be written in one transaction.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Plan {
    /// Units to take, merged per product.
    pub takes: BTreeMap<ProductId, Units>,
    /// The decided orders, accepted and rejected, in order of arrival.
    pub orders: Vec<Order>,
}

impl Plan {
    /// Writes the transaction needs.
    pub fn actions(&self) -> usize {
        self.takes.len() + self.orders.len()
    }

    /// Gives the checkouts back to the front of the queue they came from, still in order.
    pub fn undo(self, waiting: &mut VecDeque<Checkout>) {
        for order in self.orders.into_iter().rev() {
            waiting.push_front(order.checkout);
        }
    }

    fn shortages(&self, lines: &OrderLines, shelf: &Shelf) -> Vec<Shortage> {
        lines
            .iter()
            .filter_map(|line| {
                let taken = self.takes.get(&line.product_id).copied().unwrap_or(0);
                let available = shelf.available(line.product_id) - taken;
                (line.quantity.units() > available).then_some(Shortage {
                    product_id: line.product_id,
                    requested: line.quantity,
                    available,
                })
            })
            .collect()
    }

    fn new_takes(&self, lines: &OrderLines) -> usize {
        let is_new = |product| !self.takes.contains_key(product);
        lines.iter().filter(|line| is_new(&line.product_id)).count()
    }

    fn take(&mut self, lines: &OrderLines) {
        for line in lines {
            *self.takes.entry(line.product_id).or_default() += line.quantity.units();
        }
    }
}

/// Decides checkouts from the front of `waiting` until the next would not fit the transaction.
///
/// Each is accepted when the shelf, less what earlier ones took, holds all its lines; else it is
/// rejected with every product that was short. `size_of` tells an order's bytes in the books. The
/// first checkout is always taken, so that one too large for any transaction shows itself alone.
pub fn plan(
    waiting: &mut VecDeque<Checkout>,
    shelf: &Shelf,
    limits: TransactionLimits,
    decided_at: Timestamp,
    size_of: impl Fn(&Order) -> usize,
) -> Plan {
    let mut plan = Plan::default();
    let mut bytes = 0;
    while plan.orders.len() < limits.orders
        && let Some(checkout) = waiting.pop_front()
    {
        let short = plan.shortages(&checkout.lines, shelf);
        let accepted = short.is_empty();
        let new_takes = if accepted {
            plan.new_takes(&checkout.lines)
        } else {
            0
        };
        let order = Order {
            checkout,
            decided_at,
            state: if accepted {
                OrderState::WaitingPayment
            } else {
                OrderState::Rejected { short }
            },
        };
        let more_bytes = size_of(&order) + new_takes * STOCK_ITEM_BYTES;
        let fits =
            plan.actions() + 1 + new_takes <= limits.actions && bytes + more_bytes <= limits.bytes;
        if !fits && !plan.orders.is_empty() {
            waiting.push_front(order.checkout);
            break;
        }
        if accepted {
            plan.take(order.lines());
        }
        bytes += more_bytes;
        plan.orders.push(order);
    }
    plan
}

#[cfg(test)]
mod tests;
