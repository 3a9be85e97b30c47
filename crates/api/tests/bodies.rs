//! What a body may be, and the words for what it may not.

mod event;

use api::{ApiError, JsonObject, RequestLine, basket, json, json_if_any};
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use domain::fixtures::product_id;
use event::request;
use lambda_http::http::StatusCode;
use serde::Deserialize;
use serde_json::json;

#[derive(Debug, Default, Deserialize, PartialEq)]
#[serde(deny_unknown_fields)]
struct Purchase {
    lines: Vec<JsonObject<RequestLine>>,
}

const LAMP: &str = "019a48f1-d680-73a0-aef2-daca67fc8886";
const A_QUANTITY: &str = "must be a whole number from 1 to 10000";

fn read(body: &str) -> Result<Purchase, ApiError> {
    json(&request(json!({ "body": body })))
}

/// A purchase whose second line has this for its quantity.
fn with_quantity(quantity: &str) -> String {
    format!(
        r#"{{"lines": [{{"product_id": "{LAMP}", "quantity": 1}},
                       {{"product_id": "{LAMP}", "quantity": {quantity}}}]}}"#
    )
}

#[test]
fn a_good_body_is_read() {
    let purchase = read(&with_quantity("10000")).unwrap();
    let quantities: Vec<u32> = purchase
        .lines
        .iter()
        .map(|JsonObject(line)| line.quantity.get())
        .collect();
    assert_eq!(quantities, [1, 10_000]);
}

#[test]
fn a_value_that_cannot_be_used_is_named_with_what_it_must_be() {
    let line = |line: &str| format!(r#"{{"lines": [{line}]}}"#);
    let product = |id: &str| line(&format!(r#"{{"product_id": {id}, "quantity": 1}}"#));
    let mut table: Vec<(String, &str, &str)> = [
        "0",
        "-1",
        "-9223372036854775809",
        "10001",
        "2147483648",
        "4294967297",
        "9223372036854775808",
        "18446744073709551616",
        "1e3",
        "1.5",
        "2.0",
        "-0.0",
        "\"5\"",
        "\"\"",
        "null",
        "true",
        "[]",
        "[1]",
        "{}",
    ]
    .into_iter()
    .map(|quantity| (with_quantity(quantity), "lines[1].quantity", A_QUANTITY))
    .collect();
    table.extend([
        (
            with_quantity("1e999"),
            "lines[1].quantity",
            "is too large a number",
        ),
        (
            product("5"),
            "lines[0].product_id",
            "must be the id of a product",
        ),
        (
            product("null"),
            "lines[0].product_id",
            "must be the id of a product",
        ),
        (
            product(r#""lamp""#),
            "lines[0].product_id",
            "must be the id of a product",
        ),
        (
            product(r#"", expected gold at line 1""#),
            "lines[0].product_id",
            "must be the id of a product",
        ),
        (
            line(r#"{"quantity": 1}"#),
            "lines[0].product_id",
            "is missing",
        ),
        (
            line(&format!(r#"{{"product_id": "{LAMP}"}}"#)),
            "lines[0].quantity",
            "is missing",
        ),
        (
            line(&format!(
                r#"{{"product_id": "{LAMP}", "quantity": 1, "quantity": 2}}"#
            )),
            "lines[0].quantity",
            "is given twice",
        ),
        (
            line(&format!(
                r#"{{"product_id": "{LAMP}", "quantity": 1, "price": "0.01"}}"#
            )),
            "lines[0].price",
            "is unknown here",
        ),
        (
            line(&format!(r#"["{LAMP}", 1]"#)),
            "lines[0]",
            "must be an object",
        ),
        (line("null"), "lines[0]", "must be an object"),
        (r#"{"lines": null}"#.into(), "lines", "must be a list"),
        (r#"{"lines": {}}"#.into(), "lines", "must be a list"),
        (r#"{"lines": "all"}"#.into(), "lines", "must be a list"),
        (
            r#"{"lines": [], "user_id": "eve"}"#.into(),
            "user_id",
            "is unknown here",
        ),
        ("{}".into(), "lines", "is missing"),
        ("[]".into(), "body", "must be an object"),
        ("[[]]".into(), "body", "must be an object"),
        ("null".into(), "body", "must be an object"),
        ("\"lines\"".into(), "body", "must be an object"),
        ("7".into(), "body", "must be an object"),
    ]);
    for (body, field, message) in table {
        match read(&body) {
            Err(ApiError::Invalid(errors)) => {
                let said: Vec<_> = errors
                    .iter()
                    .map(|error| (error.field.as_str(), error.message.as_str()))
                    .collect();
                assert_eq!(said, [(field, message)], "{body}");
            }
            other => panic!("{body}: {other:?}"),
        }
    }
}

#[test]
fn what_is_no_json_is_malformed() {
    let unclosed = "[".repeat(5_000);
    let table = [
        " ",
        "[1, 2",
        &unclosed,
        "{\"lines\": null, ",
        "{",
        "lines=1",
        "{\"lines\": [}",
        "{\"lines\": []} {}",
        "{'lines': []}",
        "{\"lines\": [],}",
        "\u{feff}{\"lines\": []}",
        "{\"lines\": [01]}",
        "nul",
    ];
    for body in table {
        assert!(matches!(read(body), Err(ApiError::Malformed)), "{body:?}");
    }
    assert!(matches!(read(""), Err(ApiError::NoBody)));
}

#[test]
fn a_body_in_base64_is_read_and_bytes_that_are_no_text_are_malformed() {
    let encoded = |bytes: &[u8]| {
        let body = BASE64_STANDARD.encode(bytes);
        json::<Purchase>(&request(json!({ "body": body, "isBase64Encoded": true })))
            .map(|purchase| purchase.lines.len())
    };
    assert_eq!(encoded(br#"{"lines": []}"#).unwrap(), 0);
    assert!(matches!(
        encoded(b"{\"\xff\": 1}"),
        Err(ApiError::Invalid(_) | ApiError::Malformed)
    ));
    assert!(matches!(
        encoded(&[0x1f, 0x8b, 0x08]),
        Err(ApiError::Malformed)
    ));
}

#[test]
fn only_json_is_read() {
    let read = |content_type: Option<&str>| {
        json::<Purchase>(&request(json!({
            "body": r#"{"lines": []}"#,
            "headers": { "content-type": content_type.unwrap_or("application/json") }
        })))
    };
    for fine in [
        "application/json",
        "Application/JSON; charset=utf-8",
        "application/ld+json",
    ] {
        assert!(read(Some(fine)).is_ok(), "{fine}");
    }
    for other in [
        "text/plain",
        "application/x-www-form-urlencoded",
        "",
        "application/jsonx",
        "json",
    ] {
        assert!(
            matches!(read(Some(other)), Err(ApiError::NotJson)),
            "{other}"
        );
    }
}

#[test]
fn a_body_that_may_be_left_out_must_still_be_right_when_it_is_there() {
    let read = |body: Option<&str>| json_if_any::<Purchase>(&request(json!({ "body": body })));
    assert_eq!(read(None).unwrap(), Purchase::default());
    assert_eq!(read(Some("")).unwrap(), Purchase::default());
    assert!(matches!(read(Some("{")), Err(ApiError::Malformed)));
}

#[test]
fn lines_of_one_product_add_up_within_the_limits() {
    let line = |product: u128, quantity: i64| {
        JsonObject(RequestLine {
            product_id: product_id(product),
            quantity: quantity.try_into().unwrap(),
        })
    };
    let together = basket(&[line(1, 2), line(2, 1), line(1, 3)]).unwrap();
    let quantities: Vec<u32> = together
        .iter()
        .map(|(_, quantity)| quantity.get())
        .collect();
    assert_eq!(quantities, [5, 1]);

    let refused = |lines: &[JsonObject<RequestLine>]| match basket(lines) {
        Err(ApiError::Invalid(errors)) => errors[0].field.clone(),
        other => panic!("{other:?}"),
    };
    assert_eq!(
        refused(&[line(1, 9_000), line(1, 1_001)]),
        "lines[1].quantity"
    );
    let many: Vec<_> = (0..51).map(|product| line(product, 1)).collect();
    assert_eq!(refused(&many), "lines");
    assert!(basket(&many[..50]).is_ok());
}

#[test]
fn an_answer_names_the_field_and_no_technical_detail() {
    let error = read(&with_quantity("0")).unwrap_err();
    let reply = api::Reply::from(error);
    assert_eq!(reply.status(), StatusCode::UNPROCESSABLE_ENTITY);
    assert_eq!(reply.headers()["content-type"], "application/problem+json");
    let problem: serde_json::Value = serde_json::from_str(reply.body()).unwrap();
    assert_eq!(
        problem,
        json!({
            "type": "urn:problem-type:hedonify:invalid-request",
            "title": "The request can't be used",
            "status": 422,
            "detail": "lines[1].quantity must be a whole number from 1 to 10000.",
            "errors": [{
                "field": "lines[1].quantity",
                "message": "must be a whole number from 1 to 10000"
            }]
        })
    );
}

#[test]
fn what_the_books_say_stays_in_the_log() {
    use store::StoreError::{Refused, Unavailable};
    let secret = "arn:aws:dynamodb:eu-central-1:123456789012:table/Orders";
    let answer = |error: store::StoreError| api::Reply::from(ApiError::from(error));

    let busy = answer(Unavailable(secret.into()));
    assert_eq!(busy.status(), StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(busy.headers()["retry-after"], "1");
    assert!(!busy.body().contains("arn:"));

    let broken = answer(Refused(secret.into()));
    assert_eq!(broken.status(), StatusCode::INTERNAL_SERVER_ERROR);
    assert!(!broken.body().contains("arn:"));
}
