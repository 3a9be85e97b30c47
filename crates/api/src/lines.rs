//! The lines of a request: which products a client wants, and how many of each.

use domain::limits::MAX_LINES;
use domain::{Basket, ProductId, Purchase, Quantity};
use lambda_http::Request;
use serde::Deserialize;

use crate::body::json;
use crate::error::ApiError;
use crate::fields::{JsonObject, product_id, quantity};

/// A product and how many of it. No price: that is the shop's to set.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RequestLine {
    #[serde(deserialize_with = "product_id")]
    pub product_id: ProductId,
    #[serde(deserialize_with = "quantity")]
    pub quantity: Quantity,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct PurchaseBody {
    lines: Vec<JsonObject<RequestLine>>,
}

/// The purchase in the request's body: `{"lines": […]}`, with one line at least.
///
/// # Errors
/// As [`json`] and [`basket`], and 422 when there is nothing in it.
pub fn purchase(request: &Request) -> Result<Purchase, ApiError> {
    let PurchaseBody { lines } = json(request)?;
    let purchase = Purchase::new(basket(&lines)?, products(&lines));
    purchase.map_err(|nothing_to_buy| ApiError::invalid("lines", nothing_to_buy))
}

/// The product of each line.
pub fn products(lines: &[JsonObject<RequestLine>]) -> Vec<ProductId> {
    let product = |JsonObject(line): &JsonObject<RequestLine>| line.product_id;
    lines.iter().map(product).collect()
}

/// The lines as a basket; lines of one product add up.
///
/// # Errors
/// 422 when there are more than [`MAX_LINES`], or too many units of one product.
pub fn basket(lines: &[JsonObject<RequestLine>]) -> Result<Basket, ApiError> {
    if lines.len() > MAX_LINES {
        let message = format!("must not be more than {MAX_LINES}");
        return Err(ApiError::invalid("lines", message));
    }
    let mut basket = Basket::default();
    for (index, JsonObject(line)) in lines.iter().enumerate() {
        basket
            .add(line.product_id, line.quantity)
            .map_err(|error| ApiError::invalid(format!("lines[{index}].quantity"), error))?;
    }
    Ok(basket)
}
