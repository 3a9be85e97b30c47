//! DynamoDB's read and write units, by its own rules.
//!
//! The engine computes them as DynamoDB does: reads in steps of 4 KB, half for eventually consistent ones, double in
//! transactions; writes in steps of 1 KB of the larger of the old and the new item, double in transactions, and what
//! every touched index adds. So it is asked for them with `ReturnConsumedCapacity`, and what the caller did not ask
//! for is taken out of the answer again.

use axum::http::header::CONTENT_LENGTH;
use axum::http::{HeaderName, HeaderValue, Response};
use bytes::buf::Chain;
use bytes::{Buf as _, Bytes, BytesMut};
use serde::Deserialize;
use serde_json::value::RawValue;

use super::counts::Ending;
use crate::request::{Action, Request};

const QUESTION: &[u8] = br#"{"ReturnConsumedCapacity":"TOTAL","#;
const CRC32: HeaderName = HeaderName::from_static("x-amz-crc32");
const WRITE_STEP_BYTES: u64 = 1_024;

/// A number of units. Half units exist: an eventually consistent read.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct HalfUnits(pub(crate) u64);

impl HalfUnits {
    fn of(units: f64) -> Self {
        // Sums of halves are exact; a negative or endless number can't come from the engine.
        HalfUnits((units * 2.0).round() as u64)
    }

    fn whole(units: u64) -> Self {
        HalfUnits(units * 2)
    }
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Capacity {
    pub(crate) read: HalfUnits,
    pub(crate) write: HalfUnits,
}

/// Whether the operation's answer can tell its capacity.
pub(crate) fn is_told_by(operation: &str) -> bool {
    is_read(operation) || is_write(operation)
}

fn is_read(operation: &str) -> bool {
    matches!(
        operation,
        "GetItem" | "BatchGetItem" | "Query" | "Scan" | "TransactGetItems"
    )
}

fn is_write(operation: &str) -> bool {
    matches!(
        operation,
        "PutItem" | "UpdateItem" | "DeleteItem" | "BatchWriteItem" | "TransactWriteItems"
    )
}

/// The request, with the question for its capacity in front; the body itself stays where it is.
pub(crate) fn ask(body: Bytes) -> Chain<Bytes, Bytes> {
    Bytes::from_static(QUESTION).chain(body.slice(1..))
}

/// The request as it is.
pub(crate) fn unasked(body: Bytes) -> Chain<Bytes, Bytes> {
    Bytes::new().chain(body)
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Answer<'a> {
    #[serde(borrow)]
    consumed_capacity: Option<&'a RawValue>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Consumed {
    One(Units),
    Many(Vec<Units>),
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Units {
    capacity_units: f64,
    read_capacity_units: Option<f64>,
    write_capacity_units: Option<f64>,
}

/// What a successful answer tells. Taken out of it, if the caller is not to see it.
pub(crate) fn told(
    operation: &str,
    answer: &mut Response<Bytes>,
    take_out: bool,
) -> Option<Capacity> {
    let body = answer.body();
    let read: Answer<'_> = serde_json::from_slice(body).ok()?;
    let told = read.consumed_capacity?.get();
    let capacity = sum(operation, serde_json::from_str(told).ok()?);
    if take_out {
        // `told` is a part of the body, so this is where it begins.
        let begin = told.as_ptr().addr() - body.as_ptr().addr();
        let without = cut(body, begin, begin + told.len());
        let headers = answer.headers_mut();
        headers.insert(CONTENT_LENGTH, HeaderValue::from(without.len()));
        headers.insert(CRC32, HeaderValue::from(crc32fast::hash(&without)));
        *answer.body_mut() = without;
    }
    Some(capacity)
}

fn sum(operation: &str, consumed: Consumed) -> Capacity {
    let all = match consumed {
        Consumed::One(units) => vec![units],
        Consumed::Many(units) => units,
    };
    let mut capacity = Capacity::default();
    for units in all {
        // A transaction that is sent again with its token is billed as a read.
        let replayed = units.read_capacity_units.is_some() && units.write_capacity_units.is_none();
        let side = if is_write(operation) && !replayed {
            &mut capacity.write
        } else {
            &mut capacity.read
        };
        side.0 += HalfUnits::of(units.capacity_units).0;
    }
    capacity
}

/// The JSON object without the member whose value is at `begin..end`.
fn cut(body: &Bytes, begin: usize, end: usize) -> Bytes {
    let before = body[..begin]
        .trim_ascii_end()
        .strip_suffix(b":")
        .unwrap_or_default()
        .trim_ascii_end()
        .strip_suffix(br#""ConsumedCapacity""#)
        .unwrap_or_default()
        .trim_ascii_end();
    let after = body[end..].trim_ascii_start();
    // One of the commas around the member goes with it.
    let (before, after) = match (before.strip_suffix(b","), after.strip_prefix(b",")) {
        (Some(before), _) => (before, after),
        (None, Some(after)) => (before, after),
        (None, None) => (before, after),
    };
    let mut without = BytesMut::with_capacity(before.len() + after.len());
    without.extend_from_slice(before);
    without.extend_from_slice(after);
    without.freeze()
}

/// What a write costs that failed at a condition or was cancelled: DynamoDB charges for the attempt, but doesn't tell.
/// Source: "Condition expressions", Amazon DynamoDB Developer Guide, for single writes; for transactions, whose items
/// are written once to prepare and once to commit or undo, it is an assumption.
///
/// An approximation from the request alone: a put by the length of its JSON, everything else as 1 KB.
pub(crate) fn attempted(operation: &str, request: &Request<'_>, ending: Ending) -> Capacity {
    if !ending.is_charged() {
        return Capacity::default();
    }
    let units: u64 = request
        .items()
        .filter(|item| item.action != Action::Get)
        .map(|item| write_units(item.action, item.value.get().len()))
        .sum();
    let times = if operation == "TransactWriteItems" {
        2
    } else {
        1
    };
    Capacity {
        write: HalfUnits::whole(units * times),
        ..Capacity::default()
    }
}

/// Units of a write outside a transaction, from what the request shows of the item.
pub(crate) fn write_units(action: Action, json_bytes: usize) -> u64 {
    match action {
        Action::Put => (json_bytes as u64).div_ceil(WRITE_STEP_BYTES).max(1),
        _ => 1,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told_by(operation: &str, body: &'static str) -> (Capacity, String) {
        let mut answer = Response::new(Bytes::from_static(body.as_bytes()));
        let capacity = told(operation, &mut answer, true).expect("capacity");
        let length = answer.headers()[CONTENT_LENGTH].to_str().expect("a number");
        assert_eq!(length, answer.body().len().to_string());
        let text = String::from_utf8(answer.body().to_vec()).expect("text");
        (capacity, text)
    }

    #[test]
    fn an_answer_tells_and_is_as_if_nobody_had_asked() {
        let last = r#"{"Item":{"ConsumedCapacity":{"S":","}},"ConsumedCapacity":{"TableName":"t","CapacityUnits":0.5}}"#;
        let (capacity, left) = told_by("GetItem", last);
        assert_eq!(capacity.read, HalfUnits(1));
        assert_eq!(left, r#"{"Item":{"ConsumedCapacity":{"S":","}}}"#);

        let first = r#"{"ConsumedCapacity": {"CapacityUnits": 3} , "Count": 1}"#;
        let (capacity, left) = told_by("PutItem", first);
        assert_eq!(capacity.write, HalfUnits(6));
        assert_eq!(left, r#"{ "Count": 1}"#);

        let middle = r#"{"A":1,"ConsumedCapacity":{"CapacityUnits":1},"B":2}"#;
        assert_eq!(told_by("Query", middle).1, r#"{"A":1,"B":2}"#);

        let alone = r#"{"ConsumedCapacity":[{"CapacityUnits":4,"WriteCapacityUnits":4},{"CapacityUnits":2,"WriteCapacityUnits":2}]}"#;
        let (capacity, left) = told_by("TransactWriteItems", alone);
        assert_eq!(capacity.write, HalfUnits(12));
        assert_eq!(left, "{}");
    }

    #[test]
    fn a_transaction_sent_again_is_a_read() {
        let body = r#"{"ConsumedCapacity":[{"CapacityUnits":2,"ReadCapacityUnits":2}]}"#;
        let (capacity, _) = told_by("TransactWriteItems", body);
        assert_eq!(
            (capacity.read, capacity.write),
            (HalfUnits(4), HalfUnits(0))
        );
    }
}
