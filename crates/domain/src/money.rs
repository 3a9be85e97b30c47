//! Amounts in the shop's one currency: exact decimals, never floats.

use std::fmt;
use std::iter::Sum;

use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};

use crate::limits::{MAX_AMOUNT, MAX_PRICE, MONEY_SCALE};
use crate::quantity::Quantity;

/// An amount of money from nothing to [`MAX_AMOUNT`], with at most [`MONEY_SCALE`] digits behind the
/// point. A string in JSON (`"129.90"`), always with both digits behind the point.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "Decimal")]
pub struct Money(Decimal);

/// Why a number is no amount of money.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum MoneyError {
    /// Below zero.
    #[error("must not be negative")]
    Negative,
    /// A price of nothing.
    #[error("must be more than 0")]
    Nothing,
    /// Fractions of a cent.
    #[error("must not have more than {MONEY_SCALE} digits behind the point")]
    TooFine,
    /// A price above [`MAX_PRICE`].
    #[error("must not be more than {MAX_PRICE}")]
    TooDear,
    /// Above [`MAX_AMOUNT`].
    #[error("must not be more than {MAX_AMOUNT}")]
    TooMuch,
}

impl Money {
    /// Nothing to pay.
    pub const ZERO: Money = Money(Decimal::from_parts(0, 0, 0, false, MONEY_SCALE));

    /// The price of one unit.
    ///
    /// # Errors
    /// When not above zero, finer than a cent or above [`MAX_PRICE`].
    pub fn price(amount: Decimal) -> Result<Money, MoneyError> {
        let price = Money::try_from(amount)?;
        if price == Money::ZERO {
            return Err(MoneyError::Nothing);
        }
        if price.0 > Decimal::from(MAX_PRICE) {
            return Err(MoneyError::TooDear);
        }
        Ok(price)
    }

    /// The amount as a decimal number.
    pub fn amount(self) -> Decimal {
        self.0
    }

    /// The price of `quantity` units. No amount is so high that this, or the sum of all lines of an
    /// order, could overflow.
    pub fn times(self, quantity: Quantity) -> Money {
        Money(self.0 * Decimal::from(quantity.get()))
    }
}

impl TryFrom<Decimal> for Money {
    type Error = MoneyError;

    fn try_from(amount: Decimal) -> Result<Money, MoneyError> {
        if amount.is_sign_negative() && !amount.is_zero() {
            return Err(MoneyError::Negative);
        }
        if amount.normalize().scale() > MONEY_SCALE {
            return Err(MoneyError::TooFine);
        }
        if amount > Decimal::from(MAX_AMOUNT) {
            return Err(MoneyError::TooMuch);
        }
        let mut cents = amount.abs();
        cents.rescale(MONEY_SCALE);
        Ok(Money(cents))
    }
}

impl Sum for Money {
    fn sum<I: Iterator<Item = Money>>(amounts: I) -> Money {
        Money(amounts.fold(Money::ZERO.0, |sum, next| sum + next.0))
    }
}

impl fmt::Display for Money {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn money(text: &str) -> Result<Money, MoneyError> {
        Money::try_from(text.parse::<Decimal>().unwrap())
    }

    #[test]
    fn an_amount_is_exact_and_never_negative() {
        assert_eq!(money("129.9").unwrap().to_string(), "129.90");
        assert_eq!(money("5").unwrap().to_string(), "5.00");
        assert_eq!(money("1.000").unwrap().to_string(), "1.00");
        assert_eq!(money("-0.01"), Err(MoneyError::Negative));
        assert_eq!(money("0.001"), Err(MoneyError::TooFine));
        assert_eq!(
            money("500000000000").unwrap().to_string(),
            "500000000000.00"
        );
        for too_much in ["500000000000.01", "79228162514264337593543950335"] {
            assert_eq!(money(too_much), Err(MoneyError::TooMuch), "{too_much}");
        }
        assert_eq!(
            Money::price(Decimal::from(MAX_PRICE + 1)),
            Err(MoneyError::TooDear)
        );
        assert_eq!(Money::price(Decimal::ZERO), Err(MoneyError::Nothing));
    }

    #[test]
    fn json_is_a_string() {
        let price = money("129.90").unwrap();
        assert_eq!(serde_json::to_string(&price).unwrap(), "\"129.90\"");
        assert_eq!(serde_json::from_str::<Money>("\"129.90\"").unwrap(), price);
    }

    #[test]
    fn totals_keep_their_cents() {
        let three = Quantity::try_from(3).unwrap();
        let total: Money = [money("0.10").unwrap().times(three), money("2").unwrap()]
            .into_iter()
            .sum();
        assert_eq!(total.to_string(), "2.30");
        assert_eq!(
            std::iter::empty::<Money>().sum::<Money>().to_string(),
            "0.00"
        );
    }
}
