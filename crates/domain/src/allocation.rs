//! Who gets the stock: first come, first served, all of an order or none of it.
//!
//! [`allocate`] decides checkouts in order of arrival, as many as fit one transaction. Called for
//! the rest until nobody waits it decides them all, in time linear in the number of lines. It only
//! plans: the shelf changes once the transaction has been committed.

use std::collections::{BTreeMap, HashMap};

use jiff::Timestamp;

use crate::checkout::{Checkout, OrderLines};
use crate::id::ProductId;
use crate::order::{Order, OrderState, Shortage};
use crate::plan::{Plan, TransactionLimits};
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

/// What all decisions of one transaction have in common.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Terms {
    /// When they are made.
    pub decided_at: Timestamp,
    /// Until when an accepted order holds its units unpaid.
    pub pay_by: Timestamp,
}

/// Decides checkouts from the front of `waiting` until the next would not fit the transaction.
///
/// Each is accepted when the shelf, less what earlier ones took, holds all its lines; else it is
/// rejected with every product that was short. `size_of` tells an order's bytes in the books. The
/// plan holds as many orders as checkouts were decided, and at least one if anybody waits.
pub fn allocate<'a>(
    waiting: impl IntoIterator<Item = &'a Checkout>,
    shelf: &Shelf,
    limits: TransactionLimits,
    terms: Terms,
    size_of: impl Fn(&Order) -> usize,
) -> Plan {
    let mut plan = Plan::default();
    for checkout in waiting {
        let short = shortages(&plan, &checkout.lines, shelf);
        let accepted = short.is_empty();
        let order = Order {
            checkout: checkout.clone(),
            decided_at: terms.decided_at,
            state: if accepted {
                OrderState::WaitingPayment {
                    pay_by: terms.pay_by,
                }
            } else {
                OrderState::Rejected { short }
            },
        };
        let bytes = size_of(&order);
        if !plan.enter(order, accepted, bytes, limits) {
            break;
        }
    }
    plan
}

fn shortages(plan: &Plan, lines: &OrderLines, shelf: &Shelf) -> Vec<Shortage> {
    lines
        .iter()
        .filter_map(|line| {
            let taken = plan.moves.get(&line.product_id).copied().unwrap_or(0);
            let available = shelf.available(line.product_id) - taken;
            (line.quantity.units() > available).then_some(Shortage {
                product_id: line.product_id,
                requested: line.quantity,
                available,
            })
        })
        .collect()
}

#[cfg(test)]
mod tests;
