//! One error type that knows its HTTP answer, in a shopper's words (RFC 9457). What only the shop's
//! operators should read goes to the log.

use std::fmt;

use domain::limits::{MAX_BODY_BYTES, MAX_IDEMPOTENCY_KEY_CHARS, MAX_LINES, MAX_QUANTITY};
use domain::{Forbidden, OrderId, OrderStatus, Shortage};
use lambda_http::http::StatusCode;
use payments::{CaptureError, Decline, PaymentError, ProviderError};
use serde::Serialize;
use store::{AdvanceError, CartError, ProductError, RestockError, StoreError};

use crate::reply::{self, Reply};

/// Why a request was not done.
#[derive(Debug)]
pub enum ApiError {
    /// No route has this method and path.
    NoSuchRoute,
    /// The gateway passed on nobody's name. It never does on a route that needs one.
    Unauthenticated,
    /// There is no such thing, or it is somebody else's: the answer must not tell which.
    NotFound(Thing),
    /// The body is larger than [`MAX_BODY_BYTES`].
    TooLarge,
    /// The body claims to be something other than JSON.
    NotJson,
    /// There is no body where there must be one.
    NoBody,
    /// The body is not JSON at all.
    Malformed,
    /// A query parameter cannot be used.
    Parameter(FieldError),
    /// The request is JSON, but values in it cannot be used.
    Invalid(Vec<FieldError>),
    /// There is nothing in the cart to check out.
    CartEmpty,
    /// The cart was submitted: it never changes again.
    CartSubmitted,
    /// There is not enough of these.
    OutOfStock {
        /// Each product that is short.
        short: Vec<Shortage>,
        /// The rejected order, where the books hold one.
        order_id: Option<OrderId>,
    },
    /// The order's status does not allow it.
    OrderCannot(Forbidden),
    /// The card's bank said no.
    Declined(Decline),
    /// The order could not be paid any more, for it had become this. What was paid was given back.
    PaidTooLate(OrderStatus),
    /// The payment provider gave no answer.
    ProviderSilent,
    /// The order was cancelled, and the provider did not say whether it gave the payment back.
    RefundSilent,
    /// The payment was let go before it was captured.
    PaymentGone,
    /// The caller is no merchant.
    NotMerchant,
    /// The product is another merchant's.
    NotYours,
    /// The merchant has another product of this name.
    NameTaken,
    /// What `If-Match` names is no longer the product's version.
    Stale,
    /// The `Idempotency-Key` header holds what no key may hold.
    BadIdempotencyKey,
    /// The `Idempotency-Key` belongs to another request.
    IdempotencyKeyReused,
    /// The books or the queue failed.
    Store(StoreError),
}

/// What a path can name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Thing {
    /// A product.
    Product,
    /// A cart.
    Cart,
    /// An order.
    Order,
    /// An order as merchants see it: only once it was paid.
    PaidOrder,
}

/// What is wrong with one value of a request.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct FieldError {
    /// Where the value stands, such as `lines[2].quantity`.
    pub field: String,
    /// What it must be, such as "must be a whole number from 1 to 10000".
    pub message: String,
}

/// An RFC 9457 problem document.
#[derive(Debug, Serialize)]
pub(crate) struct Problem {
    r#type: String,
    title: &'static str,
    status: u16,
    detail: String,
    #[serde(skip_serializing_if = "<[FieldError]>::is_empty")]
    errors: Vec<FieldError>,
    #[serde(skip_serializing_if = "<[Shortage]>::is_empty")]
    short: Vec<Shortage>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    instance: Option<String>,
}

/// Seconds after which a client may try again when the shop was too busy, or has not decided yet.
const BUSY_RETRY_SECONDS: u32 = 1;

impl ApiError {
    /// One value that cannot be used.
    pub fn invalid(field: impl Into<String>, message: impl fmt::Display) -> ApiError {
        ApiError::Invalid(vec![FieldError::new(field, message)])
    }

    /// The status of the answer.
    pub fn status(&self) -> StatusCode {
        match self {
            ApiError::NoSuchRoute | ApiError::NotFound(_) => StatusCode::NOT_FOUND,
            ApiError::Unauthenticated => StatusCode::UNAUTHORIZED,
            ApiError::TooLarge => StatusCode::PAYLOAD_TOO_LARGE,
            ApiError::NotJson => StatusCode::UNSUPPORTED_MEDIA_TYPE,
            ApiError::NoBody | ApiError::Malformed | ApiError::Parameter(_) => {
                StatusCode::BAD_REQUEST
            }
            ApiError::Invalid(_)
            | ApiError::CartEmpty
            | ApiError::BadIdempotencyKey
            | ApiError::IdempotencyKeyReused => StatusCode::UNPROCESSABLE_ENTITY,
            ApiError::CartSubmitted
            | ApiError::OutOfStock { .. }
            | ApiError::OrderCannot(_)
            | ApiError::PaidTooLate(_)
            | ApiError::PaymentGone
            | ApiError::NameTaken => StatusCode::CONFLICT,
            ApiError::Declined(_) => StatusCode::PAYMENT_REQUIRED,
            ApiError::ProviderSilent | ApiError::RefundSilent => StatusCode::GATEWAY_TIMEOUT,
            ApiError::NotMerchant | ApiError::NotYours => StatusCode::FORBIDDEN,
            ApiError::Stale => StatusCode::PRECONDITION_FAILED,
            ApiError::Store(StoreError::Unavailable(_)) => StatusCode::SERVICE_UNAVAILABLE,
            ApiError::Store(_) => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }

    /// The name of this kind of problem, for programs, and its title, for people.
    fn kind(&self) -> (&'static str, &'static str) {
        match self {
            ApiError::NoSuchRoute => ("no-such-route", "There is nothing here"),
            ApiError::NotFound(Thing::Product) => ("no-such-product", "No such product"),
            ApiError::NotFound(Thing::Cart) => ("no-such-cart", "No such cart"),
            ApiError::NotFound(Thing::Order | Thing::PaidOrder) => {
                ("no-such-order", "No such order")
            }
            ApiError::Unauthenticated => ("sign-in-required", "Please sign in"),
            ApiError::TooLarge => ("too-large", "The request is too large"),
            ApiError::NotJson => ("not-json", "The request must be JSON"),
            ApiError::NoBody => ("no-body", "The request is empty"),
            ApiError::Malformed => ("malformed-json", "The request can't be read"),
            ApiError::Parameter(_) => ("invalid-parameter", "The address can't be used"),
            ApiError::Invalid(_) => ("invalid-request", "The request can't be used"),
            ApiError::CartEmpty => ("cart-empty", "The cart is empty"),
            ApiError::CartSubmitted => ("cart-checked-out", "The cart has been checked out"),
            ApiError::OutOfStock { .. } => ("out-of-stock", "Not enough in stock"),
            ApiError::OrderCannot(_) => ("order-status", "The order does not allow that"),
            ApiError::Declined(_) => ("payment-declined", "The payment was declined"),
            ApiError::PaidTooLate(_) => ("paid-too-late", "The payment came too late"),
            ApiError::ProviderSilent => ("payment-unanswered", "The payment got no answer"),
            ApiError::RefundSilent => ("refund-unanswered", "The refund got no answer"),
            ApiError::PaymentGone => ("payment-gone", "The payment is gone"),
            ApiError::NotMerchant => ("merchants-only", "For merchants only"),
            ApiError::NotYours => ("not-your-product", "Not your product"),
            ApiError::NameTaken => ("name-taken", "The name is taken"),
            ApiError::Stale => ("changed-meanwhile", "The product has changed"),
            ApiError::BadIdempotencyKey => (
                "invalid-idempotency-key",
                "The Idempotency-Key can't be used",
            ),
            ApiError::IdempotencyKeyReused => (
                "idempotency-key-reused",
                "The Idempotency-Key was used before",
            ),
            ApiError::Store(StoreError::Unavailable(_)) => ("busy", "The shop is very busy"),
            ApiError::Store(_) => ("internal", "Something went wrong"),
        }
    }

    /// What happened and what to do about it.
    fn detail(&self) -> String {
        match self {
            ApiError::NoSuchRoute => "This shop has nothing at this address.".to_owned(),
            ApiError::NotFound(Thing::Product) => "This shop has no such product.".to_owned(),
            ApiError::NotFound(Thing::Cart) => "You have no such cart.".to_owned(),
            ApiError::NotFound(Thing::Order) => "You have no such order.".to_owned(),
            ApiError::NotFound(Thing::PaidOrder) => {
                "No order with this id is known to be paid, and only paid orders are shipped.".to_owned()
            }
            ApiError::Unauthenticated => "Sign in, then try again.".to_owned(),
            ApiError::TooLarge => {
                format!("A request may have up to {} KiB.", MAX_BODY_BYTES / 1024)
            }
            ApiError::NotJson => {
                "Send JSON, with the header Content-Type: application/json.".to_owned()
            }
            ApiError::NoBody => "Send what you want as JSON in the request's body.".to_owned(),
            ApiError::Malformed => "What was sent is not valid JSON.".to_owned(),
            ApiError::Parameter(error) => format!("{error}."),
            ApiError::Invalid(errors) => match errors.as_slice() {
                [error] => format!("{error}."),
                errors => format!("{} values can't be used.", errors.len()),
            },
            ApiError::CartEmpty => {
                "There is nothing in this cart. Put something in it, then check out.".to_owned()
            }
            ApiError::CartSubmitted => {
                "What has been checked out can't be changed any more. Start a new cart.".to_owned()
            }
            ApiError::OutOfStock { .. } => {
                "There is not enough left of what you want. Nothing was ordered.".to_owned()
            }
            ApiError::OrderCannot(forbidden) => format!(
                "This order {}, so it can't be {}.",
                condition(forbidden.from),
                participle(forbidden.to)
            ),
            ApiError::Declined(Decline::CardDeclined) => {
                "Your bank declined the payment. Try another card.".to_owned()
            }
            ApiError::Declined(Decline::InsufficientFunds) => {
                "There is not enough money on this card. Try another one.".to_owned()
            }
            ApiError::PaidTooLate(became) => format!(
                "This order {}. Your payment was given back.",
                condition(*became)
            ),
            ApiError::ProviderSilent => {
                "We can't tell yet whether it went through. Try again: nothing is paid twice."
                    .to_owned()
            }
            ApiError::RefundSilent => "This order is cancelled, but we can't tell yet whether your \
                payment was given back. Try again: nothing is given back twice."
                .to_owned(),
            ApiError::PaymentGone => {
                "What was paid for this order is no longer held. Don't ship it: its buyer can cancel it."
                    .to_owned()
            }
            ApiError::NotMerchant => "Only the shop's merchants may do this.".to_owned(),
            ApiError::NotYours => "This product is another merchant's.".to_owned(),
            ApiError::NameTaken => "You have another product of this name.".to_owned(),
            ApiError::Stale => {
                "Somebody has changed the product since you looked. Look again, then try again."
                    .to_owned()
            }
            ApiError::BadIdempotencyKey => format!(
                "An Idempotency-Key has 1 to {MAX_IDEMPOTENCY_KEY_CHARS} printable ASCII characters."
            ),
            ApiError::IdempotencyKeyReused => {
                "This Idempotency-Key belongs to another request. Use a new one.".to_owned()
            }
            ApiError::Store(StoreError::Unavailable(_)) => {
                "Please try again in a moment.".to_owned()
            }
            ApiError::Store(_) => {
                "That was our fault, not yours. Please try again later.".to_owned()
            }
        }
    }

    /// Tells the operators what the answer leaves out.
    fn log(&self) {
        match self {
            ApiError::Store(error @ StoreError::Unavailable(_)) => {
                tracing::warn!(%error, "answered 503");
            }
            ApiError::Store(error) => tracing::error!(%error, "answered 500"),
            // Not the error itself: it may quote what the client sent.
            other => {
                let (status, (kind, _)) = (other.status().as_u16(), other.kind());
                tracing::debug!(status, kind, "refused");
            }
        }
    }
}

impl From<ApiError> for Reply {
    fn from(error: ApiError) -> Reply {
        error.log();
        let (kind, title) = error.kind();
        let status = error.status();
        let mut problem = Problem {
            r#type: format!("urn:problem-type:hedonify:{kind}"),
            title,
            status: status.as_u16(),
            detail: error.detail(),
            errors: Vec::new(),
            short: Vec::new(),
            reason: None,
            instance: None,
        };
        let retry_seconds = error.retry_seconds();
        match error {
            ApiError::Invalid(errors) => problem.errors = errors,
            ApiError::Parameter(error) => problem.errors = vec![error],
            ApiError::OutOfStock { short, order_id } => {
                problem.short = short;
                problem.instance = order_id.map(|order_id| format!("/orders/{order_id}"));
            }
            ApiError::Declined(decline) => problem.reason = Some(decline.as_str()),
            _ => {}
        }
        let reply = reply::problem(status, &problem);
        match retry_seconds {
            Some(seconds) => reply::retry_after(reply, seconds),
            None => reply,
        }
    }
}

impl ApiError {
    /// When it pays to ask again, if time alone may help.
    fn retry_seconds(&self) -> Option<u32> {
        match self {
            ApiError::Store(StoreError::Unavailable(_))
            | ApiError::ProviderSilent
            | ApiError::RefundSilent => Some(BUSY_RETRY_SECONDS),
            ApiError::OrderCannot(forbidden) if forbidden.from == OrderStatus::Pending => {
                Some(BUSY_RETRY_SECONDS)
            }
            _ => None,
        }
    }
}

/// What has become of an order, as the end of "This order …".
fn condition(status: OrderStatus) -> &'static str {
    match status {
        OrderStatus::Pending => "is still being decided",
        OrderStatus::WaitingPayment => "is not paid yet",
        OrderStatus::Rejected => "was rejected",
        OrderStatus::Paid => "is paid",
        OrderStatus::Shipping => "is on its way",
        OrderStatus::Completed => "has arrived",
        OrderStatus::Cancelled => "was cancelled",
        OrderStatus::Expired => "was not paid in time",
    }
}

/// What was wanted of an order, as the end of "It can't be …".
fn participle(status: OrderStatus) -> &'static str {
    match status {
        OrderStatus::Pending | OrderStatus::WaitingPayment => "accepted",
        OrderStatus::Rejected => "rejected",
        OrderStatus::Paid => "paid",
        OrderStatus::Shipping => "shipped",
        OrderStatus::Completed => "completed",
        OrderStatus::Cancelled => "cancelled",
        OrderStatus::Expired => "expired",
    }
}

impl From<StoreError> for ApiError {
    fn from(error: StoreError) -> ApiError {
        ApiError::Store(error)
    }
}

impl From<Forbidden> for ApiError {
    fn from(forbidden: Forbidden) -> ApiError {
        ApiError::OrderCannot(forbidden)
    }
}

impl From<AdvanceError> for ApiError {
    fn from(error: AdvanceError) -> ApiError {
        match error {
            AdvanceError::Forbidden(forbidden) => forbidden.into(),
            AdvanceError::Store(error) => error.into(),
        }
    }
}

impl From<PaymentError> for ApiError {
    fn from(error: PaymentError) -> ApiError {
        match error {
            PaymentError::Declined(decline) => ApiError::Declined(decline),
            PaymentError::UnknownCard => ApiError::invalid(
                "card_number",
                "must be a test card's, such as 4242 4242 4242 4242: this shop takes no real cards",
            ),
            PaymentError::Provider(error) => error.into(),
        }
    }
}

impl From<CaptureError> for ApiError {
    fn from(error: CaptureError) -> ApiError {
        match error {
            CaptureError::Gone => ApiError::PaymentGone,
            CaptureError::Provider(error) => error.into(),
        }
    }
}

impl From<ProviderError> for ApiError {
    fn from(_: ProviderError) -> ApiError {
        ApiError::ProviderSilent
    }
}

impl From<ProductError> for ApiError {
    fn from(error: ProductError) -> ApiError {
        match error {
            ProductError::NameTaken => ApiError::NameTaken,
            ProductError::Changed => ApiError::Stale,
            ProductError::Store(error) => error.into(),
        }
    }
}

impl From<RestockError> for ApiError {
    fn from(error: RestockError) -> ApiError {
        match error {
            RestockError::OtherRequest => ApiError::IdempotencyKeyReused,
            RestockError::Store(error) => error.into(),
        }
    }
}

impl From<CartError> for ApiError {
    fn from(error: CartError) -> ApiError {
        match error {
            CartError::NotFound => ApiError::NotFound(Thing::Cart),
            CartError::Submitted => ApiError::CartSubmitted,
            CartError::Changed => StoreError::Unavailable("the cart keeps changing".into()).into(),
            CartError::TooManyLines => ApiError::invalid(
                "product_id",
                format_args!(
                    "would be one too many: a cart holds up to {MAX_LINES} different products"
                ),
            ),
            CartError::TooManyUnits => ApiError::invalid(
                "quantity",
                format_args!(
                    "together with what is in the cart must not be more than {MAX_QUANTITY}"
                ),
            ),
            CartError::Store(error) => ApiError::Store(error),
        }
    }
}

impl FieldError {
    /// What is wrong with the value at `field`.
    pub fn new(field: impl Into<String>, message: impl fmt::Display) -> FieldError {
        FieldError {
            field: field.into(),
            message: message.to_string(),
        }
    }
}

impl fmt::Display for FieldError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.field, self.message)
    }
}
