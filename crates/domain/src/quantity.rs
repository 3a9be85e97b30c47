//! How many: of one product in a cart (bounded), and on the shelf (large).

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::limits::MAX_QUANTITY;

/// Units on a shelf or in the books, zero allowed.
pub type Units = u64;

/// Units of one product in a cart or an order: 1 to [`MAX_QUANTITY`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "i64", into = "u32")]
pub struct Quantity(u32);

/// A quantity outside 1 to [`MAX_QUANTITY`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("must be a whole number from 1 to {MAX_QUANTITY}")]
pub struct QuantityError;

impl Quantity {
    /// The quantity as a plain number.
    pub fn get(self) -> u32 {
        self.0
    }

    /// The quantity as units to take from a shelf.
    pub fn units(self) -> Units {
        Units::from(self.0)
    }

    /// Both together.
    ///
    /// # Errors
    /// When the sum is over [`MAX_QUANTITY`].
    pub fn plus(self, other: Quantity) -> Result<Quantity, QuantityError> {
        (i64::from(self.0) + i64::from(other.0)).try_into()
    }
}

impl TryFrom<i64> for Quantity {
    type Error = QuantityError;

    fn try_from(number: i64) -> Result<Self, QuantityError> {
        match u32::try_from(number) {
            Ok(number @ 1..=MAX_QUANTITY) => Ok(Quantity(number)),
            _ => Err(QuantityError),
        }
    }
}

impl From<Quantity> for u32 {
    fn from(quantity: Quantity) -> u32 {
        quantity.0
    }
}

impl fmt::Display for Quantity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bounds() {
        for bad in [i64::MIN, -1, 0, i64::from(MAX_QUANTITY) + 1, i64::MAX] {
            assert_eq!(Quantity::try_from(bad), Err(QuantityError), "{bad}");
        }
        let most = Quantity::try_from(i64::from(MAX_QUANTITY)).unwrap();
        assert!(most.plus(Quantity(1)).is_err());
        assert_eq!(Quantity(1).plus(Quantity(2)), Ok(Quantity(3)));
    }
}
