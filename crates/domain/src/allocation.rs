//! The allocation of stock: first come, first served, all of an order or none of it.
//!
//! [`allocate`] judges checkouts in order of arrival, as many as fit one decision. Called for the
//! rest until no checkout waits, it judges them all, in time linear in the number of lines. It only
//! plans: the shelf changes once the decision has been committed.

use std::collections::{BTreeMap, HashMap};

use crate::checkout::{Checkout, OrderLines};
use crate::decision::key_bytes;
use crate::id::ProductId;
use crate::limits::{MAX_DECISION_BYTES, MAX_DECISION_PRODUCTS};
use crate::order::{Order, Rejection, Shortage, Terms, Verdict};
use crate::plan::{Plan, TransactionLimits};
use crate::quantity::Units;

/// The units known to be available. A product that is not on the shelf has none.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Shelf(HashMap<ProductId, Units>);

impl Shelf {
    /// Units available of a product.
    pub fn available(&self, product: ProductId) -> Units {
        self.0.get(&product).copied().unwrap_or(0)
    }

    /// Sets what the Stock table says is available.
    pub fn set(&mut self, product: ProductId, available: Units) {
        self.0.insert(product, available);
    }

    /// Takes what a committed transaction took.
    ///
    /// # Panics
    /// When more is taken than is there: a committed transaction never does that.
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

/// The judgement of checkouts that one decision commits.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Allocation {
    /// One verdict for each checkout from the front of the queue, in their order.
    pub verdicts: Vec<Verdict>,
    /// The units that the accepted checkouts take, merged per product.
    pub taken: BTreeMap<ProductId, Units>,
}

impl Allocation {
    /// Whether any checkout is accepted.
    pub fn accepts_any(&self) -> bool {
        !self.taken.is_empty()
    }

    /// Whether any checkout is rejected.
    pub fn rejects_any(&self) -> bool {
        let rejected = |verdict: &Verdict| matches!(verdict, Verdict::Rejected(_));
        self.verdicts.iter().any(rejected)
    }

    fn new_products(&self, lines: &OrderLines) -> usize {
        let is_new = |product| !self.taken.contains_key(product);
        lines.iter().filter(|line| is_new(&line.product_id)).count()
    }

    fn shortages(&self, lines: &OrderLines, shelf: &Shelf) -> Vec<Shortage> {
        lines
            .iter()
            .filter_map(|line| {
                let taken = self.taken.get(&line.product_id).copied().unwrap_or(0);
                let available = shelf.available(line.product_id) - taken;
                (line.quantity.units() > available).then_some(Shortage {
                    product_id: line.product_id,
                    requested: line.quantity,
                    available,
                })
            })
            .collect()
    }

    fn take(&mut self, lines: &OrderLines) {
        for line in lines {
            *self.taken.entry(line.product_id).or_default() += line.quantity.units();
        }
    }
}

/// How much fits one decision. Only accepted orders count: a rejected one is not in the record.
#[derive(Debug, Clone, Copy)]
pub struct DecisionLimits {
    /// Accepted orders; below what `bytes` allows only while a refused transaction is split.
    pub orders: usize,
    /// Products whose stock is taken: one action of the transaction each.
    pub products: usize,
    /// Bytes of the decision's record.
    pub bytes: usize,
}

impl Default for DecisionLimits {
    fn default() -> Self {
        DecisionLimits {
            orders: usize::MAX,
            products: MAX_DECISION_PRODUCTS,
            bytes: MAX_DECISION_BYTES,
        }
    }
}

/// Judges checkouts from the front of `waiting` until the next would not fit the decision.
///
/// Each is accepted when the shelf, less what earlier ones took, holds all its lines; else it is
/// rejected with every product that was short. At least one checkout is judged if any waits.
pub fn allocate<'a>(
    waiting: impl IntoIterator<Item = &'a Checkout>,
    shelf: &Shelf,
    limits: DecisionLimits,
) -> Allocation {
    let mut allocation = Allocation::default();
    let (mut orders, mut bytes) = (0, 0);
    for checkout in waiting {
        let lines = &checkout.lines;
        let short = allocation.shortages(lines, shelf);
        if !short.is_empty() {
            let rejection = Rejection::OutOfStock { short };
            allocation.verdicts.push(Verdict::Rejected(rejection));
            continue;
        }
        orders += 1;
        bytes += key_bytes(&checkout.user_id);
        let products = allocation.taken.len() + allocation.new_products(lines);
        let fits = orders <= limits.orders && products <= limits.products && bytes <= limits.bytes;
        if !fits && !allocation.verdicts.is_empty() {
            break;
        }
        allocation.take(lines);
        allocation.verdicts.push(Verdict::Accepted);
    }
    allocation
}

/// Plans an order that is decided by itself: the transaction holds the order and the stock it takes.
pub fn plan_order(
    checkout: &Checkout,
    shelf: &Shelf,
    terms: Terms,
    size_of: impl Fn(&Order) -> usize,
) -> Plan {
    let mut allocation = allocate([checkout], shelf, DecisionLimits::default());
    let verdict = allocation.verdicts.pop().expect("one checkout was given");
    let accepted = verdict == Verdict::Accepted;
    let order = Order::decided(checkout.clone(), verdict, terms);
    let bytes = size_of(&order);
    let mut plan = Plan::default();
    let entered = plan.enter(order, accepted, bytes, TransactionLimits::default());
    assert!(entered, "the first order always enters a plan");
    plan
}

#[cfg(test)]
mod tests;
