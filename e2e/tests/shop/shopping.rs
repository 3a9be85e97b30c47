//! Browsing, carts, checkouts and lists of orders.

use e2e::{Shop, WAIT_TIMEOUT, eventually, line, lines};
use serde_json::json;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_product_is_found_put_in_a_cart_and_ordered() {
    let shop = Shop::open().await;
    let lamp = shop.stocked("Brass Desk Lamp", "129.90", 10).await;
    let clock = shop.stocked("Alarm Clock", "24.50", 5).await;
    let ada = shop.shopper("ada").await;

    let listed = shop.anonymous().get("/products").await.expect(200).body;
    assert_eq!(listed["products"][0]["name"], "Alarm Clock", "by name");
    assert_eq!(listed["products"][1]["product_id"], lamp.to_string());
    assert_eq!(listed["products"][1]["price"], "129.90");
    assert_eq!(listed["products"][1]["available"], 10);
    assert_eq!(listed["next_cursor"], json!(null));

    let opened = ada.post("/carts", &lines(&[(lamp, 1)])).await.expect(201);
    let cart = opened
        .header("location")
        .expect("a new cart has a place")
        .to_owned();
    let items = format!("{cart}/items");
    ada.post(&items, &line(lamp, 1)).await.expect(200);
    ada.post(&items, &line(clock, 3)).await.expect(200);
    let set = ada
        .put(&format!("{items}/{clock}"), &json!({ "quantity": 2 }))
        .await
        .expect(200);
    assert_eq!(
        set.body,
        json!({
            "cart_id": opened.body["cart_id"],
            "status": "OPEN",
            "lines": [
                { "product_id": lamp, "name": "Brass Desk Lamp", "quantity": 2,
                  "unit_price": "129.90", "line_total": "259.80" },
                { "product_id": clock, "name": "Alarm Clock", "quantity": 2,
                  "unit_price": "24.50", "line_total": "49.00" },
            ],
            "total": "308.80",
        })
    );
    assert_eq!(ada.get(&cart).await.expect(200).body, set.body);

    let accepted = ada
        .post_nothing(&format!("{cart}/checkout"))
        .await
        .expect(202);
    assert_eq!(accepted.body["status"], "PENDING");
    assert_eq!(accepted.header("retry-after"), Some("1"));
    let order_id = accepted.text_of("order_id").to_owned();
    assert_eq!(
        accepted.header("location"),
        Some(format!("/orders/{order_id}").as_str())
    );

    let order = ada.wait_for_decision(&order_id).await;
    assert_eq!(order["status"], "WAITING_PAYMENT");
    assert_eq!(order["lines"], set.body["lines"]);
    assert_eq!(order["total"], "308.80");
    let left = ada.get(&format!("/products/{lamp}")).await.expect(200).body;
    assert_eq!(left["available"], 8);
    shop.books().await.assert_balanced();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_order_is_pending_until_it_is_decided() {
    // The long batch window leaves time to read the order before the decision.
    let slow = e2e::Template::default().parameter("CheckoutBatchWindowSeconds", 3);
    let shop = Shop::open_with(&slow).await;
    let lamp = shop.stocked("Lamp", "129.90", 1).await;
    let ada = shop.shopper("ada").await;
    let order_id = ada.buy(&[(lamp, 1)]).await;

    let pending = ada
        .get(&format!("/orders/{order_id}"))
        .await
        .expect(200)
        .body;
    assert_eq!(pending["status"], "PENDING");
    assert_eq!(pending["total"], "129.90");
    assert_eq!(pending.get("decided_at"), None);
    let order = ada.wait_for_decision(&order_id).await;
    assert_eq!(order["status"], "WAITING_PAYMENT");
    assert_eq!(order["submitted_at"], pending["submitted_at"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn lists_are_read_page_by_page_each_entry_once() {
    let shop = Shop::open().await;
    for number in 0..7 {
        // Each name occurs twice, and a page may end between the two.
        shop.stocked(&format!("Product {}", number / 2), "1.00", 100)
            .await;
    }
    let ada = shop.shopper("ada").await;
    let seen = pages(&ada, "/products", "products", "product_id").await;
    assert_eq!(seen.len(), 7);

    let product = seen[0].parse().expect("is an id");
    let mut orders = Vec::new();
    for _ in 0..5 {
        orders.push(ada.buy(&[(product, 1)]).await);
    }
    for order in &orders {
        ada.wait_for_decision(order).await;
    }
    orders.reverse();
    assert_eq!(
        pages(&ada, "/orders", "orders", "order_id").await,
        orders,
        "newest first"
    );
}

/// The ids in a list, read in pages of two.
async fn pages(shopper: &e2e::Shopper<'_>, path: &str, list: &str, id: &str) -> Vec<String> {
    let mut seen = Vec::new();
    let mut next = format!("{path}?limit=2");
    loop {
        let page = shopper.get(&next).await.expect(200).body;
        let entries = page[list].as_array().expect("is a list");
        assert!(entries.len() <= 2, "{page}");
        seen.extend(
            entries
                .iter()
                .map(|entry| entry[id].as_str().expect("is an id").to_owned()),
        );
        match page["next_cursor"].as_str() {
            Some(cursor) => next = format!("{path}?limit=2&cursor={cursor}"),
            None => return seen,
        }
        assert!(seen.len() < 100, "the list never ends");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_product_that_left_the_shop_stays_in_carts_until_it_is_taken_out() {
    let shop = Shop::open().await;
    let lamp = shop.stocked("Lamp", "129.90", 10).await;
    let clock = shop.stocked("Clock", "24.50", 10).await;
    let ada = shop.shopper("ada").await;
    let cart = format!("/carts/{}", ada.cart(&[(lamp, 1), (clock, 2)]).await);
    shop.withdraw(lamp).await;

    let shown = eventually(
        "the cart without the lamp's price",
        WAIT_TIMEOUT,
        || async {
            let shown = ada.get(&cart).await.expect(200).body;
            (shown["total"] == "49.00").then_some(shown)
        },
    )
    .await;
    assert_eq!(shown["lines"][0]["product_id"], lamp.to_string());
    assert_eq!(shown["lines"][0]["name"], json!(null));
    assert_eq!(shown["lines"][0]["line_total"], json!(null));

    let refused = ada
        .post_nothing(&format!("{cart}/checkout"))
        .await
        .expect_problem(422);
    assert_eq!(refused.body["errors"][0]["field"], "lines[0].product_id");

    ada.delete(&format!("{cart}/items/{lamp}"))
        .await
        .expect(200);
    let accepted = ada
        .post_nothing(&format!("{cart}/checkout"))
        .await
        .expect(202);
    let order = ada.wait_for_decision(accepted.text_of("order_id")).await;
    assert_eq!(order["total"], "49.00");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_submitted_cart_never_changes() {
    let shop = Shop::open().await;
    let lamp = shop.stocked("Lamp", "129.90", 10).await;
    let ada = shop.shopper("ada").await;
    let cart = format!("/carts/{}", ada.cart(&[(lamp, 2)]).await);
    ada.post_nothing(&format!("{cart}/checkout"))
        .await
        .expect(202);

    let item = format!("{cart}/items/{lamp}");
    ada.post(&format!("{cart}/items"), &line(lamp, 1))
        .await
        .expect_problem(409);
    ada.put(&item, &json!({ "quantity": 1 }))
        .await
        .expect_problem(409);
    ada.delete(&item).await.expect_problem(409);
    shop.withdraw(lamp).await;

    let submitted = ada.get(&cart).await.expect(200).body;
    assert_eq!(submitted["status"], "SUBMITTED");
    assert_eq!(submitted["total"], "259.80");
    assert_eq!(submitted["lines"][0]["name"], "Lamp");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn concurrent_additions_all_take_effect() {
    let shop = Shop::open().await;
    let lamp = shop.stocked("Lamp", "129.90", 10).await;
    let ada = shop.shopper("ada").await;
    let cart = format!("/carts/{}", ada.cart(&[]).await);
    let items = format!("{cart}/items");
    let one = line(lamp, 1);
    let add = || ada.post(&items, &one);
    let answers = tokio::join!(add(), add(), add(), add(), add());
    for answer in [answers.0, answers.1, answers.2, answers.3, answers.4] {
        answer.expect(200);
    }
    assert_eq!(
        ada.get(&cart).await.expect(200).body["lines"][0]["quantity"],
        5
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn taking_out_what_is_not_in_the_cart_is_fine() {
    let shop = Shop::open().await;
    let lamp = shop.stocked("Lamp", "129.90", 10).await;
    let ada = shop.shopper("ada").await;
    let cart = ada.cart(&[]).await;
    for _ in 0..2 {
        let empty = ada
            .delete(&format!("/carts/{cart}/items/{lamp}"))
            .await
            .expect(200);
        assert_eq!(empty.body["total"], "0.00");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_late_buyer_is_answered_at_once() {
    let shop = Shop::open().await;
    let tea = shop.stocked("Tea", "4.20", 10).await;
    let lamp = shop.stocked("Lamp", "129.90", 0).await;
    let ada = shop.shopper("ada").await;
    let cart = ada.cart(&[(tea, 1), (lamp, 2)]).await;
    let goods = [(tea, 1), (lamp, 2)];
    let short = json!([{ "product_id": lamp, "requested": 2, "available": 0 }]);

    let at_once = ada.try_buy(&goods).await.expect_err("the lamp is sold out");
    assert_eq!(at_once.body["short"], short, "{at_once}");
    let checkout = format!("/carts/{cart}/checkout");
    let of_the_cart = ada.post_nothing(&checkout).await.expect_problem(409);
    assert_eq!(of_the_cart.body["short"], short, "{of_the_cart}");
    let open = ada.get(&format!("/carts/{cart}")).await.expect(200);
    assert_eq!(
        open.body["status"], "OPEN",
        "the other product can still be bought"
    );
    assert_eq!(shop.queued().await, 0);

    ada.delete(&format!("/carts/{cart}/items/{lamp}"))
        .await
        .expect(200);
    ada.post_nothing(&checkout).await.expect(202);
    assert_eq!(
        ada.wait_for_decision(&cart).await["status"],
        "WAITING_PAYMENT"
    );
}
