//! What is for sale.

use std::fmt;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::id::{MerchantId, ProductId};
use crate::limits::MAX_NAME_CHARS;
use crate::money::Money;

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
    pub description: String,
    /// Of one unit.
    pub price: Money,
    /// When it was first offered.
    pub created_at: Timestamp,
    /// When its merchant last changed it.
    pub updated_at: Timestamp,
}

/// A product's name: 1 to [`MAX_NAME_CHARS`] printable characters, no blanks around it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct ProductName(String);

/// A text that is no product name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("must be 1 to {MAX_NAME_CHARS} printable characters")]
pub struct ProductNameError;

impl ProductName {
    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for ProductName {
    type Error = ProductNameError;

    fn try_from(text: String) -> Result<Self, ProductNameError> {
        let name = text.trim();
        let printable = !name.is_empty() && !name.chars().any(char::is_control);
        if printable && name.chars().count() <= MAX_NAME_CHARS {
            Ok(ProductName(name.to_owned()))
        } else {
            Err(ProductNameError)
        }
    }
}

impl From<ProductName> for String {
    fn from(name: ProductName) -> String {
        name.0
    }
}

impl fmt::Display for ProductName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}
