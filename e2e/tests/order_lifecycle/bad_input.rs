//! Bad input on the routes of an order's life: a clear answer, and nothing changed.

use e2e::{Answer, Shop, Shopper};
use reqwest::Method;
use reqwest::header::CONTENT_TYPE;
use serde_json::{Value, json};

use crate::{GOOD_CARD, card, parcel};

/// A route that reads a body, and a body that is fine.
struct Route<'a> {
    who: &'a Shopper<'a>,
    method: Method,
    path: String,
    fine: Value,
}

impl Route<'_> {
    async fn send(&self, content_type: &str, body: impl Into<reqwest::Body>) -> Answer {
        let request = self.who.request(self.method.clone(), &self.path);
        let request = request.header(CONTENT_TYPE, content_type).body(body);
        self.who.send(request).await
    }

    async fn json(&self, body: impl Into<reqwest::Body>) -> Answer {
        self.send("application/json", body).await
    }

    /// Sends the fine body with one value changed, and asserts that this value is named.
    async fn refuses(&self, field: &str, value: &Value) {
        let mut body = self.fine.clone();
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

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_cannot_be_used_is_named_and_nothing_changes() {
    let shop = Shop::open().await;
    let lamp = shop.stocked("Lamp", "129.90", 10).await;
    let ada = shop.shopper("ada").await;
    let merchant = shop.merchant("merchant").await;
    let unpaid = ada.order(&[(lamp, 1)]).await;
    let paid = ada.order(&[(lamp, 1)]).await;
    ada.step(&paid, "payment", &card(GOOD_CARD))
        .await
        .expect(200);
    let order_path = |order: &Value, step: &str| {
        let order_id = order["order_id"].as_str().expect("an order has an id");
        format!("/orders/{order_id}/{step}")
    };
    let route = |who, method, path: String, fine| Route {
        who,
        method,
        path,
        fine,
    };
    let line = json!({ "product_id": lamp, "quantity": 1 });
    let new = json!({ "name": "Clock", "description": "It ticks.", "price": "24.50" });
    let routes = [
        route(
            &ada,
            Method::POST,
            "/orders".into(),
            json!({ "lines": [line] }),
        ),
        route(
            &ada,
            Method::POST,
            order_path(&unpaid, "payment"),
            card(GOOD_CARD),
        ),
        route(
            &merchant,
            Method::POST,
            order_path(&paid, "shipment"),
            parcel("PP-1"),
        ),
        route(&merchant, Method::POST, "/products".into(), new.clone()),
        route(&merchant, Method::PATCH, format!("/products/{lamp}"), new),
        route(
            &merchant,
            Method::POST,
            format!("/products/{lamp}/stock"),
            json!({ "quantity": 1 }),
        ),
    ];
    for route in &routes {
        for malformed in ["{", " ", "a=1", "{]", "NaN"] {
            route.json(malformed).await.expect_problem(400);
        }
        route.json([0xff, 0xfe].to_vec()).await.expect_problem(400);
        let padded = format!("{}{}", route.fine, " ".repeat(64 * 1024));
        route.json(padded).await.expect_problem(413);
        let fine = route.fine.to_string();
        route.send("text/plain", fine).await.expect_problem(415);
        for no_object in ["[]", "null", "7", "\"text\"", "true"] {
            route.json(no_object).await.expect_problem(422);
        }
        let mut unknown = route.fine.clone();
        unknown["user_id"] = json!("eve");
        let answer = route.json(unknown.to_string()).await.expect_problem(422);
        assert_eq!(answer.body["errors"][0]["field"], "user_id", "{answer}");
        route.json("{}").await.expect_problem(422);
    }

    let no_texts = [json!(5), json!(null), json!(true), json!([]), json!({})];
    let no_short_texts = [json!(""), json!("   "), json!("tab\there")];
    let [order, payment, shipment, create, change, stock] = &routes;
    let long = |length: usize| json!("x".repeat(length));
    for bad in no_texts.iter().chain(&no_short_texts) {
        payment.refuses("card_number", bad).await;
        shipment.refuses("carrier", bad).await;
        shipment.refuses("tracking_number", bad).await;
        for route in [create, change] {
            route.refuses("name", bad).await;
            route.refuses("description", bad).await;
            route.refuses("price", bad).await;
        }
    }
    for bad in [
        "4242",
        "4242 4242 4242 4243",
        "4242424242424242a",
        "12345678901234567890",
    ] {
        payment.refuses("card_number", &json!(bad)).await;
    }
    shipment.refuses("carrier", &long(101)).await;
    shipment.refuses("tracking_number", &long(101)).await;
    for route in [create, change] {
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
    let never = json!("01934f2b-1d5e-7c40-8a4e-3f2b9d6c7e10");
    order.refuses("lines[0].product_id", &never).await;
    for key in [&b""[..], b"\xc3\xbc", &[b'k'; 256]] {
        for route in [order, stock] {
            let request = route.who.request(Method::POST, &route.path);
            let request = request.header("Idempotency-Key", key).json(&route.fine);
            route.who.send(request).await.expect_problem(422);
        }
    }
    for query in ["limit=0", "limit=x", "cursor=x", "cursor=e30"] {
        let path = format!("/fulfilment?{query}");
        merchant.get(&path).await.expect_problem(400);
    }
    for id in ["x", "%00", "8f14e45f-ceea-4672-8d4f-0f2b6f3d6a11"] {
        for step in ["payment", "cancellation", "shipment", "completion"] {
            let body = match step {
                "payment" => card(GOOD_CARD),
                "shipment" => parcel("PP-1"),
                _ => json!({}),
            };
            let path = format!("/orders/{id}/{step}");
            merchant.post(&path, &body).await.expect_problem(404);
        }
        let price = json!({ "price": "1.00" });
        merchant
            .patch(&format!("/products/{id}"), &price)
            .await
            .expect_problem(404);
    }

    ada.becomes(&unpaid, "WAITING_PAYMENT").await;
    ada.becomes(&paid, "PAID").await;
    let listed = shop.stranger().get("/products").await.expect(200);
    assert_eq!(listed.body["products"].as_array().map(Vec::len), Some(1));
    assert_eq!(listed.body["products"][0]["name"], "Lamp");
    let books = shop.books().await;
    assert_eq!(
        (books.orders.len(), books.stock[&lamp.to_string()].supply),
        (2, 10)
    );
    books.assert_balanced();
    for function in [
        "create-order",
        "pay-order",
        "cancel-order",
        "fulfil-orders",
        "manage-products",
    ] {
        let report = shop.function(function).await;
        assert_eq!(
            (&report["errors"], &report["crashes"]),
            (&json!(0), &json!(0)),
            "{report}"
        );
    }
}
