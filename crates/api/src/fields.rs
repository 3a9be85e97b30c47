//! Values in a request's JSON. The messages of their errors are words that an answer can repeat.

use std::fmt;
use std::marker::PhantomData;

use domain::limits::{MAX_PRICE, MAX_QUANTITY};
use domain::{Money, ProductId, Quantity};
use rust_decimal::Decimal;
use serde::de::value::MapAccessDeserializer;
use serde::de::{Deserialize, Deserializer, Error, MapAccess, Unexpected, Visitor};

/// A JSON object. Serde would read a struct from an array too; a client that sends one gets an error.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct JsonObject<T>(pub T);

impl<'de, T: Deserialize<'de>> Deserialize<'de> for JsonObject<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(JsonObjectVisitor(PhantomData))
    }
}

struct JsonObjectVisitor<T>(PhantomData<T>);

impl<'de, T: Deserialize<'de>> Visitor<'de> for JsonObjectVisitor<T> {
    type Value = JsonObject<T>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<JsonObject<T>, A::Error> {
        T::deserialize(MapAccessDeserializer::new(map)).map(JsonObject)
    }
}

/// Reads a quantity: for `#[serde(deserialize_with)]`.
///
/// # Errors
/// When it is anything but a whole number within its bounds.
pub fn quantity<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Quantity, D::Error> {
    deserializer.deserialize_i64(QuantityVisitor)
}

struct QuantityVisitor;

impl Visitor<'_> for QuantityVisitor {
    type Value = Quantity;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "a whole number from 1 to {MAX_QUANTITY}")
    }

    fn visit_i64<E: Error>(self, number: i64) -> Result<Quantity, E> {
        Quantity::try_from(number).map_err(|_| E::invalid_value(Unexpected::Signed(number), &self))
    }

    fn visit_u64<E: Error>(self, number: u64) -> Result<Quantity, E> {
        self.visit_i64(number.try_into().unwrap_or(i64::MAX))
    }
}

/// Reads a product's id: for `#[serde(deserialize_with)]`.
///
/// # Errors
/// When it is no text, or no id.
pub fn product_id<'de, D: Deserializer<'de>>(deserializer: D) -> Result<ProductId, D::Error> {
    deserializer.deserialize_str(ProductIdVisitor)
}

struct ProductIdVisitor;

impl Visitor<'_> for ProductIdVisitor {
    type Value = ProductId;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the id of a product")
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<ProductId, E> {
        text.parse()
            .map_err(|_| E::invalid_value(Unexpected::Str(text), &self))
    }
}

/// Reads a price: for `#[serde(deserialize_with)]`.
///
/// # Errors
/// When it is no text such as `129.90`, or a price that no product may have.
pub fn price<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Money, D::Error> {
    deserializer.deserialize_str(PriceVisitor)
}

struct PriceVisitor;

impl Visitor<'_> for PriceVisitor {
    type Value = Money;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "a price such as \"129.90\", from 0.01 to {MAX_PRICE}")
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Money, E> {
        let digits = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
        let (whole, cents) = text.split_once('.').unwrap_or((text, "0"));
        let is_amount = !whole.is_empty() && !cents.is_empty() && digits(whole) && digits(cents);
        let amount = text.parse::<Decimal>().ok().filter(|_| is_amount);
        amount
            .and_then(|amount| Money::price(amount).ok())
            .ok_or_else(|| E::invalid_value(Unexpected::Str(text), &self))
    }
}

/// Reads a value that may be left out, but not be `null`: for `#[serde(deserialize_with)]`.
///
/// # Errors
/// When it is no `T`.
pub fn if_given<'de, D: Deserializer<'de>, T: Deserialize<'de>>(
    deserializer: D,
) -> Result<Option<T>, D::Error> {
    T::deserialize(deserializer).map(Some)
}

/// Reads a price that may be left out, but not be `null`: for `#[serde(deserialize_with)]`.
///
/// # Errors
/// As [`price`].
pub fn price_if_given<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<Money>, D::Error> {
    price(deserializer).map(Some)
}
