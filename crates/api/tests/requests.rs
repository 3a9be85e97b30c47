//! The caller, the route, the page and the ids of a request.

mod event;

use api::routes::{CartRoute, CheckoutRoute, Route};
use api::{ApiError, Caller, PageRequest, next_cursor};
use domain::OrderId;
use event::request;
use serde_json::{Value, json};
use shop::ShopError;

fn claims(claims: Value) -> Result<Caller, ApiError> {
    Caller::of(&request(json!({
        "requestContext": { "authorizer": { "jwt": { "claims": claims, "scopes": null } } }
    })))
}

#[test]
fn the_caller_is_the_token_s_subject() {
    let caller = claims(json!({ "sub": "ada" })).unwrap();
    assert_eq!(caller.user_id.as_str(), "ada");
    assert!(!caller.is_merchant);
}

#[test]
fn a_group_is_read_from_the_text_that_a_gateway_makes_of_a_list() {
    let table = [
        ("[merchants]", true),
        ("[staff merchants]", true),
        ("merchants", true),
        ("[]", false),
        ("", false),
        ("[merchants-to-be staff]", false),
        ("[[merchants]]", false),
    ];
    for (groups, is_merchant) in table {
        let caller = claims(json!({ "sub": "ada", "cognito:groups": groups })).unwrap();
        assert_eq!(caller.is_merchant, is_merchant, "{groups}");
    }
}

#[test]
fn nobody_is_no_caller() {
    let too_long = "x".repeat(129);
    for nobody in [
        json!({}),
        json!({ "sub": "" }),
        json!({ "sub": too_long }),
        json!({ "sub": "a\nb" }),
    ] {
        assert!(
            matches!(claims(nobody.clone()), Err(ApiError::Unauthenticated)),
            "{nobody}"
        );
    }
    assert!(matches!(
        Caller::of(&request(json!({}))),
        Err(ApiError::Unauthenticated)
    ));
}

#[test]
fn a_function_answers_its_own_routes_alone() {
    let add_to_cart = request(json!({}));
    assert_eq!(CartRoute::of(&add_to_cart).unwrap(), CartRoute::Add);
    assert!(matches!(
        CheckoutRoute::of(&add_to_cart),
        Err(ApiError::NoSuchRoute)
    ));
}

#[test]
fn a_path_that_holds_no_id_names_nothing() {
    let cart =
        |id: &str| api::cart_id_in_path(&request(json!({ "pathParameters": { "cart_id": id } })));
    assert!(cart("01934f2b-1d5e-7c40-8a4e-3f2b9d6c7e10").is_ok());
    for nothing in [
        "",
        "1",
        "cart",
        "8f14e45f-ceea-4672-8d4f-0f2b6f3d6a11",
        "' OR 1=1",
        "../orders",
    ] {
        assert!(
            matches!(cart(nothing), Err(ApiError::Shop(ShopError::NotFound(_)))),
            "{nothing}"
        );
    }
    assert!(api::order_id_in_path(&request(json!({}))).is_err());
}

fn page(query: &str) -> Result<PageRequest<OrderId>, ApiError> {
    PageRequest::of(&request(json!({ "rawQueryString": query })))
}

#[test]
fn a_cursor_leads_on_from_where_the_page_ended() {
    let last: OrderId = "01934f2b-1d5e-7c40-8a4e-3f2b9d6c7e10".parse().unwrap();
    let cursor = next_cursor(Some(&last)).unwrap();
    let next = page(&format!("limit=7&cursor={cursor}")).unwrap();
    assert_eq!(
        next,
        PageRequest {
            limit: 7,
            after: Some(last)
        }
    );
    assert_eq!(
        page("").unwrap(),
        PageRequest {
            limit: 20,
            after: None
        }
    );
    assert_eq!(next_cursor(None::<&OrderId>), None);
}

#[test]
fn a_limit_or_cursor_that_cannot_be_used_is_named() {
    let another_list_s = next_cursor(Some(&json!({ "name": "Lamp" }))).unwrap();
    let table = [
        ("limit=0".to_owned(), "limit"),
        ("limit=101".into(), "limit"),
        ("limit=-1".into(), "limit"),
        ("limit=ten".into(), "limit"),
        ("limit=".into(), "limit"),
        ("limit=1.0".into(), "limit"),
        ("limit=99999999999999999999999".into(), "limit"),
        ("cursor=".into(), "cursor"),
        ("cursor=%00".into(), "cursor"),
        ("cursor=bm90IGpzb24".into(), "cursor"),
        ("cursor=!!!".into(), "cursor"),
        (format!("cursor={another_list_s}"), "cursor"),
    ];
    for (query, field) in table {
        match page(&query) {
            Err(ApiError::Parameter(error)) => assert_eq!(error.field, field, "{query}"),
            other => panic!("{query}: {other:?}"),
        }
    }
}
