//! The trait of a payment provider.
//!
//! A payment is authorised when the shopper pays: the provider holds the amount on the card. It is
//! captured when the order ships. A hold that is not captured lapses by itself, so a shopper never pays for an
//! order that a failure of the shop left unfinished.

use std::future::Future;

use domain::{Order, PaymentId};

use crate::card::CardNumber;

/// A payment provider. Every call may be repeated if its answer was lost.
pub trait PaymentProvider {
    /// Holds an order's total on a card.
    ///
    /// Idempotent by order: an order that has a payment gets the same payment again, with any card. A declined
    /// attempt leaves nothing behind, so that the shopper may try another card.
    fn authorise(
        &self,
        order: &Order,
        card: &CardNumber,
    ) -> impl Future<Output = Result<PaymentId, PaymentError>> + Send;

    /// Takes the whole amount that is held. Capturing again takes nothing more.
    fn capture(&self, payment: &PaymentId)
    -> impl Future<Output = Result<(), CaptureError>> + Send;

    /// Gives the whole payment back: releases the hold, or refunds what was captured. Giving back again gives
    /// nothing more.
    fn give_back(
        &self,
        payment: &PaymentId,
    ) -> impl Future<Output = Result<(), ProviderError>> + Send;
}

/// The reason why an order was not paid.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum PaymentError {
    /// The card's bank declined the payment.
    #[error("declined: {}", .0.as_str())]
    Declined(Decline),
    #[error("the provider takes no such card")]
    UnknownCard,
    #[error(transparent)]
    Provider(#[from] ProviderError),
}

/// The reason why a payment was not captured.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum CaptureError {
    /// The payment lapsed or was given back. It can never be captured.
    #[error("the provider has no such payment to capture any more")]
    Gone,
    #[error(transparent)]
    Provider(#[from] ProviderError),
}

/// The reason why a bank declined a payment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Decline {
    /// The bank gives no reason.
    CardDeclined,
    InsufficientFunds,
}

impl Decline {
    /// The code of the reason in the API.
    pub fn as_str(self) -> &'static str {
        match self {
            Decline::CardDeclined => "CARD_DECLINED",
            Decline::InsufficientFunds => "INSUFFICIENT_FUNDS",
        }
    }
}

/// The provider gave no answer. It may have done what was asked, or not: the call must be repeated.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the payment provider gave no answer")]
pub struct ProviderError;
