//! Bad input on the routes of orders and products: the answer names the problem, and nothing changes.

use domain::ProductId;
use e2e::{Answer, Shop, Shopper};
use reqwest::Method;
use reqwest::header::CONTENT_TYPE;
use serde_json::{Value, json};

use crate::{GOOD_CARD, card, parcel};

/// Functions that must not fail or crash because of bad input.
const FUNCTIONS: [&str; 5] = [
    "create-order",
    "pay-order",
    "cancel-order",
    "fulfil-orders",
    "manage-products",
];

/// A route that reads a body, and a valid body for it.
struct Route<'a> {
    user: &'a Shopper<'a>,
    method: Method,
    path: String,
    valid: Value,
}

impl Route<'_> {
    async fn send(&self, content_type: &str, body: impl Into<reqwest::Body>) -> Answer {
        let request = self.user.request(self.method.clone(), &self.path);
        let request = request.header(CONTENT_TYPE, content_type).body(body);
        self.user.send(request).await
    }

    async fn json(&self, body: impl Into<reqwest::Body>) -> Answer {
        self.send("application/json", body).await
    }

    /// Sends the valid body with one value changed, and asserts that the answer names this value.
    async fn refuses(&self, field: &str, value: &Value) {
        let mut body = self.valid.clone();
        *body.pointer_mut(&pointer(field)).expect("the body has it") = value.clone();
        let answer = self.json(body.to_string()).await.expect_problem(422);
        assert_eq!(
            answer.body["errors"][0]["field"], field,
            "{value}: {answer}"
        );
        let text = value.as_str().unwrap_or_default();
        assert!(text.len() < 4 || !answer.text.contains(text), "{answer}");
    }
}

/// `lines[0].quantity` as a JSON pointer.
fn pointer(field: &str) -> String {
    format!("/{}", field.replace(['[', '.'], "/").replace(']', ""))
}

/// A shop with one product, an unpaid order and a paid one.
struct Fixture<'a> {
    shop: &'a Shop,
    ada: Shopper<'a>,
    merchant: Shopper<'a>,
    lamp: ProductId,
    unpaid: Value,
    paid: Value,
}

/// The routes that read a body.
struct Routes<'a> {
    order: Route<'a>,
    payment: Route<'a>,
    shipment: Route<'a>,
    create: Route<'a>,
    change: Route<'a>,
    stock: Route<'a>,
}

impl<'a> Routes<'a> {
    fn all(&self) -> [&Route<'a>; 6] {
        [
            &self.order,
            &self.payment,
            &self.shipment,
            &self.create,
            &self.change,
            &self.stock,
        ]
    }
}

impl Fixture<'_> {
    async fn new(shop: &Shop) -> Fixture<'_> {
        let lamp = shop.stocked("Lamp", "129.90", 10).await;
        let ada = shop.shopper("ada").await;
        let unpaid = ada.order(&[(lamp, 1)]).await;
        let paid = ada.order(&[(lamp, 1)]).await;
        ada.step(&paid, "payment", &card(GOOD_CARD))
            .await
            .expect(200);
        Fixture {
            shop,
            merchant: shop.merchant("merchant").await,
            ada,
            lamp,
            unpaid,
            paid,
        }
    }

    fn routes(&self) -> Routes<'_> {
        let lamp = self.lamp;
        let by_ada = |path: String, valid| Route {
            user: &self.ada,
            method: Method::POST,
            path,
            valid,
        };
        let by_merchant = |method, path: String, valid| Route {
            user: &self.merchant,
            method,
            path,
            valid,
        };
        let step = |order: &Value, step: &str| {
            let order_id = order["order_id"].as_str().expect("an order has an id");
            format!("/orders/{order_id}/{step}")
        };
        let one = json!({ "quantity": 1 });
        let line = json!({ "product_id": lamp, "quantity": 1 });
        let clock = json!({ "name": "Clock", "description": "It ticks.", "price": "24.50" });
        let product = format!("/products/{lamp}");
        Routes {
            order: by_ada("/orders".to_owned(), json!({ "lines": [line] })),
            payment: by_ada(step(&self.unpaid, "payment"), card(GOOD_CARD)),
            shipment: by_merchant(Method::POST, step(&self.paid, "shipment"), parcel("PP-1")),
            create: by_merchant(Method::POST, "/products".to_owned(), clock.clone()),
            stock: by_merchant(Method::POST, format!("{product}/stock"), one),
            change: by_merchant(Method::PATCH, product, clock),
        }
    }

    /// Asserts that orders, product and stock are as before, and that no function failed.
    async fn assert_unchanged(&self) {
        self.ada
            .wait_for_status(&self.unpaid, "WAITING_PAYMENT")
            .await;
        self.ada.wait_for_status(&self.paid, "PAID").await;
        let listed = self.shop.anonymous().get("/products").await.expect(200);
        assert_eq!(listed.body["products"].as_array().map(Vec::len), Some(1));
        assert_eq!(listed.body["products"][0]["name"], "Lamp");
        let books = self.shop.books().await;
        let supply = books.stock[&self.lamp.to_string()].supply;
        assert_eq!((books.orders.len(), supply), (2, 10));
        books.assert_balanced();
        for function in FUNCTIONS {
            let report = self.shop.function(function).await;
            assert_eq!(report.errors, 0, "{report:?}");
            assert_eq!(report.crashes, 0, "{report:?}");
        }
    }
}

/// Values that are not a text with content.
fn no_texts() -> Vec<Value> {
    vec![
        json!(5),
        json!(null),
        json!(true),
        json!([]),
        json!({}),
        json!(""),
        json!("   "),
        json!("tab\there"),
    ]
}

fn long(length: usize) -> Value {
    json!("x".repeat(length))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_body_that_cannot_be_read_is_refused() {
    let shop = Shop::open().await;
    let fixture = Fixture::new(&shop).await;
    for route in fixture.routes().all() {
        for malformed in ["{", " ", "a=1", "{]", "NaN"] {
            route.json(malformed).await.expect_problem(400);
        }
        route.json([0xff, 0xfe].to_vec()).await.expect_problem(400);
        let padded = format!("{}{}", route.valid, " ".repeat(64 * 1024));
        route.json(padded).await.expect_problem(413);
        let valid = route.valid.to_string();
        route.send("text/plain", valid).await.expect_problem(415);
        for no_object in ["[]", "null", "7", "\"text\"", "true"] {
            route.json(no_object).await.expect_problem(422);
        }
        let mut unknown = route.valid.clone();
        unknown["user_id"] = json!("eve");
        let answer = route.json(unknown.to_string()).await.expect_problem(422);
        assert_eq!(answer.body["errors"][0]["field"], "user_id", "{answer}");
        route.json("{}").await.expect_problem(422);
    }
    fixture.assert_unchanged().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_card_number_or_shipment_that_cannot_be_used_is_named() {
    let shop = Shop::open().await;
    let fixture = Fixture::new(&shop).await;
    let Routes {
        payment, shipment, ..
    } = fixture.routes();
    for bad in no_texts() {
        payment.refuses("card_number", &bad).await;
    }
    for bad in [
        "4242",
        "4242 4242 4242 4243",
        "4242424242424242a",
        "12345678901234567890",
    ] {
        payment.refuses("card_number", &json!(bad)).await;
    }
    for bad in no_texts().iter().chain(&[long(101)]) {
        shipment.refuses("carrier", bad).await;
        shipment.refuses("tracking_number", bad).await;
    }
    fixture.assert_unchanged().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_product_that_cannot_be_used_is_named() {
    let shop = Shop::open().await;
    let fixture = Fixture::new(&shop).await;
    let Routes { create, change, .. } = fixture.routes();
    for route in [create, change] {
        for bad in no_texts() {
            route.refuses("name", &bad).await;
            route.refuses("description", &bad).await;
            route.refuses("price", &bad).await;
        }
        route.refuses("name", &long(201)).await;
        route.refuses("description", &long(2_001)).await;
        for price in [
            "0",
            "0.00",
            "-1",
            "1.001",
            "1000000.01",
            "1e3",
            "NaN",
            "1,50",
        ] {
            route.refuses("price", &json!(price)).await;
        }
    }
    fixture.assert_unchanged().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_quantity_line_or_idempotency_key_that_cannot_be_used_is_named() {
    let shop = Shop::open().await;
    let fixture = Fixture::new(&shop).await;
    let Routes { order, stock, .. } = fixture.routes();
    for bad in [
        json!(0),
        json!(-1),
        json!(10_001),
        json!(1.5),
        json!("1"),
        json!(null),
    ] {
        stock.refuses("quantity", &bad).await;
        order.refuses("lines[0].quantity", &bad).await;
    }
    order.refuses("lines", &json!([])).await;
    let unknown = json!("01934f2b-1d5e-7c40-8a4e-3f2b9d6c7e10");
    order.refuses("lines[0].product_id", &unknown).await;
    for key in [&b""[..], b"\xc3\xbc", &[b'k'; 256]] {
        for route in [&order, &stock] {
            let request = route.user.request(Method::POST, &route.path);
            let request = request.header("Idempotency-Key", key).json(&route.valid);
            route.user.send(request).await.expect_problem(422);
        }
    }
    fixture.assert_unchanged().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn bad_queries_are_refused_and_bad_ids_are_not_found() {
    let shop = Shop::open().await;
    let fixture = Fixture::new(&shop).await;
    let merchant = &fixture.merchant;
    for query in ["limit=0", "limit=x", "cursor=x", "cursor=e30"] {
        let path = format!("/fulfilment?{query}");
        merchant.get(&path).await.expect_problem(400);
    }
    for id in ["x", "%00", "8f14e45f-ceea-4672-8d4f-0f2b6f3d6a11"] {
        for (step, body) in [
            ("payment", card(GOOD_CARD)),
            ("cancellation", json!({})),
            ("shipment", parcel("PP-1")),
            ("completion", json!({})),
        ] {
            let path = format!("/orders/{id}/{step}");
            merchant.post(&path, &body).await.expect_problem(404);
        }
        let path = format!("/products/{id}");
        let price = json!({ "price": "1.00" });
        merchant.patch(&path, &price).await.expect_problem(404);
    }
    fixture.assert_unchanged().await;
}
