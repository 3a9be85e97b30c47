//! Bad input on the routes of carts and checkouts: the answer names the problem, and nothing changes.

use e2e::{Answer, Shop, Shopper, lines};
use reqwest::Method;
use reqwest::header::{CONTENT_TYPE, HOST};
use serde_json::{Value, json};

const NEVER: &str = "01934f2b-1d5e-7c40-8a4e-3f2b9d6c7e10";

/// A shop with one product, and a shopper with one cart.
struct Fixture<'a> {
    shop: &'a Shop,
    ada: Shopper<'a>,
    product: String,
    cart: String,
}

impl Fixture<'_> {
    async fn new(shop: &Shop) -> Fixture<'_> {
        let lamp = shop.stocked("Lamp", "129.90", 10).await;
        let ada = shop.shopper("ada").await;
        let cart = ada.cart(&[(lamp, 1)]).await;
        Fixture {
            shop,
            ada,
            product: lamp.to_string(),
            cart,
        }
    }

    /// The routes that read a body, each with a valid body.
    fn routes_with_a_body(&self) -> [(Method, String, Value); 4] {
        let Fixture { product, cart, .. } = self;
        let line = json!({ "product_id": product, "quantity": 1 });
        [
            (Method::POST, "/carts".into(), json!({ "lines": [line] })),
            (
                Method::POST,
                "/checkouts".into(),
                json!({ "lines": [line] }),
            ),
            (Method::POST, format!("/carts/{cart}/items"), line),
            (
                Method::PUT,
                format!("/carts/{cart}/items/{product}"),
                json!({ "quantity": 1 }),
            ),
        ]
    }

    async fn send(&self, method: &Method, path: &str, body: impl Into<reqwest::Body>) -> Answer {
        let request = self.ada.request(method.clone(), path);
        let request = request.header(CONTENT_TYPE, "application/json").body(body);
        self.ada.send(request).await
    }

    /// Asserts that nothing changed and that no function failed.
    async fn assert_unchanged(&self) {
        let cart = self
            .ada
            .get(&format!("/carts/{}", self.cart))
            .await
            .expect(200);
        assert_eq!(cart.body["lines"][0]["quantity"], 1, "{cart}");
        assert_eq!(cart.body["status"], "OPEN", "{cart}");
        assert_eq!(self.shop.queued().await, 0);
        let books = self.shop.books().await;
        assert_eq!(books.orders.len(), 0);
        assert_eq!(books.stock[&self.product].available, 10);
        for function in [
            "list-products",
            "add-to-cart",
            "checkout-enqueue",
            "order-status",
        ] {
            let report = self.shop.function(function).await;
            assert_eq!(report.errors, 0, "{report:?}");
            assert_eq!(report.crashes, 0, "{report:?}");
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_body_that_cannot_be_read_is_refused_on_every_route() {
    let shop = Shop::open().await;
    let fixture = Fixture::new(&shop).await;
    for (method, path, fine) in fixture.routes_with_a_body() {
        for malformed in ["{", " ", "quantity=1", "{,}", "NaN"] {
            fixture
                .send(&method, &path, malformed)
                .await
                .expect_problem(400);
        }
        fixture
            .send(&method, &path, b"{\"\xff\xfe\": 1}".to_vec())
            .await
            .expect_problem(400);
        fixture
            .send(&method, &path, [0x1f, 0x8b, 0x08, 0x00].to_vec())
            .await
            .expect_problem(400);

        let padding = " ".repeat(64 * 1024);
        fixture
            .send(&method, &path, format!("{fine}{padding}"))
            .await
            .expect_problem(413);
        fixture
            .send(&method, &path, vec![b'['; 6 * 1024 * 1024])
            .await
            .expect(413);

        for content_type in [
            "text/plain",
            "application/x-www-form-urlencoded",
            "multipart/form-data",
        ] {
            let request = fixture.ada.request(method.clone(), &path);
            let request = request
                .header(CONTENT_TYPE, content_type)
                .body(fine.to_string());
            fixture.ada.send(request).await.expect_problem(415);
        }
        for not_an_object in ["[]", "[1]", "null", "7", "\"text\"", "true"] {
            let refused = fixture
                .send(&method, &path, not_an_object)
                .await
                .expect_problem(422);
            assert_eq!(
                refused.body["errors"][0]["message"], "must be an object",
                "{refused}"
            );
        }
    }
    fixture.assert_unchanged().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_value_that_cannot_be_used_is_named_on_every_route() {
    let shop = Shop::open().await;
    let fixture = Fixture::new(&shop).await;
    let quantities = [
        "0",
        "-1",
        "10001",
        "2147483648",
        "9223372036854775808",
        "1e3",
        "1.5",
        "\"1\"",
        "null",
        "true",
        "[]",
        "{}",
        "1e999",
    ];
    for (method, path, fine) in fixture.routes_with_a_body() {
        let place = if fine.get("lines").is_some() {
            "lines[0]."
        } else {
            ""
        };
        for quantity in quantities {
            let body = fine
                .to_string()
                .replace("\"quantity\":1", &format!("\"quantity\":{quantity}"));
            refused(
                &fixture.send(&method, &path, body).await,
                &format!("{place}quantity"),
            );
        }
        let body = fine
            .to_string()
            .replace("\"quantity\":1", "\"quantity\":1,\"unit_price\":\"0.01\"");
        refused(
            &fixture.send(&method, &path, body).await,
            &format!("{place}unit_price"),
        );
        let body = fine
            .to_string()
            .replace("\"quantity\":1", "\"quantity\":1,\"quantity\":2");
        refused(
            &fixture.send(&method, &path, body).await,
            &format!("{place}quantity"),
        );
        let body = fine.to_string().replace("\"quantity\"", "\"Quantity\"");
        fixture.send(&method, &path, body).await.expect_problem(422);
        let mut unknown = fine.clone();
        unknown["user_id"] = json!("eve");
        refused(
            &fixture.send(&method, &path, unknown.to_string()).await,
            "user_id",
        );

        if fine.to_string().contains("product_id") {
            for id in [
                "\"lamp\"",
                "\"\"",
                "5",
                "null",
                "[]",
                &format!("\"{NEVER}\""),
            ] {
                let product = format!("\"{}\"", fixture.product);
                let body = fine.to_string().replace(&product, id);
                refused(
                    &fixture.send(&method, &path, body).await,
                    &format!("{place}product_id"),
                );
            }
        }
    }
    fixture.assert_unchanged().await;
}

/// Asserts a 422 that names this field and no other.
#[track_caller]
fn refused(answer: &Answer, field: &str) {
    let answer = answer.clone().expect_problem(422);
    assert_eq!(answer.body["errors"][0]["field"], field, "{answer}");
    assert_eq!(
        answer.body["errors"].as_array().map(Vec::len),
        Some(1),
        "{answer}"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn carts_and_checkouts_beyond_their_limits_are_refused() {
    let shop = Shop::open().await;
    let fixture = Fixture::new(&shop).await;
    let Fixture { ada, cart, .. } = &fixture;
    let mut many = Vec::new();
    for number in 0..51 {
        many.push((
            shop.stocked(&format!("Product {number:02}"), "1.00", 10)
                .await,
            1,
        ));
    }
    for path in ["/carts", "/checkouts"] {
        refused(&ada.post(path, &lines(&many)).await, "lines");
        let (twice, _) = many[0];
        let too_many = lines(&[(twice, 6_000), (twice, 4_001)]);
        refused(&ada.post(path, &too_many).await, "lines[1].quantity");
        let two_unknown = json!({ "lines": [
            { "product_id": twice, "quantity": 1 },
            { "product_id": NEVER, "quantity": 1 },
            { "product_id": "01934f2b-1d5e-7c40-8a4e-3f2b9d6c7e11", "quantity": 1 },
        ] });
        let answer = ada.post(path, &two_unknown).await.expect_problem(422);
        assert_eq!(
            answer.body["errors"][0]["field"], "lines[1].product_id",
            "{answer}"
        );
        assert_eq!(
            answer.body["errors"][1]["field"], "lines[2].product_id",
            "{answer}"
        );
    }
    refused(
        &ada.post("/checkouts", &json!({ "lines": [] })).await,
        "lines",
    );
    refused(&ada.post("/checkouts", &json!({})).await, "lines");

    let full = ada.cart(&many[..50]).await;
    let one_more = e2e::line(many[50].0, 1);
    refused(
        &ada.post(&format!("/carts/{full}/items"), &one_more).await,
        "product_id",
    );
    let item = format!("/carts/{full}/items/{}", many[50].0);
    refused(
        &ada.put(&item, &json!({ "quantity": 1 })).await,
        "product_id",
    );
    let more_of_the_same = e2e::line(many[0].0, 9_999);
    ada.post(&format!("/carts/{full}/items"), &more_of_the_same)
        .await
        .expect(200);
    let too_much = e2e::line(many[0].0, 1);
    refused(
        &ada.post(&format!("/carts/{full}/items"), &too_much).await,
        "quantity",
    );

    let empty = ada.cart(&[]).await;
    let answer = ada
        .post_nothing(&format!("/carts/{empty}/checkout"))
        .await
        .expect_problem(422);
    let kind = "urn:problem-type:hedonify:cart-empty";
    assert_eq!(answer.body["type"], kind, "{answer}");
    let open = ada.get(&format!("/carts/{empty}")).await.expect(200);
    assert_eq!(open.body["status"], "OPEN");
    assert_ne!(&full, cart);
    fixture.assert_unchanged().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_not_there_is_not_found() {
    let shop = Shop::open().await;
    let fixture = Fixture::new(&shop).await;
    let Fixture {
        ada, product, cart, ..
    } = &fixture;
    let quantity = json!({ "quantity": 1 });
    let line = json!({ "product_id": product, "quantity": 1 });
    let long = "x".repeat(2_000);
    let ids = [
        "x",
        "1",
        "%00",
        "%ff",
        "..%2F..",
        "%20",
        "'%20OR%201=1",
        NEVER,
        "8f14e45f-ceea-4672-8d4f-0f2b6f3d6a11",
        &long,
    ];
    for id in ids {
        ada.get(&format!("/products/{id}"))
            .await
            .expect_problem(404);
        ada.get(&format!("/orders/{id}")).await.expect_problem(404);
        ada.get(&format!("/carts/{id}")).await.expect_problem(404);
        ada.post_nothing(&format!("/carts/{id}/checkout"))
            .await
            .expect_problem(404);
        ada.post(&format!("/carts/{id}/items"), &line)
            .await
            .expect_problem(404);
        ada.put(&format!("/carts/{id}/items/{product}"), &quantity)
            .await
            .expect_problem(404);
        ada.put(&format!("/carts/{cart}/items/{id}"), &quantity)
            .await
            .expect_problem(404);
        ada.delete(&format!("/carts/{id}/items/{product}"))
            .await
            .expect_problem(404);
    }
    let no_routes = [
        (Method::GET, "/"),
        (Method::GET, "/carts"),
        (Method::PATCH, "/carts"),
        (Method::GET, "/checkouts"),
        (Method::DELETE, "/orders"),
        (Method::GET, "/products/"),
        (Method::GET, "/PRODUCTS"),
        (Method::GET, "/orders/1/2/3"),
        (Method::GET, "/.env"),
        (Method::PUT, "/carts/1"),
        (Method::TRACE, "/products"),
    ];
    for (method, path) in no_routes {
        ada.send(ada.request(method, path)).await.expect(404);
    }
    fixture.assert_unchanged().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn queries_and_headers_that_cannot_be_used_are_named() {
    let shop = Shop::open().await;
    let fixture = Fixture::new(&shop).await;
    let Fixture { ada, .. } = &fixture;
    shop.stocked("Another lamp", "1.00", 1).await;
    let page = ada.get("/products?limit=1").await.expect(200);
    let products_cursor = page.text_of("next_cursor").to_owned();
    let queries = [
        ("limit=0", "limit"),
        ("limit=101", "limit"),
        ("limit=-1", "limit"),
        ("limit=ten", "limit"),
        ("limit=1.5", "limit"),
        ("limit=", "limit"),
        ("limit", "limit"),
        ("limit=%ff", "limit"),
        ("limit=99999999999999999999", "limit"),
        ("cursor=", "cursor"),
        ("cursor=x", "cursor"),
        ("cursor=%00", "cursor"),
        ("cursor=e30", "cursor"),
        ("cursor=bnVsbA", "cursor"),
        ("limit=5&cursor=%F0%9F%98%80", "cursor"),
    ];
    for list in ["/products", "/orders"] {
        for (query, field) in queries {
            let answer = ada
                .get(&format!("{list}?{query}"))
                .await
                .expect_problem(400);
            assert_eq!(
                answer.body["errors"][0]["field"], field,
                "{query}: {answer}"
            );
        }
    }
    let another_list_s = format!("/orders?cursor={products_cursor}");
    ada.get(&another_list_s).await.expect_problem(400);

    let line = json!({ "product_id": fixture.product, "quantity": 1 });
    for key in [&b""[..], b"\xc3\xbc", &[b'k'; 256], b"a\tb"] {
        let request = ada
            .request(Method::POST, "/checkouts")
            .header("Idempotency-Key", key);
        ada.send(request.json(&json!({ "lines": [line] })))
            .await
            .expect_problem(422);
    }
    for host in ["a b", "shop:99999", "shop:", "[::", "a/b"] {
        let request = ada.request(Method::GET, "/orders").header(HOST, host);
        let status = ada.send(request).await.status;
        assert!(status < 500, "Host: {host} is answered {status}");
    }
    fixture.assert_unchanged().await;
}
