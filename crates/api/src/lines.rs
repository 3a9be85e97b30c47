//! What a client wants, line by line.

use std::collections::HashMap;

use domain::limits::MAX_LINES;
use domain::{Basket, Product, ProductId, Quantity};
use serde::Deserialize;

use crate::error::{ApiError, FieldError};
use crate::fields::{Object, product_id, quantity};

/// A product and how many of it. No price: that is the shop's to set.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RequestLine {
    /// Which product.
    #[serde(deserialize_with = "product_id")]
    pub product_id: ProductId,
    /// How many units.
    #[serde(deserialize_with = "quantity")]
    pub quantity: Quantity,
}

/// The lines as a basket; lines of one product add up.
///
/// # Errors
/// 422 when there are more than [`MAX_LINES`], or too many units of one product.
pub fn basket(lines: &[Object<RequestLine>]) -> Result<Basket, ApiError> {
    if lines.len() > MAX_LINES {
        let message = format!("must not be more than {MAX_LINES}");
        return Err(ApiError::invalid("lines", message));
    }
    let mut basket = Basket::default();
    for (index, Object(line)) in lines.iter().enumerate() {
        basket
            .add(line.product_id, line.quantity)
            .map_err(|error| ApiError::invalid(format!("lines[{index}].quantity"), error))?;
    }
    Ok(basket)
}

/// Makes sure that the shop has every one of these products.
///
/// # Errors
/// 422 naming each line whose product it has not.
pub fn for_sale(
    wanted: impl IntoIterator<Item = ProductId>,
    products: &HashMap<ProductId, Product>,
) -> Result<(), ApiError> {
    let unknown: Vec<FieldError> = wanted
        .into_iter()
        .enumerate()
        .filter(|(_, product)| !products.contains_key(product))
        .map(|(index, _)| FieldError::new(format!("lines[{index}].product_id"), UNKNOWN_PRODUCT))
        .collect();
    if unknown.is_empty() {
        Ok(())
    } else {
        Err(ApiError::Invalid(unknown))
    }
}

/// The refusal of a product that the shop has not.
pub fn not_for_sale(field: &str) -> ApiError {
    ApiError::invalid(field, UNKNOWN_PRODUCT)
}

const UNKNOWN_PRODUCT: &str = "is no product of this shop";
