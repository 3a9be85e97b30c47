//! The decision of a batch: the orders that it accepts, committed together with the stock they take.
//!
//! The record of a decision is written by the transaction that takes the stock, so the two agree
//! whatever happens next. Afterwards the orders are entered from the record, each by a write that
//! only the first for an order wins. When all have been attempted, the decision is closed, and the
//! units of orders that another decision had entered first go back onto the shelf.

use std::collections::BTreeMap;

use jiff::Timestamp;

use crate::checkout::OrderLines;
use crate::id::{DecisionId, OrderKey, ProductId, UserId};
use crate::quantity::Units;

/// The record of a decision. It never changes.
///
/// Only accepted orders are in it. A rejected order takes no stock, so nothing has to be known of it
/// before it is entered: a rejection that gets lost is decided again when its message comes again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Decision {
    /// Its id, fixed before the first attempt to commit it and kept for every further attempt.
    pub decision_id: DecisionId,
    /// When it was made.
    pub decided_at: Timestamp,
    /// The orders that it accepts. Their lines and prices are in their submitted carts.
    pub accepted: Vec<OrderKey>,
}

/// What the attempt to enter an accepted order showed. It can't change any more: an order's decision
/// is never rewritten, and orders are never deleted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Entry {
    /// The order is in the table by this decision, entered now or before.
    ByThis,
    /// Another decision had decided the order first. The units taken for it here go back.
    ByAnother,
}

impl Entry {
    /// The entry of an order that was found in the table, deciding by the decision that it names.
    pub fn found(this: DecisionId, named_by_the_order: Option<DecisionId>) -> Entry {
        match named_by_the_order {
            Some(decision) if decision == this => Entry::ByThis,
            Some(_) | None => Entry::ByAnother,
        }
    }
}

/// The units that go back onto the shelf when a decision is closed, merged per product. `entries` are
/// all the decision's accepted orders: computed before every one was attempted, it would be wrong.
pub fn units_to_return<'a>(
    entries: impl IntoIterator<Item = (&'a OrderLines, Entry)>,
) -> BTreeMap<ProductId, Units> {
    let mut units = BTreeMap::new();
    for (lines, entry) in entries {
        match entry {
            Entry::ByThis => {}
            Entry::ByAnother => {
                for line in lines {
                    *units.entry(line.product_id).or_default() += line.quantity.units();
                }
            }
        }
    }
    units
}

/// Bytes that an order's key takes in the record: the id, the user's name, and what DynamoDB adds.
pub(crate) fn key_bytes(user_id: &UserId) -> usize {
    const ID_SEPARATOR_AND_LIST_ENTRY: usize = 36 + 1 + 4;
    ID_SEPARATOR_AND_LIST_ENTRY + user_id.as_str().len()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixtures::{self, product_id};

    fn decision_id(number: u64) -> DecisionId {
        let id = fixtures::order_id(number).as_uuid();
        id.try_into().expect("it is of version 7")
    }

    fn lines(product: u128, quantity: i64) -> OrderLines {
        fixtures::lines(&[(product_id(product), quantity)])
    }

    #[test]
    fn units_go_back_only_for_orders_that_another_decision_entered() {
        let (this, other) = (decision_id(1), decision_id(2));
        let found = [
            (lines(1, 2), Entry::found(this, Some(this))),
            (lines(1, 3), Entry::found(this, Some(other))),
            (lines(2, 4), Entry::found(this, None)),
            (lines(1, 5), Entry::found(this, Some(other))),
        ];
        let units = units_to_return(found.iter().map(|(lines, entry)| (lines, *entry)));
        let expected = [(product_id(1), 8), (product_id(2), 4)];
        assert_eq!(units, BTreeMap::from(expected));
    }
}
