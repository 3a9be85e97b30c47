//! Why a request was not done: because of the request itself, or because the shop did not do it.

use std::fmt;

use serde::Serialize;
use shop::{Resource, ShopError};
use store::StoreError;

/// Why a request was not done. `problem.rs` has the answer to each.
#[derive(Debug)]
pub enum ApiError {
    /// The function has no route with this method and path.
    NoSuchRoute,
    /// The gateway passed on no user's name. It always does on a route that needs one.
    Unauthenticated,
    /// The caller is no merchant.
    NotMerchant,
    /// The body is larger than [`domain::limits::MAX_BODY_BYTES`].
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
    /// The `Idempotency-Key` header holds what no key may hold.
    BadIdempotencyKey,
    /// The request is fine, but the shop did not do it.
    Shop(ShopError),
}

/// What is wrong with one value of a request.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct FieldError {
    /// Where the value stands, such as `lines[2].quantity`.
    pub field: String,
    /// What it must be, such as "must be a whole number from 1 to 10000".
    pub message: String,
}

impl ApiError {
    /// One value that cannot be used.
    pub fn invalid(field: impl Into<String>, message: impl fmt::Display) -> ApiError {
        ApiError::Invalid(vec![FieldError::new(field, message)])
    }

    /// There is no such thing.
    pub fn not_found(resource: Resource) -> ApiError {
        ShopError::NotFound(resource).into()
    }
}

impl From<ShopError> for ApiError {
    fn from(error: ShopError) -> ApiError {
        ApiError::Shop(error)
    }
}

impl From<StoreError> for ApiError {
    fn from(error: StoreError) -> ApiError {
        ShopError::from(error).into()
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
