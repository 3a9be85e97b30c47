//! What the shop asks of a payment provider.
//!
//! A payment is authorised when the shopper pays: the provider holds the amount on the card. It is
//! captured when the order ships. A hold that nobody captures lapses by itself, so wherever the shop
//! stumbles in between, nobody has paid for nothing.

use std::future::Future;

use domain::{Order, PaymentId};

use crate::card::CardNumber;

/// A payment provider. Each question may be asked again whenever its answer was lost.
pub trait PaymentProvider {
    /// Holds an order's total on a card.
    ///
    /// Once by order: one that has a payment gets the same again, whatever the card. A declined try
    /// leaves nothing behind, so another card may follow.
    ///
    /// # Errors
    /// As [`PaymentError`] says.
    fn authorise(
        &self,
        order: &Order,
        card: &CardNumber,
    ) -> impl Future<Output = Result<PaymentId, PaymentError>> + Send;

    /// Takes what is held, whole. Of a payment that was captured before, nothing more is taken.
    ///
    /// # Errors
    /// As [`CaptureError`] says.
    fn capture(&self, payment: &PaymentId)
    -> impl Future<Output = Result<(), CaptureError>> + Send;

    /// Gives a payment back, whole: lets go of what is held, refunds what was taken. Of a payment
    /// that was given back before, nothing more is given.
    ///
    /// # Errors
    /// When the provider gives no answer.
    fn give_back(
        &self,
        payment: &PaymentId,
    ) -> impl Future<Output = Result<(), ProviderError>> + Send;
}

/// Why an order was not paid.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum PaymentError {
    /// The card's bank said no.
    #[error("declined: {}", .0.as_str())]
    Declined(Decline),
    /// The provider takes no such card.
    #[error("the provider takes no such card")]
    UnknownCard,
    /// See [`ProviderError`].
    #[error(transparent)]
    Provider(#[from] ProviderError),
}

/// Why a payment was not captured.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum CaptureError {
    /// It lapsed or was given back: it can never be captured.
    #[error("the provider has no such payment to capture any more")]
    Gone,
    /// See [`ProviderError`].
    #[error(transparent)]
    Provider(#[from] ProviderError),
}

/// Why a bank said no.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Decline {
    /// It gives no reason.
    CardDeclined,
    /// There is not enough money on the card.
    InsufficientFunds,
}

impl Decline {
    /// The reason, for programs.
    pub fn as_str(self) -> &'static str {
        match self {
            Decline::CardDeclined => "CARD_DECLINED",
            Decline::InsufficientFunds => "INSUFFICIENT_FUNDS",
        }
    }
}

/// The provider gave no answer: what it was asked may have been done or not. Asking again tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the payment provider gave no answer")]
pub struct ProviderError;
