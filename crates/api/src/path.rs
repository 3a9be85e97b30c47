//! Ids in paths. One that is no id at all names nothing, like one that was never given out.

use std::str::FromStr;

use domain::{CartId, OrderId, ProductId};
use lambda_http::{Request, RequestExt};

use crate::error::{ApiError, Thing};

/// The cart that `{cart_id}` names.
///
/// # Errors
/// 404 when it is no cart's id.
pub fn cart_id_in_path(request: &Request) -> Result<CartId, ApiError> {
    id(request, "cart_id").ok_or(ApiError::NotFound(Thing::Cart))
}

/// The product that `{product_id}` names.
///
/// # Errors
/// 404 when it is no product's id.
pub fn product_id_in_path(request: &Request) -> Result<ProductId, ApiError> {
    id(request, "product_id").ok_or(ApiError::NotFound(Thing::Product))
}

/// The order that `{order_id}` names.
///
/// # Errors
/// 404 when it is no order's id.
pub fn order_id_in_path(request: &Request) -> Result<OrderId, ApiError> {
    id(request, "order_id").ok_or(ApiError::NotFound(Thing::Order))
}

/// The id that this part of the path names, if it is one.
pub(crate) fn id<I: FromStr>(request: &Request, name: &str) -> Option<I> {
    request.path_parameters_ref()?.first(name)?.parse().ok()
}
