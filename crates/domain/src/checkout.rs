//! A checkout: what was submitted, at which prices, waiting to be decided.

use std::collections::HashSet;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::id::{OrderId, OrderKey, ProductId, UserId};
use crate::limits::MAX_LINES;
use crate::money::Money;
use crate::product::ProductName;
use crate::quantity::Quantity;

/// One submitted cart, to be decided.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Checkout {
    /// The order it becomes: the cart's own id.
    pub order_id: OrderId,
    /// Who buys.
    pub user_id: UserId,
    /// What, how many and at which price.
    pub lines: OrderLines,
    /// When the shopper submitted it; its prices are of this moment.
    pub submitted_at: Timestamp,
}

impl Checkout {
    /// Where the order will stand in the books.
    pub fn key(&self) -> OrderKey {
        OrderKey {
            user_id: self.user_id.clone(),
            order_id: self.order_id,
        }
    }
}

/// One product of an order, as it was when submitted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OrderLine {
    /// Which product.
    pub product_id: ProductId,
    /// Its name at submission.
    pub name: ProductName,
    /// How many units.
    pub quantity: Quantity,
    /// Of one unit, at submission.
    pub unit_price: Money,
}

impl OrderLine {
    /// The price of all units of this line.
    pub fn total(&self) -> Money {
        self.unit_price.times(self.quantity)
    }
}

/// The lines of an order: 1 to [`MAX_LINES`], no product twice.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Vec<OrderLine>", into = "Vec<OrderLine>")]
pub struct OrderLines(Vec<OrderLine>);

/// Why lines make no order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum OrderLinesError {
    /// Nothing to buy.
    #[error("must hold at least one product")]
    Empty,
    /// More than one transaction could settle.
    #[error("must not hold more than {MAX_LINES} different products")]
    TooMany,
    /// One product on two lines.
    #[error("must not name a product twice")]
    ProductTwice,
}

impl OrderLines {
    /// The lines, in the order they were given.
    pub fn iter(&self) -> std::slice::Iter<'_, OrderLine> {
        self.0.iter()
    }

    /// The price of everything.
    pub fn total(&self) -> Money {
        self.iter().map(OrderLine::total).sum()
    }
}

impl<'a> IntoIterator for &'a OrderLines {
    type Item = &'a OrderLine;
    type IntoIter = std::slice::Iter<'a, OrderLine>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

impl TryFrom<Vec<OrderLine>> for OrderLines {
    type Error = OrderLinesError;

    fn try_from(lines: Vec<OrderLine>) -> Result<Self, OrderLinesError> {
        if lines.is_empty() {
            return Err(OrderLinesError::Empty);
        }
        if lines.len() > MAX_LINES {
            return Err(OrderLinesError::TooMany);
        }
        let mut seen = HashSet::with_capacity(lines.len());
        if !lines.iter().all(|line| seen.insert(line.product_id)) {
            return Err(OrderLinesError::ProductTwice);
        }
        Ok(OrderLines(lines))
    }
}

impl From<OrderLines> for Vec<OrderLine> {
    fn from(lines: OrderLines) -> Vec<OrderLine> {
        lines.0
    }
}
