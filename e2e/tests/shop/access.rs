//! Authentication, and access to the data of other users.

use e2e::{Shop, Shopper, lines};
use reqwest::Method;
use serde_json::{Value, json};

use crate::openapi::Contract;

/// Every route that needs a token according to openapi.yaml, with ids in its path.
fn guarded_routes(cart: &str, order: &str, product: &str) -> Vec<(Method, String)> {
    let contract = Contract::read();
    let operations = contract.operations();
    let is_open = |operation: &Value| operation["security"].as_array().is_some_and(Vec::is_empty);
    let guarded = operations
        .iter()
        .filter(|(_, operation)| !is_open(operation));
    let routes = guarded.map(|(name, _)| {
        let (method, path) = name.split_once(' ').expect("a method and a path");
        let path = path
            .replace("{cart_id}", cart)
            .replace("{order_id}", order)
            .replace("{product_id}", product);
        assert!(!path.contains('{'), "no id for {path}");
        (method.parse().expect("a method"), path)
    });
    routes.collect()
}

/// The requests for a user's cart and order, with valid bodies.
fn private_requests(cart: &str, order: &str, product: &str) -> Vec<(Method, String, Value)> {
    let item = format!("/carts/{cart}/items/{product}");
    let one = json!({ "product_id": product, "quantity": 1 });
    vec![
        (Method::GET, format!("/carts/{cart}"), json!({})),
        (Method::POST, format!("/carts/{cart}/items"), one),
        (Method::PUT, item.clone(), json!({ "quantity": 2 })),
        (Method::DELETE, item, json!({})),
        (Method::POST, format!("/carts/{cart}/checkout"), json!({})),
        (Method::GET, format!("/orders/{order}"), json!({})),
        (
            Method::POST,
            format!("/orders/{order}/payment"),
            json!({ "card_number": "4242 4242 4242 4242" }),
        ),
        (
            Method::POST,
            format!("/orders/{order}/cancellation"),
            json!({}),
        ),
    ]
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn only_a_valid_token_is_accepted() {
    let shop = Shop::open().await;
    let lamp = shop.stocked("Lamp", "129.90", 10).await;
    let ada = shop.shopper("ada").await;
    let cart = ada.cart(&[(lamp, 1)]).await;
    let order = ada.buy(&[(lamp, 1)]).await;
    ada.wait_for_decision(&order).await;

    let good = shop.token(&json!({ "sub": "ada" })).await;
    let mut parts: Vec<&str> = good.split('.').collect();
    // {"alg":"none"}
    parts[0] = "eyJhbGciOiJub25lIn0";
    let unsigned = format!("{}.{}.", parts[0], parts[1]);
    let other = Shop::open().await;
    let intruders = [
        ("no token", shop.anonymous()),
        ("no JWT", shop.with_token("let-me-in")),
        ("an empty token", shop.with_token("")),
        ("a cut token", shop.with_token(&good[..good.len() - 40])),
        ("an unsigned token", shop.with_token(unsigned)),
        (
            "another issuer's key",
            shop.with_token(other.token(&json!({ "sub": "ada" })).await),
        ),
        (
            "an expired token",
            shop.with_token(
                shop.token(&json!({ "sub": "ada", "ttl_seconds": -3600 }))
                    .await,
            ),
        ),
        (
            "another audience",
            shop.with_token(
                shop.token(&json!({ "sub": "ada", "audience": "another-shop" }))
                    .await,
            ),
        ),
    ];
    for (name, intruder) in &intruders {
        for (method, path) in guarded_routes(&cart, &order, &lamp.to_string()) {
            let request = intruder.request(method, &path).json(&lines(&[(lamp, 1)]));
            let answer = intruder.send(request).await;
            assert_eq!(answer.status, 401, "{name}: {answer}");
            assert!(
                answer.header("www-authenticate").is_some(),
                "{name}: {answer}"
            );
        }
        intruder.get("/products").await.expect(200);
    }
    assert_eq!(
        shop.books().await.orders.len(),
        1,
        "there is no other order"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_user_cannot_see_another_users_cart_or_order() {
    let shop = Shop::open().await;
    let lamp = shop.stocked("Lamp", "129.90", 10).await;
    let ada = shop.shopper("ada").await;
    let eve = shop.shopper("eve").await;
    let cart = ada.cart(&[(lamp, 1)]).await;
    let pending = ada.buy(&[(lamp, 1)]).await;
    let before = ada.get(&format!("/carts/{cart}")).await.expect(200).body;

    assert_not_found(&eve, &cart, &pending, &lamp.to_string()).await;
    ada.wait_for_decision(&pending).await;
    assert_not_found(&eve, &cart, &pending, &lamp.to_string()).await;
    assert_eq!(
        eve.get("/orders").await.expect(200).body["orders"],
        json!([])
    );

    let after = ada.get(&format!("/carts/{cart}")).await.expect(200).body;
    assert_eq!(after, before, "the cart is as it was");
    let orders = ada.get("/orders").await.expect(200).body;
    assert_eq!(orders["orders"].as_array().map(Vec::len), Some(1));
    assert_eq!(shop.books().await.orders.len(), 1);
}

/// Asserts that another user's cart and order are answered exactly as ids that do not exist.
async fn assert_not_found(eve: &Shopper<'_>, cart: &str, order: &str, product: &str) {
    let never = "01934f2b-1d5e-7c40-8a4e-3f2b9d6c7e10";
    let theirs = private_requests(cart, order, product);
    let unknown = private_requests(never, never, product);
    for ((method, path, body), (_, never, _)) in theirs.into_iter().zip(unknown) {
        let ask = |path: &str| eve.send(eve.request(method.clone(), path).json(&body));
        let theirs = ask(&path).await.expect_problem(404);
        let unknown = ask(&never).await.expect_problem(404);
        assert_eq!(theirs.body, unknown.body, "{theirs}");
    }
}
