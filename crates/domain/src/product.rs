//! What is for sale.

use jiff::Timestamp;

use crate::id::{MerchantId, ProductId};
use crate::limits::{MAX_DESCRIPTION_CHARS, MAX_NAME_CHARS};
use crate::money::Money;
use crate::text::short_text;

/// A product as its merchant describes it. How many there are is kept apart, in the stock.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Product {
    /// Which product.
    pub product_id: ProductId,
    /// Whose product.
    pub merchant_id: MerchantId,
    /// What shoppers read first.
    pub name: ProductName,
    /// A few sentences.
    pub description: Description,
    /// Of one unit.
    pub price: Money,
    /// 1 when it is first offered, one more with each change: what `If-Match` names.
    pub version: u64,
    /// When it was first offered.
    pub created_at: Timestamp,
    /// When its merchant last changed it.
    pub updated_at: Timestamp,
}

short_text!(
    /// A product's name.
    ProductName,
    ProductNameError,
    MAX_NAME_CHARS
);
short_text!(
    /// What a merchant says of a product.
    Description,
    DescriptionError,
    MAX_DESCRIPTION_CHARS
);
