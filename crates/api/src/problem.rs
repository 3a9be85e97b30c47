//! The answers to errors, in a shopper's words (RFC 9457): one table for status, type, title and
//! words. Details that only the shop's operators should read go to the log.

use std::borrow::Cow;

use domain::limits::{MAX_BODY_BYTES, MAX_IDEMPOTENCY_KEY_CHARS, MAX_LINES, MAX_QUANTITY};
use domain::{NotForSale, OrderStatus, Shortage};
use lambda_http::http::StatusCode;
use payments::Decline;
use serde::Serialize;
use shop::{Resource, ShopError};
use store::StoreError;

use crate::error::{ApiError, FieldError};
use crate::reply::{self, Reply};

/// An RFC 9457 problem document, and what goes into the answer's head.
#[derive(Debug, Serialize)]
struct Problem {
    #[serde(rename = "type", serialize_with = "problem_type")]
    kind: &'static str,
    title: &'static str,
    #[serde(serialize_with = "status_number")]
    status: StatusCode,
    detail: Cow<'static, str>,
    #[serde(skip_serializing_if = "<[FieldError]>::is_empty")]
    errors: Vec<FieldError>,
    #[serde(skip_serializing_if = "<[Shortage]>::is_empty")]
    short: Vec<Shortage>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    instance: Option<String>,
    /// After how many seconds a client may try again, if time alone may help.
    #[serde(skip)]
    retry_seconds: Option<u32>,
}

/// Seconds after which a client may try again when the shop was too busy, or has not decided yet.
const BUSY_RETRY_SECONDS: u32 = 1;

const UNKNOWN_PRODUCT: &str = "is no product of this shop";

impl From<ApiError> for Reply {
    fn from(error: ApiError) -> Reply {
        let problem = Problem::of(&error);
        log(&error, &problem);
        let reply = reply::problem(problem.status, &problem);
        match problem.retry_seconds {
            Some(seconds) => reply::retry_after(reply, seconds),
            None => reply,
        }
    }
}

/// Logs for the operators what the answer leaves out.
fn log(error: &ApiError, problem: &Problem) {
    match error {
        ApiError::Shop(ShopError::Store(error @ StoreError::Unavailable(_))) => {
            tracing::warn!(%error, "answered 503");
        }
        ApiError::Shop(ShopError::Store(error)) => tracing::error!(%error, "answered 500"),
        // Not the error itself: it may quote what the client sent.
        _ => {
            let (status, kind) = (problem.status.as_u16(), problem.kind);
            tracing::debug!(status, kind, "refused");
        }
    }
}

/// A row of the table.
fn row(
    status: StatusCode,
    kind: &'static str,
    title: &'static str,
    detail: impl Into<Cow<'static, str>>,
) -> Problem {
    Problem {
        kind,
        title,
        status,
        detail: detail.into(),
        errors: Vec::new(),
        short: Vec::new(),
        reason: None,
        instance: None,
        retry_seconds: None,
    }
}

impl Problem {
    fn of(error: &ApiError) -> Problem {
        match error {
            ApiError::NoSuchRoute => row(
                StatusCode::NOT_FOUND,
                "no-such-route",
                "There is nothing here",
                "This shop has nothing at this address.",
            ),
            ApiError::Unauthenticated => row(
                StatusCode::UNAUTHORIZED,
                "sign-in-required",
                "Please sign in",
                "Sign in, then try again.",
            ),
            ApiError::NotMerchant => row(
                StatusCode::FORBIDDEN,
                "merchants-only",
                "For merchants only",
                "Only the shop's merchants may do this.",
            ),
            ApiError::TooLarge => row(
                StatusCode::PAYLOAD_TOO_LARGE,
                "too-large",
                "The request is too large",
                format!("A request may have up to {} KiB.", MAX_BODY_BYTES / 1024),
            ),
            ApiError::NotJson => row(
                StatusCode::UNSUPPORTED_MEDIA_TYPE,
                "not-json",
                "The request must be JSON",
                "Send JSON, with the header Content-Type: application/json.",
            ),
            ApiError::NoBody => row(
                StatusCode::BAD_REQUEST,
                "no-body",
                "The request is empty",
                "Send what you want as JSON in the request's body.",
            ),
            ApiError::Malformed => row(
                StatusCode::BAD_REQUEST,
                "malformed-json",
                "The request can't be read",
                "What was sent is not valid JSON.",
            ),
            ApiError::Parameter(error) => Problem {
                errors: vec![error.clone()],
                ..row(
                    StatusCode::BAD_REQUEST,
                    "invalid-parameter",
                    "The address can't be used",
                    format!("{error}."),
                )
            },
            ApiError::Invalid(errors) => Problem::of_fields(errors.clone()),
            ApiError::BadIdempotencyKey => row(
                StatusCode::UNPROCESSABLE_ENTITY,
                "invalid-idempotency-key",
                "The Idempotency-Key can't be used",
                format!(
                    "An Idempotency-Key has 1 to {MAX_IDEMPOTENCY_KEY_CHARS} printable ASCII characters."
                ),
            ),
            ApiError::Shop(error) => Problem::of_shop(error),
        }
    }

    fn of_shop(error: &ShopError) -> Problem {
        match error {
            ShopError::NotFound(Resource::Product) => row(
                StatusCode::NOT_FOUND,
                "no-such-product",
                "No such product",
                "This shop has no such product.",
            ),
            ShopError::NotFound(Resource::Cart) => row(
                StatusCode::NOT_FOUND,
                "no-such-cart",
                "No such cart",
                "You have no such cart.",
            ),
            ShopError::NotFound(Resource::Order) => row(
                StatusCode::NOT_FOUND,
                "no-such-order",
                "No such order",
                "You have no such order.",
            ),
            ShopError::NotFound(Resource::PaidOrder) => row(
                StatusCode::NOT_FOUND,
                "no-such-order",
                "No such order",
                "No order with this id is known to be paid, and only paid orders are shipped.",
            ),
            ShopError::CartEmpty => row(
                StatusCode::UNPROCESSABLE_ENTITY,
                "cart-empty",
                "The cart is empty",
                "There is nothing in this cart. Put something in it, then check out.",
            ),
            ShopError::CartSubmitted => row(
                StatusCode::CONFLICT,
                "cart-checked-out",
                "The cart has been checked out",
                "What has been checked out can't be changed any more. Start a new cart.",
            ),
            ShopError::TooManyProducts => Problem::of_field(
                "product_id",
                format!("would be one too many: a cart holds up to {MAX_LINES} different products"),
            ),
            ShopError::TooManyUnits => Problem::of_field(
                "quantity",
                format!("together with what is in the cart must not be more than {MAX_QUANTITY}"),
            ),
            ShopError::ProductNotForSale => Problem::of_field("product_id", UNKNOWN_PRODUCT),
            ShopError::NotForSale(NotForSale { lines }) => {
                let unknown = |line| FieldError::new(format!("lines[{line}].product_id"), UNKNOWN_PRODUCT);
                Problem::of_fields(lines.iter().map(unknown).collect())
            }
            ShopError::OutOfStock { short, order_id } => Problem {
                short: short.clone(),
                instance: order_id.map(|order_id| format!("/orders/{order_id}")),
                ..row(
                    StatusCode::CONFLICT,
                    "out-of-stock",
                    "Not enough in stock",
                    "There is not enough left of what you want. Nothing was ordered.",
                )
            },
            ShopError::OrderCannot(forbidden) => Problem {
                retry_seconds: (forbidden.from == OrderStatus::Pending)
                    .then_some(BUSY_RETRY_SECONDS),
                ..row(
                    StatusCode::CONFLICT,
                    "order-status",
                    "The order does not allow that",
                    format!(
                        "This order {}, so it can't be {}.",
                        condition(forbidden.from),
                        participle(forbidden.to)
                    ),
                )
            },
            ShopError::Declined(decline) => Problem {
                reason: Some(decline.as_str()),
                ..row(
                    StatusCode::PAYMENT_REQUIRED,
                    "payment-declined",
                    "The payment was declined",
                    match decline {
                        Decline::CardDeclined => "Your bank declined the payment. Try another card.",
                        Decline::InsufficientFunds => {
                            "There is not enough money on this card. Try another one."
                        }
                    },
                )
            },
            ShopError::UnknownCard => Problem::of_field(
                "card_number",
                "must be a test card's, such as 4242 4242 4242 4242: this shop takes no real cards",
            ),
            ShopError::PaidTooLate(became) => row(
                StatusCode::CONFLICT,
                "paid-too-late",
                "The payment came too late",
                format!("This order {}. Your payment was given back.", condition(*became)),
            ),
            ShopError::ProviderSilent => row(
                StatusCode::GATEWAY_TIMEOUT,
                "payment-unanswered",
                "The payment got no answer",
                "We can't tell yet whether it went through. Try again: nothing is paid twice.",
            )
            .worth_a_retry(),
            ShopError::RefundSilent => row(
                StatusCode::GATEWAY_TIMEOUT,
                "refund-unanswered",
                "The refund got no answer",
                "This order is cancelled, but we can't tell yet whether your payment was given back. \
                 Try again: nothing is given back twice.",
            )
            .worth_a_retry(),
            ShopError::PaymentGone => row(
                StatusCode::CONFLICT,
                "payment-gone",
                "The payment is gone",
                "What was paid for this order is no longer held. Don't ship it: its buyer can cancel it.",
            ),
            ShopError::NotYours => row(
                StatusCode::FORBIDDEN,
                "not-your-product",
                "Not your product",
                "This product is another merchant's.",
            ),
            ShopError::NameTaken => row(
                StatusCode::CONFLICT,
                "name-taken",
                "The name is taken",
                "You have another product of this name.",
            ),
            ShopError::ProductChanged => row(
                StatusCode::PRECONDITION_FAILED,
                "changed-meanwhile",
                "The product has changed",
                "Somebody has changed the product since you looked. Look again, then try again.",
            ),
            ShopError::IdempotencyKeyReused => row(
                StatusCode::UNPROCESSABLE_ENTITY,
                "idempotency-key-reused",
                "The Idempotency-Key was used before",
                "This Idempotency-Key belongs to another request. Use a new one.",
            ),
            ShopError::Store(StoreError::Unavailable(_)) => row(
                StatusCode::SERVICE_UNAVAILABLE,
                "busy",
                "The shop is very busy",
                "Please try again in a moment.",
            )
            .worth_a_retry(),
            ShopError::Store(StoreError::Refused(_) | StoreError::Corrupt { .. }) => row(
                StatusCode::INTERNAL_SERVER_ERROR,
                "internal",
                "Something went wrong",
                "That was our fault, not yours. Please try again later.",
            ),
        }
    }

    /// The answer to one value that cannot be used.
    fn of_field(field: &str, message: impl std::fmt::Display) -> Problem {
        Problem::of_fields(vec![FieldError::new(field, message)])
    }

    /// The answer to values that cannot be used.
    fn of_fields(errors: Vec<FieldError>) -> Problem {
        let detail = match errors.as_slice() {
            [error] => format!("{error}."),
            errors => format!("{} values can't be used.", errors.len()),
        };
        Problem {
            errors,
            ..row(
                StatusCode::UNPROCESSABLE_ENTITY,
                "invalid-request",
                "The request can't be used",
                detail,
            )
        }
    }

    /// Time alone may help.
    fn worth_a_retry(self) -> Problem {
        Problem {
            retry_seconds: Some(BUSY_RETRY_SECONDS),
            ..self
        }
    }
}

fn problem_type<S: serde::Serializer>(kind: &str, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(&format_args!("urn:problem-type:hedonify:{kind}"))
}

fn status_number<S: serde::Serializer>(
    status: &StatusCode,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    serializer.serialize_u16(status.as_u16())
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
