//! What a client wants, line by line.

use std::collections::HashMap;

use domain::limits::MAX_LINES;
use domain::{Basket, OrderLine, OrderLines, OrderLinesError, Product, ProductId, Quantity};
use lambda_http::Request;
use serde::Deserialize;

use crate::body::json;
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

/// What a request asks to buy at once: `{"lines": […]}`, with one at least.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Purchase {
    /// What, and how many of each.
    pub basket: Basket,
    /// The products in the order the client knows them in, so that an error names the right line.
    wanted: Vec<ProductId>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct PurchaseBody {
    lines: Vec<Object<RequestLine>>,
}

impl Purchase {
    /// The purchase in the request's body.
    ///
    /// # Errors
    /// As [`json`] and [`basket`], and 422 when there is nothing in it.
    pub fn of(request: &Request) -> Result<Purchase, ApiError> {
        let PurchaseBody { lines } = json(request)?;
        let basket = basket(&lines)?;
        if basket.is_empty() {
            return Err(ApiError::invalid("lines", OrderLinesError::Empty));
        }
        let wanted = lines.iter().map(|Object(line)| line.product_id).collect();
        Ok(Purchase { basket, wanted })
    }

    /// The order's lines at the products' prices.
    ///
    /// # Errors
    /// As [`price`].
    pub fn price(&self, products: &HashMap<ProductId, Product>) -> Result<OrderLines, ApiError> {
        price(products, &self.basket, self.wanted.iter().copied())
    }
}

/// A basket as an order's lines, at the products' prices. `wanted` are its products in the order the
/// client knows them in.
///
/// # Errors
/// 422 when it is empty, or names a product that the shop has not.
pub fn price(
    products: &HashMap<ProductId, Product>,
    basket: &Basket,
    wanted: impl IntoIterator<Item = ProductId>,
) -> Result<OrderLines, ApiError> {
    for_sale(wanted, products)?;
    let line = |(product_id, quantity)| {
        let product = &products[&product_id];
        OrderLine {
            product_id,
            name: product.name.clone(),
            quantity,
            unit_price: product.price,
        }
    };
    let lines: Vec<OrderLine> = basket.iter().map(line).collect();
    OrderLines::try_from(lines).map_err(|error| ApiError::invalid("lines", error))
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
