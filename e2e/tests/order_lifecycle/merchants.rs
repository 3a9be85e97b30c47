//! The merchants' routes for products.

use e2e::{Answer, Shop, Shopper, WAIT_TIMEOUT, eventually, lines};
use futures_util::future::join_all;
use reqwest::Method;
use serde_json::{Value, json};

fn offer(name: &str, price: &str) -> Value {
    json!({ "name": name, "description": format!("{name}, as good as they come."), "price": price })
}

async fn patch_if(user: &Shopper<'_>, path: &str, etag: &str, body: &Value) -> Answer {
    let request = user.request(Method::PATCH, path).json(body);
    user.send(request.header("If-Match", etag)).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_product_is_offered_stocked_changed_and_sold() {
    let shop = Shop::open().await;
    let ada = shop.shopper("ada").await;
    let mia = shop.merchant("mia").await;
    let offered = mia
        .post("/products", &offer("Lamp", "129.9"))
        .await
        .expect(201);
    let path = offered
        .header("location")
        .expect("it has a place")
        .to_owned();
    assert_eq!(offered.body["price"], "129.90");
    assert_eq!(offered.body["available"], 0);
    let shown = shop.anonymous().get(&path).await.expect(200);
    assert_eq!(shown.body, offered.body);
    assert_eq!(shown.header("etag"), offered.header("etag"));

    let product = offered.text_of("product_id").parse().expect("is an id");
    ada.post("/orders", &lines(&[(product, 1)]))
        .await
        .expect_problem(409);
    let stock = format!("{path}/stock");
    let delivery = json!({ "quantity": 5 });
    let deliveries = join_all((0..4).map(|_| mia.post(&stock, &delivery))).await;
    let mut supplies: Vec<_> = deliveries
        .into_iter()
        .map(|answer| answer.expect(200).body["supply"].as_u64())
        .collect();
    supplies.sort_unstable();
    assert_eq!(supplies.last(), Some(&Some(20)), "each of them counts");

    let order = ada.order(&[(product, 2)]).await;
    let etag = shown.header("etag").expect("it has a version").to_owned();
    let cheaper = json!({ "price": "99" });
    let changed = patch_if(&mia, &path, &etag, &cheaper).await.expect(200);
    assert_eq!(changed.body["price"], "99.00");
    assert_eq!(changed.body["available"], 18);
    assert_eq!(changed.body["name"], "Lamp", "the rest stays");
    patch_if(&mia, &path, &etag, &cheaper)
        .await
        .expect_problem(412);
    patch_if(&mia, &path, "*", &cheaper).await.expect(200);
    let later = ada.order(&[(product, 1)]).await;
    assert_eq!(
        (&order["total"], &later["total"]),
        (&json!("259.80"), &json!("99.00"))
    );
    shop.books().await.assert_balanced();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_new_price_is_used_soon() {
    let shop = Shop::open().await;
    let ada = shop.shopper("ada").await;
    let mia = shop.merchant("mia").await;
    let offered = mia.post("/products", &offer("Lamp", "129.90")).await;
    let product = offered.text_of("product_id").parse().expect("is an id");
    let path = format!("/products/{product}");
    let stock = json!({ "quantity": 1_000 });
    mia.post(&format!("{path}/stock"), &stock).await.expect(200);
    let before = ada.buy_and_wait(&[(product, 1)]).await;
    assert_eq!(before["total"], "129.90");
    let cart = format!("/carts/{}", ada.cart(&[(product, 1)]).await);
    let shown = ada.get(&cart).await.expect(200);
    assert_eq!(shown.body["total"], "129.90");

    let request = mia.request(Method::PATCH, &path).header("If-Match", "*");
    let cheaper = request.json(&json!({ "price": "99" }));
    mia.send(cheaper).await.expect(200);
    eventually("an order at the new price", WAIT_TIMEOUT, || async {
        let order = ada.buy_and_wait(&[(product, 1)]).await;
        (order["total"] == "99.00").then_some(())
    })
    .await;
    eventually("the cart at the new price", WAIT_TIMEOUT, || async {
        let shown = ada.get(&cart).await.expect(200);
        (shown.body["total"] == "99.00").then_some(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_name_belongs_to_one_product_of_a_merchant() {
    let shop = Shop::open().await;
    let mia = shop.merchant("mia").await;
    let max = shop.merchant("max").await;
    let lamp = offer("Lamp", "129.90");
    let at_once = join_all((0..5).map(|_| mia.post("/products", &lamp))).await;
    let won = at_once.iter().filter(|answer| answer.status == 201).count();
    assert_eq!(won, 1);
    let lost = at_once.into_iter().find(|answer| answer.status != 201);
    lost.expect("four lost").expect_problem(409);
    max.post("/products", &lamp).await.expect(201);

    let clock = mia
        .post("/products", &offer("Clock", "24.50"))
        .await
        .expect(201);
    let clock = clock.header("location").expect("it has a place").to_owned();
    mia.patch(&clock, &json!({ "name": "Lamp" }))
        .await
        .expect_problem(409);
    mia.patch(&clock, &json!({ "name": "Alarm Clock" }))
        .await
        .expect(200);
    mia.post("/products", &offer("Clock", "30.00"))
        .await
        .expect(201);
    let listed = shop.anonymous().get("/products").await.expect(200).body;
    assert_eq!(
        listed["products"].as_array().map(Vec::len),
        Some(4),
        "{listed}"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn concurrent_changes_without_a_version_all_take_effect() {
    let shop = Shop::open().await;
    let mia = shop.merchant("mia").await;
    let lamp = mia
        .post("/products", &offer("Lamp", "129.90"))
        .await
        .expect(201);
    let lamp = lamp.header("location").expect("it has a place").to_owned();
    let (name, price, description) = (
        json!({ "name": "Desk Lamp" }),
        json!({ "price": "1.00" }),
        json!({ "description": "Bright." }),
    );
    let answers = tokio::join!(
        mia.patch(&lamp, &name),
        mia.patch(&lamp, &price),
        mia.patch(&lamp, &description)
    );
    for answer in [answers.0, answers.1, answers.2] {
        answer.expect(200);
    }
    let now = shop.anonymous().get(&lamp).await.expect(200);
    assert_eq!(now.header("etag"), Some("\"4\""));
    assert_eq!(now.body["name"], "Desk Lamp");
    assert_eq!(now.body["price"], "1.00");
    assert_eq!(now.body["description"], "Bright.");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_delivery_reported_again_with_its_key_is_stocked_once() {
    let shop = Shop::open().await;
    let lamp = shop.stocked("Lamp", "129.90", 10).await;
    let merchant = shop.merchant("merchant").await;
    let path = format!("/products/{lamp}/stock");
    let report = |quantity: u32| {
        let request = merchant.request(Method::POST, &path);
        let request = request.header("Idempotency-Key", "delivery note 7");
        merchant.send(request.json(&json!({ "quantity": quantity })))
    };
    let at_once = tokio::join!(report(5), report(5), report(5));
    for answer in [at_once.0, at_once.1, at_once.2] {
        assert_eq!(answer.expect(200).body["supply"], 15);
    }
    report(6).await.expect_problem(422);
    shop.books().await.assert_balanced();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn only_merchants_change_products_and_only_their_own() {
    let shop = Shop::open().await;
    let lamp = shop.stocked("Lamp", "129.90", 10).await;
    let product = format!("/products/{lamp}");
    let stock = format!("{product}/stock");
    let never = "/products/01934f2b-1d5e-7c40-8a4e-3f2b9d6c7e10";
    let (new, change, delivery) = (
        offer("Clock", "1.00"),
        json!({ "price": "1.00" }),
        json!({ "quantity": 1 }),
    );

    let ada = shop.shopper("ada").await;
    let grant = json!({ "sub": "merchant", "groups": ["staff", "merchants-to-be"] });
    let pretender = shop.with_token(shop.token(&grant).await);
    for user in [&ada, &pretender] {
        let refused = user.post("/products", &new).await.expect_problem(403);
        assert_eq!(
            refused.text_of("type"),
            "urn:problem-type:hedonify:merchants-only"
        );
        user.patch(&product, &change).await.expect_problem(403);
        user.post(&stock, &delivery).await.expect_problem(403);
    }
    let stranger = shop.anonymous();
    stranger.post("/products", &new).await.expect(401);
    stranger.patch(&product, &change).await.expect(401);
    stranger.post(&stock, &delivery).await.expect(401);

    let other = shop.merchant("mia").await;
    let refused = other.patch(&product, &change).await.expect_problem(403);
    assert_eq!(
        refused.text_of("type"),
        "urn:problem-type:hedonify:not-your-product"
    );
    other.post(&stock, &delivery).await.expect_problem(403);
    other.patch(never, &change).await.expect_problem(404);
    other
        .post(&format!("{never}/stock"), &delivery)
        .await
        .expect_problem(404);

    let books = shop.books().await;
    assert_eq!(books.stock[&lamp.to_string()].supply, 10);
    let shown = stranger.get(&product).await.expect(200).body;
    assert_eq!(shown["price"], "129.90");
}
