//! What was paid for an order, and paid back.

use std::fmt;
use std::str::FromStr;

use jiff::Timestamp;

/// A payment that the provider took.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Payment {
    /// The provider's own id of it.
    pub payment_id: PaymentId,
    /// When.
    pub paid_at: Timestamp,
}

/// A payment that was given back, whole.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refund {
    /// What had been paid.
    pub payment: Payment,
    /// When it was given back.
    pub refunded_at: Timestamp,
}

/// A payment provider's id of a payment.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct PaymentId(String);

/// A text that is no payment id.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("must be 1 to {} characters", PaymentId::MAX_CHARS)]
pub struct InvalidPaymentId;

impl PaymentId {
    const MAX_CHARS: usize = 100;

    /// The id as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for PaymentId {
    type Err = InvalidPaymentId;

    fn from_str(text: &str) -> Result<Self, InvalidPaymentId> {
        if (1..=Self::MAX_CHARS).contains(&text.chars().count()) {
            Ok(PaymentId(text.to_owned()))
        } else {
            Err(InvalidPaymentId)
        }
    }
}

impl fmt::Display for PaymentId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}
