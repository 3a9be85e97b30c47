//! Ids in paths. A text that is no id at all is answered like an id that was never given out.

use std::str::FromStr;

use domain::{CartId, OrderId, ProductId};
use lambda_http::{Request, RequestExt};
use shop::Resource;

use crate::error::ApiError;

/// The cart that `{cart_id}` names.
///
/// # Errors
/// 404 when it is no cart's id.
pub fn cart_id_in_path(request: &Request) -> Result<CartId, ApiError> {
    id(request, "cart_id").ok_or_else(|| ApiError::not_found(Resource::Cart))
}

/// The product that `{product_id}` names.
///
/// # Errors
/// 404 when it is no product's id.
pub fn product_id_in_path(request: &Request) -> Result<ProductId, ApiError> {
    id(request, "product_id").ok_or_else(|| ApiError::not_found(Resource::Product))
}

/// The order that `{order_id}` names.
///
/// # Errors
/// 404 when it is no order's id.
pub fn order_id_in_path(request: &Request) -> Result<OrderId, ApiError> {
    id(request, "order_id").ok_or_else(|| ApiError::not_found(Resource::Order))
}

/// The order that `{order_id}` names to a merchant, who sees paid ones alone.
///
/// # Errors
/// 404 when it is no order's id.
pub fn paid_order_id_in_path(request: &Request) -> Result<OrderId, ApiError> {
    id(request, "order_id").ok_or_else(|| ApiError::not_found(Resource::PaidOrder))
}

/// The id that this part of the path names, if it is one.
pub(crate) fn id<I: FromStr>(request: &Request, name: &str) -> Option<I> {
    request.path_parameters_ref()?.first(name)?.parse().ok()
}
