//! Reading and writing items: the one place that knows how each kind of value is stored.

use std::collections::HashMap;
use std::fmt::Display;
use std::str::FromStr;

use aws_sdk_dynamodb::types::AttributeValue;
use domain::{OrderLine, OrderLines};
use jiff::{SignedDuration, Timestamp};

use crate::error::StoreError;

/// An item of any table.
pub(crate) type Item = HashMap<String, AttributeValue>;

/// A text, an id, a time.
pub(crate) fn text(value: impl Display) -> AttributeValue {
    AttributeValue::S(value.to_string())
}

/// A whole number or an amount of money.
pub(crate) fn number(value: impl Display) -> AttributeValue {
    AttributeValue::N(value.to_string())
}

/// When DynamoDB may delete the item, in seconds since 1970, as its time to live wants it.
pub(crate) fn expiry(now: Timestamp, kept: SignedDuration) -> AttributeValue {
    number(now.as_second() + kept.as_secs())
}

/// An item from its attributes.
pub(crate) fn item<const N: usize>(attributes: [(&str, AttributeValue); N]) -> Item {
    attributes
        .into_iter()
        .map(|(name, value)| (name.to_owned(), value))
        .collect()
}

pub(crate) fn corrupt(attribute: &'static str, problem: impl Display) -> StoreError {
    StoreError::Corrupt {
        attribute,
        problem: problem.to_string(),
    }
}

pub(crate) fn attribute<'a>(
    item: &'a Item,
    name: &'static str,
) -> Result<&'a AttributeValue, StoreError> {
    item.get(name).ok_or_else(|| corrupt(name, "is missing"))
}

/// A text attribute, parsed into whatever it holds.
pub(crate) fn read_text<T: FromStr<Err: Display>>(
    item: &Item,
    name: &'static str,
) -> Result<T, StoreError> {
    let AttributeValue::S(text) = attribute(item, name)? else {
        return Err(corrupt(name, "is no text"));
    };
    text.parse().map_err(|error| corrupt(name, error))
}

/// A number attribute, parsed into whatever it holds.
pub(crate) fn read_number<T: FromStr<Err: Display>>(
    item: &Item,
    name: &'static str,
) -> Result<T, StoreError> {
    let AttributeValue::N(number) = attribute(item, name)? else {
        return Err(corrupt(name, "is no number"));
    };
    number.parse().map_err(|error| corrupt(name, error))
}

/// A value of the domain, checked as the domain checks it.
pub(crate) fn checked<T, V: TryInto<T, Error: Display>>(
    name: &'static str,
    value: V,
) -> Result<T, StoreError> {
    value.try_into().map_err(|error| corrupt(name, error))
}

/// Those of these items that can be read. One that cannot is logged, with the key it has, and left
/// out: it must not hold up all that is read with it.
pub(crate) fn readable<'a, T>(
    items: impl IntoIterator<Item = &'a Item>,
    read: impl Fn(&'a Item) -> Result<T, StoreError>,
) -> Vec<T> {
    let read_or_log = |item: &'a Item| {
        read(item)
            .inspect_err(|error| log_unreadable(item, error))
            .ok()
    };
    items.into_iter().filter_map(read_or_log).collect()
}

/// Logs an item that is not what the shop writes.
pub(crate) fn log_unreadable(item: &Item, error: &StoreError) {
    let id = |name| {
        item.get(name)
            .and_then(|id| id.as_s().ok())
            .map(String::as_str)
    };
    let (order_id, product_id) = (id("order_id"), id("product_id"));
    tracing::error!(order_id, product_id, %error, "an item cannot be read");
}

/// A list of maps, each read by `read`.
pub(crate) fn read_list<T>(
    item: &Item,
    name: &'static str,
    read: impl Fn(&Item) -> Result<T, StoreError>,
) -> Result<Vec<T>, StoreError> {
    let AttributeValue::L(list) = attribute(item, name)? else {
        return Err(corrupt(name, "is no list"));
    };
    list.iter()
        .map(|entry| match entry {
            AttributeValue::M(entry) => read(entry),
            _ => Err(corrupt(name, "holds something that is no map")),
        })
        .collect()
}

/// The lines of an order, as a list of maps.
pub(crate) fn order_lines(lines: &OrderLines) -> AttributeValue {
    let line = |line: &OrderLine| {
        AttributeValue::M(item([
            ("product_id", text(line.product_id)),
            ("name", text(&line.name)),
            ("quantity", number(line.quantity)),
            ("unit_price", number(line.unit_price)),
        ]))
    };
    AttributeValue::L(lines.iter().map(line).collect())
}

pub(crate) fn read_order_lines(item: &Item, name: &'static str) -> Result<OrderLines, StoreError> {
    let line = |line: &Item| {
        Ok(OrderLine {
            product_id: read_text(line, "product_id")?,
            name: checked("name", read_text::<String>(line, "name")?)?,
            quantity: checked("quantity", read_number::<i64>(line, "quantity")?)?,
            unit_price: checked(
                "unit_price",
                read_number::<rust_decimal::Decimal>(line, "unit_price")?,
            )?,
        })
    };
    checked(name, read_list(item, name, line)?)
}
