//! A shopper's cart, until and after it is submitted.

use std::fmt;
use std::str::FromStr;

use jiff::Timestamp;
use serde::Serialize;

use crate::basket::Basket;
use crate::checkout::{Checkout, OrderLines};
use crate::id::{CartId, UserId};
use crate::order::UnknownStatus;

/// A cart. Its id becomes the order's id.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cart {
    /// Which cart.
    pub cart_id: CartId,
    /// Whose cart.
    pub user_id: UserId,
    /// Still open, or submitted for good.
    pub state: CartState,
    /// When it was made.
    pub created_at: Timestamp,
    /// When its owner last changed it.
    pub updated_at: Timestamp,
}

/// What a cart holds, by how far it has come.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CartState {
    /// The owner may still change it; prices are those of the moment it is looked at.
    Open(Basket),
    /// Submitted: lines and prices are fixed, so that submitting again sends the very same checkout.
    Submitted {
        /// What was submitted.
        lines: OrderLines,
        /// When.
        submitted_at: Timestamp,
    },
}

/// The name of a cart's state, as shoppers and the books read it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum CartStatus {
    /// The owner may still change it.
    Open,
    /// Checked out.
    Submitted,
}

impl CartState {
    /// The state's name.
    pub fn status(&self) -> CartStatus {
        match self {
            CartState::Open(_) => CartStatus::Open,
            CartState::Submitted { .. } => CartStatus::Submitted,
        }
    }
}

impl fmt::Display for CartStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            CartStatus::Open => "OPEN",
            CartStatus::Submitted => "SUBMITTED",
        })
    }
}

impl FromStr for CartStatus {
    type Err = UnknownStatus;

    fn from_str(text: &str) -> Result<Self, UnknownStatus> {
        match text {
            "OPEN" => Ok(CartStatus::Open),
            "SUBMITTED" => Ok(CartStatus::Submitted),
            _ => Err(UnknownStatus),
        }
    }
}

impl Cart {
    /// A new cart with these goods.
    pub fn open(cart_id: CartId, user_id: UserId, basket: Basket, now: Timestamp) -> Cart {
        Cart {
            cart_id,
            user_id,
            state: CartState::Open(basket),
            created_at: now,
            updated_at: now,
        }
    }

    /// A cart that is submitted the moment it is made: the one-click checkout.
    pub fn submitted(cart_id: CartId, user_id: UserId, lines: OrderLines, now: Timestamp) -> Cart {
        Cart {
            cart_id,
            user_id,
            state: CartState::Submitted {
                lines,
                submitted_at: now,
            },
            created_at: now,
            updated_at: now,
        }
    }

    /// The checkout that was submitted, or `None` while the cart is open.
    pub fn checkout(&self) -> Option<Checkout> {
        match &self.state {
            CartState::Open(_) => None,
            CartState::Submitted {
                lines,
                submitted_at,
            } => Some(Checkout {
                order_id: self.cart_id.into(),
                user_id: self.user_id.clone(),
                lines: lines.clone(),
                submitted_at: *submitted_at,
            }),
        }
    }
}
