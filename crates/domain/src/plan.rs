//! Orders that are written together with the stock they move, in one transaction.

use std::collections::BTreeMap;

use crate::id::ProductId;
use crate::limits::{MAX_TRANSACTION_ACTIONS, MAX_TRANSACTION_BYTES};
use crate::order::Order;
use crate::quantity::Units;

/// What one transaction writes: a merged move of stock per product and one entry per order.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Plan {
    /// Units to move, merged per product: off the shelf for a checkout, back onto it for a release.
    pub moves: BTreeMap<ProductId, Units>,
    /// The orders as they will stand in the books, in the order they were waiting.
    pub orders: Vec<Order>,
    bytes: usize,
}

/// How much fits one transaction.
#[derive(Debug, Clone, Copy)]
pub struct TransactionLimits {
    /// Writes: one an order, one a product whose stock moves.
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
pub(crate) const STOCK_ITEM_BYTES: usize = 256;

impl Plan {
    /// Writes the transaction needs.
    pub fn actions(&self) -> usize {
        self.moves.len() + self.orders.len()
    }

    /// Enters an order, and the move of all its units if `moves_stock`. `false` when it would not
    /// fit the transaction any more; the first always enters, so that one too large for any
    /// transaction shows itself alone.
    #[must_use]
    pub(crate) fn enter(
        &mut self,
        order: Order,
        moves_stock: bool,
        order_bytes: usize,
        limits: TransactionLimits,
    ) -> bool {
        let new_moves = if moves_stock {
            self.new_moves(&order)
        } else {
            0
        };
        let bytes = self.bytes + order_bytes + new_moves * STOCK_ITEM_BYTES;
        let fits = self.orders.len() < limits.orders
            && self.actions() + 1 + new_moves <= limits.actions
            && bytes <= limits.bytes;
        if !fits && !self.orders.is_empty() {
            return false;
        }
        if moves_stock {
            for line in order.lines() {
                *self.moves.entry(line.product_id).or_default() += line.quantity.units();
            }
        }
        self.bytes = bytes;
        self.orders.push(order);
        true
    }

    pub(crate) fn new_moves(&self, order: &Order) -> usize {
        let is_new = |product| !self.moves.contains_key(product);
        order
            .lines()
            .iter()
            .filter(|line| is_new(&line.product_id))
            .count()
    }
}
