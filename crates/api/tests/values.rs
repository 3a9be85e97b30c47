//! What merchants and payers send: prices, short texts, versions; and the answers to what cannot be.

mod event;

use api::{ApiError, Caller, Reply, expected_version, if_given, json, price_if_given, read_price};
use domain::{Forbidden, Money, NotForSale, OrderStatus, ProductName, Shortage};
use event::request;
use lambda_http::http::StatusCode;
use payments::{CaptureError, ProviderError};
use serde::Deserialize;
use serde_json::{Value, json};
use shop::ShopError;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Offer {
    name: ProductName,
    #[serde(deserialize_with = "read_price")]
    price: Money,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Change {
    #[serde(default, deserialize_with = "if_given")]
    name: Option<ProductName>,
    #[serde(default, deserialize_with = "price_if_given")]
    price: Option<Money>,
}

fn offer(name: &Value, price: &Value) -> Result<Offer, ApiError> {
    let body = json!({ "name": name, "price": price }).to_string();
    json(&request(json!({ "body": body })))
}

/// The only field that an error names, and what it says.
fn complaint<T: std::fmt::Debug>(read: Result<T, ApiError>) -> (String, String) {
    match read {
        Err(ApiError::Invalid(errors)) if errors.len() == 1 => {
            (errors[0].field.clone(), errors[0].message.clone())
        }
        other => panic!("one value is wrong: {other:?}"),
    }
}

#[test]
fn a_price_is_a_text_of_more_than_nothing_and_at_most_a_million() {
    let tea = json!("Tea");
    for (text, price) in [
        ("0.01", "0.01"),
        ("5", "5.00"),
        ("129.9", "129.90"),
        ("1000000.00", "1000000.00"),
    ] {
        let read = offer(&tea, &json!(text)).expect(text);
        assert_eq!(
            (read.name.as_str(), read.price.to_string()),
            ("Tea", price.into())
        );
    }
    let bad = [
        json!(5),
        json!(1.5),
        json!(null),
        json!(true),
        json!(""),
        json!("0"),
        json!("0.00"),
        json!("-1"),
        json!("+1"),
        json!("1.001"),
        json!("1000000.01"),
        json!("1e3"),
        json!("1_000"),
        json!("1,5"),
        json!(" 1"),
        json!("1."),
        json!(".5"),
        json!("NaN"),
        json!("٥"),
        json!("9".repeat(100)),
    ];
    for bad in bad {
        let (field, message) = complaint(offer(&tea, &bad));
        assert_eq!(field, "price", "{bad}");
        assert_eq!(
            message, "must be a price such as \"129.90\", from 0.01 to 1000000",
            "{bad}"
        );
    }
}

#[test]
fn a_short_text_says_what_it_must_be() {
    let price = json!("5.00");
    for bad in [
        json!(""),
        json!("  "),
        json!("a\nb"),
        json!("x".repeat(201)),
    ] {
        let said = complaint(offer(&bad, &price));
        let expected = "must be 1 to 200 printable characters";
        assert_eq!(said, ("name".to_owned(), expected.to_owned()), "{bad}");
    }
    for bad in [json!(5), json!(null), json!([]), json!({})] {
        let said = complaint(offer(&bad, &price));
        assert_eq!(
            said,
            ("name".to_owned(), "must be a text".to_owned()),
            "{bad}"
        );
    }
}

#[test]
fn what_may_be_left_out_may_not_be_null() {
    let read = |body: Value| {
        json::<Change>(&request(json!({ "body": body.to_string() }))).map(|it| (it.name, it.price))
    };
    assert_eq!(read(json!({})).unwrap(), (None, None));
    let (field, _) = complaint(read(json!({ "name": null })));
    assert_eq!(field, "name");
    let (field, _) = complaint(read(json!({ "price": null })));
    assert_eq!(field, "price");
}

#[test]
fn a_change_is_meant_for_the_versions_it_names() {
    for (if_match, fits) in [
        ("\"3\"", true),
        ("*", true),
        ("\"1\", \"3\"", true),
        ("\"2\"", false),
        ("3", false),
        ("W/\"3\"", false),
        ("", false),
        ("\"33\"", false),
        ("\"03\"", false),
    ] {
        let request = request(json!({ "headers": { "if-match": if_match } }));
        assert_eq!(expected_version(&request).allows(3), fits, "{if_match}");
    }
    assert!(
        expected_version(&request(json!({}))).allows(3),
        "no condition"
    );
}

#[test]
fn only_merchants_are_merchants() {
    let caller = |groups: &str| {
        let claims = json!({ "sub": "ada", "cognito:groups": groups });
        Caller::of(&request(json!({
            "requestContext": { "authorizer": { "jwt": { "claims": claims, "scopes": null } } }
        })))
        .unwrap()
    };
    assert_eq!(caller("[merchants]").merchant().unwrap().as_str(), "ada");
    assert!(matches!(
        caller("[staff]").merchant(),
        Err(ApiError::NotMerchant)
    ));
}

fn answer(error: ShopError) -> Reply {
    ApiError::from(error).into()
}

#[test]
fn problems_say_in_a_shopper_s_words_what_stands_in_the_way() {
    let cannot = |from, to| answer(ShopError::OrderCannot(Forbidden { from, to }));
    let late = cannot(OrderStatus::Expired, OrderStatus::Paid);
    assert_eq!(late.status(), StatusCode::CONFLICT);
    let problem: Value = serde_json::from_str(late.body()).unwrap();
    let said = "This order was not paid in time, so it can't be paid.";
    assert_eq!(problem["detail"], said);
    assert!(late.headers().get("retry-after").is_none());
    let pending = cannot(OrderStatus::Pending, OrderStatus::Cancelled);
    assert_eq!(pending.headers()["retry-after"], "1");

    let gone = answer(CaptureError::Gone.into());
    assert_eq!(gone.status(), StatusCode::CONFLICT);
    assert!(gone.headers().get("retry-after").is_none(), "it stays gone");
    let silent = answer(CaptureError::Provider(ProviderError).into());
    assert_eq!(silent.status(), StatusCode::GATEWAY_TIMEOUT);

    let order_id = "01934f2b-1d5e-7c40-8a4e-3f2b9d6c7e10".parse().unwrap();
    let short = Shortage {
        product_id: "019a48f1-d680-73a0-aef2-daca67fc8886".parse().unwrap(),
        requested: 2.try_into().unwrap(),
        available: 1,
    };
    let rejected = answer(ShopError::OutOfStock {
        short: vec![short],
        order_id: Some(order_id),
    });
    let problem: Value = serde_json::from_str(rejected.body()).unwrap();
    assert_eq!(problem["instance"], format!("/orders/{order_id}"));
    assert_eq!(problem["short"][0]["available"], 1);
    assert_eq!(problem.get("reason"), None);
}

/// A value that the shop cannot use is named as one of the request's own, whichever side found it.
#[test]
fn what_the_shop_cannot_use_is_named_by_its_field() {
    let lines = vec![0, 2];
    let fields = |error: ShopError| {
        let reply = answer(error);
        assert_eq!(reply.status(), StatusCode::UNPROCESSABLE_ENTITY);
        let problem: Value = serde_json::from_str(reply.body()).unwrap();
        let errors = problem["errors"].as_array().expect("errors").clone();
        let field = |error: &Value| error["field"].as_str().expect("a field").to_owned();
        errors.iter().map(field).collect::<Vec<_>>()
    };
    assert_eq!(fields(ShopError::TooManyProducts), ["product_id"]);
    assert_eq!(fields(ShopError::TooManyUnits), ["quantity"]);
    assert_eq!(fields(ShopError::ProductNotForSale), ["product_id"]);
    assert_eq!(fields(ShopError::UnknownCard), ["card_number"]);
    assert_eq!(
        fields(NotForSale { lines }.into()),
        ["lines[0].product_id", "lines[2].product_id"]
    );
}
