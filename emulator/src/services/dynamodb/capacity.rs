//! DynamoDB's read and write units.
//!
//! The engine computes them as DynamoDB does: reads in steps of 4 KB, half for eventually consistent ones, double in
//! transactions; writes in steps of 1 KB of the larger of the old and the new item, double in transactions, and what
//! every touched index adds. An inserting statement costs what a put costs. So `ReturnConsumedCapacity` is added to each request, and removed from the answer again
//! where the caller did not send it.

use axum::http::header::CONTENT_LENGTH;
use axum::http::{HeaderName, HeaderValue, Response};
use bytes::buf::Chain;
use bytes::{Buf as _, Bytes, BytesMut};
use serde::Deserialize;
use serde_json::value::RawValue;

use super::failure::is_charged;
use super::request::{Action, ItemAction, Request};
use crate::meter::{Capacity, Ending, HalfUnits};

const RETURN_CAPACITY: &[u8] = br#"{"ReturnConsumedCapacity":"TOTAL","#;
const CRC32: HeaderName = HeaderName::from_static("x-amz-crc32");
const WRITE_STEP_BYTES: u64 = 1_024;

/// Whether the operation's answer can hold the capacity that it consumed.
pub(super) fn is_reported_by(operation: &str) -> bool {
    is_read(operation) || is_write(operation) || has_statements(operation)
}

fn has_statements(operation: &str) -> bool {
    matches!(
        operation,
        "ExecuteStatement" | "BatchExecuteStatement" | "ExecuteTransaction"
    )
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

/// The request with `ReturnConsumedCapacity` in front; the body itself is not copied.
pub(super) fn request_capacity(body: Bytes) -> Chain<Bytes, Bytes> {
    Bytes::from_static(RETURN_CAPACITY).chain(body.slice(1..))
}

pub(super) fn unchanged(body: Bytes) -> Chain<Bytes, Bytes> {
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

/// The capacity in a successful answer, which is removed from it on demand.
pub(super) fn read(
    operation: &str,
    request: &Request<'_>,
    answer: &mut Response<Bytes>,
    remove: bool,
) -> Option<Capacity> {
    let body = answer.body();
    let decoded: Answer<'_> = serde_json::from_slice(body).ok()?;
    let consumed = decoded.consumed_capacity?.get();
    let writes = match has_statements(operation) {
        true => request.has_writing_statements(),
        false => is_write(operation),
    };
    let capacity = sum(writes, serde_json::from_str(consumed).ok()?);
    if remove {
        // `consumed` borrows from the body, so this is where it begins.
        let begin = consumed.as_ptr().addr() - body.as_ptr().addr();
        let without = cut(body, begin, begin + consumed.len());
        set_body(answer, without);
    }
    Some(capacity)
}

/// Replaces the body, and the headers that follow from it.
pub(super) fn set_body(answer: &mut Response<Bytes>, body: Bytes) {
    let headers = answer.headers_mut();
    headers.insert(CONTENT_LENGTH, HeaderValue::from(body.len()));
    headers.insert(CRC32, HeaderValue::from(crc32fast::hash(&body)));
    *answer.body_mut() = body;
}

/// Sums of halves are exact; a negative or endless number can't come from the engine.
fn half_units(units: f64) -> HalfUnits {
    HalfUnits((units * 2.0).round() as u64)
}

fn sum(writes: bool, consumed: Consumed) -> Capacity {
    let all = match consumed {
        Consumed::One(units) => vec![units],
        Consumed::Many(units) => units,
    };
    let mut capacity = Capacity::default();
    for units in all {
        // A transaction that is sent again with its token is billed as a read.
        let replayed = units.read_capacity_units.is_some() && units.write_capacity_units.is_none();
        let units_of_kind = if writes && !replayed {
            &mut capacity.write
        } else {
            &mut capacity.read
        };
        units_of_kind.0 += half_units(units.capacity_units).0;
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

/// The capacity of a write that failed at a condition or was cancelled: DynamoDB charges for the attempt, but its answer
/// doesn't say how much.
/// Source: "Condition expressions", Amazon DynamoDB Developer Guide, for single writes; for transactions, whose items
/// are written once to prepare and once to commit or undo, it is an assumption.
///
/// An approximation from the request alone: a put by the size of its item, everything else as 1 KB.
pub(super) fn of_attempt(operation: &str, request: &Request<'_>, ending: Ending) -> Capacity {
    if !is_charged(ending) {
        return Capacity::default();
    }
    let units: u64 = request
        .items()
        .filter(|item| item.action != Action::Get)
        .map(|item| write_units(&item))
        .sum();
    let times = if operation == "TransactWriteItems" {
        2
    } else {
        1
    };
    Capacity {
        write: HalfUnits(units * times * 2),
        ..Capacity::default()
    }
}

/// The capacity of a batch in which every statement failed, at the same approximation. The engine, like DynamoDB,
/// reports none then, although each failed insert counts where another one succeeds.
pub(super) fn of_failed_statements(request: &Request<'_>, answer: &[u8]) -> Capacity {
    #[derive(Deserialize)]
    #[serde(rename_all = "PascalCase")]
    struct Statements {
        responses: Vec<Statement>,
    }
    #[derive(Deserialize)]
    #[serde(rename_all = "PascalCase")]
    struct Statement {
        error: Option<StatementError>,
    }
    #[derive(Deserialize)]
    #[serde(rename_all = "PascalCase")]
    struct StatementError {
        code: String,
    }
    let Ok(Statements { responses }) = serde_json::from_slice(answer) else {
        return Capacity::default();
    };
    let is_charged = |statement: &Statement| {
        let error = statement.error.as_ref();
        error.is_some_and(|error| error.code == "DuplicateItem")
    };
    let failed = responses.iter().zip(request.inserts());
    let units: u64 = failed
        .filter(|(statement, _)| is_charged(statement))
        .map(|(_, item)| item.map_or(1, |item| write_units(&item)))
        .sum();
    Capacity {
        write: HalfUnits(units * 2),
        ..Capacity::default()
    }
}

/// Units of a write outside a transaction, estimated from the item in the request.
pub(super) fn write_units(item: &ItemAction<'_>) -> u64 {
    match item.action {
        Action::Put => (item.bytes() as u64).div_ceil(WRITE_STEP_BYTES).max(1),
        Action::Get | Action::Update | Action::Delete | Action::Check => 1,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read_from(operation: &str, body: &'static str) -> (Capacity, String) {
        let mut answer = Response::new(Bytes::from_static(body.as_bytes()));
        let request = Request::read(operation, b"{}").expect("a request");
        let capacity = read(operation, &request, &mut answer, true).expect("capacity");
        let length = answer.headers()[CONTENT_LENGTH].to_str().expect("a number");
        assert_eq!(length, answer.body().len().to_string());
        let text = String::from_utf8(answer.body().to_vec()).expect("text");
        (capacity, text)
    }

    #[test]
    fn the_capacity_is_read_and_removed() {
        let last = r#"{"Item":{"ConsumedCapacity":{"S":","}},"ConsumedCapacity":{"TableName":"t","CapacityUnits":0.5}}"#;
        let (capacity, left) = read_from("GetItem", last);
        assert_eq!(capacity.read, HalfUnits(1));
        assert_eq!(left, r#"{"Item":{"ConsumedCapacity":{"S":","}}}"#);

        let first = r#"{"ConsumedCapacity": {"CapacityUnits": 3} , "Count": 1}"#;
        let (capacity, left) = read_from("PutItem", first);
        assert_eq!(capacity.write, HalfUnits(6));
        assert_eq!(left, r#"{ "Count": 1}"#);

        let middle = r#"{"A":1,"ConsumedCapacity":{"CapacityUnits":1},"B":2}"#;
        assert_eq!(read_from("Query", middle).1, r#"{"A":1,"B":2}"#);

        let alone = r#"{"ConsumedCapacity":[{"CapacityUnits":4,"WriteCapacityUnits":4},{"CapacityUnits":2,"WriteCapacityUnits":2}]}"#;
        let (capacity, left) = read_from("TransactWriteItems", alone);
        assert_eq!(capacity.write, HalfUnits(12));
        assert_eq!(left, "{}");
    }

    #[test]
    fn a_batch_in_which_every_insert_found_an_item_is_charged_for_its_attempts() {
        let insert =
            r#"{"Statement": "INSERT INTO \"t\" VALUE {'id': ?}", "Parameters": [{"S": "LONG"}]}"#;
        let insert = insert.replace("LONG", &"x".repeat(1_500));
        let body = format!(r#"{{"Statements": [{insert}, {insert}, {insert}]}}"#);
        let request = Request::read("BatchExecuteStatement", body.as_bytes()).expect("a request");
        let answer = br#"{"Responses": [
            {"Error": {"Code": "DuplicateItem", "Message": "m"}},
            {"Error": {"Code": "ValidationError", "Message": "m"}},
            {"TableName": "t"}
        ]}"#;
        let capacity = of_failed_statements(&request, answer);
        assert_eq!(capacity.write, HalfUnits(4));
    }

    #[test]
    fn a_transaction_sent_again_is_a_read() {
        let body = r#"{"ConsumedCapacity":[{"CapacityUnits":2,"ReadCapacityUnits":2}]}"#;
        let (capacity, _) = read_from("TransactWriteItems", body);
        assert_eq!(
            (capacity.read, capacity.write),
            (HalfUnits(4), HalfUnits(0))
        );
    }
}
