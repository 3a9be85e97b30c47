//! Why a use case did not do what was asked of it.

use domain::{Forbidden, NotForSale, NothingToBuy, OrderId, OrderStatus, Shortage};
use payments::{CaptureError, Decline, PaymentError, ProviderError};
use store::{AdvanceError, CartError, ProductError, RestockError, StoreError};

/// Why the shop did not do what was asked.
#[derive(Debug, thiserror::Error)]
pub enum ShopError {
    /// There is no such thing, or it is another user's: the answer must be the same for both.
    #[error("there is no such {0:?}")]
    NotFound(Resource),
    /// There is nothing in the cart to check out.
    #[error("the cart is empty")]
    CartEmpty,
    /// The cart was submitted: it never changes again.
    #[error("the cart was submitted")]
    CartSubmitted,
    /// The cart holds as many different products as it can.
    #[error("the cart would hold too many different products")]
    TooManyProducts,
    /// Together with what is in the cart it would be too many units of one product.
    #[error("the cart would hold too many units of the product")]
    TooManyUnits,
    /// The shop does not have the product.
    #[error("the shop does not have the product")]
    ProductNotForSale,
    /// The shop does not have the products of some lines.
    #[error(transparent)]
    NotForSale(#[from] NotForSale),
    /// There is not enough of these.
    #[error("not enough in stock")]
    OutOfStock {
        /// Each product that is short.
        short: Vec<Shortage>,
        /// The rejected order, where the books hold one.
        order_id: Option<OrderId>,
    },
    /// The order's status does not allow it.
    #[error(transparent)]
    OrderCannot(#[from] Forbidden),
    /// The card's bank said no.
    #[error("declined: {}", .0.as_str())]
    Declined(Decline),
    /// The payment provider takes no such card.
    #[error("the provider takes no such card")]
    UnknownCard,
    /// The order could not be paid any more, for it had become this. What was paid was given back.
    #[error("the order became {0} before it was paid")]
    PaidTooLate(OrderStatus),
    /// The payment provider gave no answer.
    #[error("the payment provider gave no answer")]
    ProviderSilent,
    /// The order was cancelled, and the provider did not say whether it gave the payment back.
    #[error("the payment provider did not confirm the refund")]
    RefundSilent,
    /// The payment was let go before it was captured.
    #[error("the payment is no longer held")]
    PaymentGone,
    /// The product is another merchant's.
    #[error("the product is another merchant's")]
    NotYours,
    /// The merchant has another product of this name.
    #[error("the merchant has another product of this name")]
    NameTaken,
    /// The product no longer has the version that the change is meant for.
    #[error("the product has changed")]
    ProductChanged,
    /// The client's key belongs to another request.
    #[error("the idempotency key belongs to another request")]
    IdempotencyKeyReused,
    /// The books or a queue failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// A thing that a caller can name by its id.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Resource {
    /// A product.
    Product,
    /// A cart.
    Cart,
    /// An order.
    Order,
    /// An order as merchants see it: only once it was paid.
    PaidOrder,
}

impl ShopError {
    /// Others keep changing the same thing; later it may succeed.
    pub(crate) fn keeps_changing(what: &str) -> ShopError {
        StoreError::Unavailable(format!("the {what} keeps changing")).into()
    }
}

impl From<NothingToBuy> for ShopError {
    fn from(NothingToBuy: NothingToBuy) -> ShopError {
        ShopError::CartEmpty
    }
}

impl From<AdvanceError> for ShopError {
    fn from(error: AdvanceError) -> ShopError {
        match error {
            AdvanceError::Forbidden(forbidden) => forbidden.into(),
            AdvanceError::Store(error) => error.into(),
        }
    }
}

impl From<PaymentError> for ShopError {
    fn from(error: PaymentError) -> ShopError {
        match error {
            PaymentError::Declined(decline) => ShopError::Declined(decline),
            PaymentError::UnknownCard => ShopError::UnknownCard,
            PaymentError::Provider(error) => error.into(),
        }
    }
}

impl From<CaptureError> for ShopError {
    fn from(error: CaptureError) -> ShopError {
        match error {
            CaptureError::Gone => ShopError::PaymentGone,
            CaptureError::Provider(error) => error.into(),
        }
    }
}

impl From<ProviderError> for ShopError {
    fn from(_: ProviderError) -> ShopError {
        ShopError::ProviderSilent
    }
}

impl From<ProductError> for ShopError {
    fn from(error: ProductError) -> ShopError {
        match error {
            ProductError::NameTaken => ShopError::NameTaken,
            ProductError::Changed => ShopError::ProductChanged,
            ProductError::Store(error) => error.into(),
        }
    }
}

impl From<RestockError> for ShopError {
    fn from(error: RestockError) -> ShopError {
        match error {
            RestockError::OtherRequest => ShopError::IdempotencyKeyReused,
            RestockError::Store(error) => error.into(),
        }
    }
}

impl From<CartError> for ShopError {
    fn from(error: CartError) -> ShopError {
        match error {
            CartError::NotFound => ShopError::NotFound(Resource::Cart),
            CartError::Submitted => ShopError::CartSubmitted,
            CartError::Changed => ShopError::keeps_changing("cart"),
            CartError::TooManyLines => ShopError::TooManyProducts,
            CartError::TooManyUnits => ShopError::TooManyUnits,
            CartError::Store(error) => error.into(),
        }
    }
}
