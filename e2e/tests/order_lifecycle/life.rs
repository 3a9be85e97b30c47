//! Payment, shipment and cancellation, and the steps that an order's status forbids.

use std::collections::BTreeMap;

use e2e::{Shop, Shopper, Template};
use serde_json::{Value, json};

use crate::{DECLINED_CARD, EMPTY_CARD, GOOD_CARD, SILENT_CARD, card, parcel};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_order_is_paid_shipped_and_completed() {
    let shop = Shop::open().await;
    let lamp = shop.stocked("Lamp", "129.90", 10).await;
    let ada = shop.shopper("ada").await;
    let merchant = shop.merchant("merchant").await;

    let order = ada.order(&[(lamp, 2)]).await;
    assert_eq!(order["status"], "WAITING_PAYMENT");
    assert!(order["pay_by"].is_string(), "{order}");
    let empty = merchant.get("/fulfilment").await.expect(200).body;
    assert_eq!(empty["orders"], json!([]), "nothing is paid yet");

    let paid = ada.step(&order, "payment", &card(GOOD_CARD)).await;
    let paid = paid.expect(200).body;
    assert_eq!(paid["status"], "PAID");
    assert_eq!(paid.get("pay_by"), None);
    let listed = merchant.get("/fulfilment").await.expect(200).body;
    assert_eq!(listed["orders"], json!([paid]));

    let shipped = merchant.step(&order, "shipment", &parcel("PP-1")).await;
    let shipped = shipped.expect(200).body;
    assert_eq!(shipped["status"], "SHIPPING");
    assert_eq!(shipped["shipment"]["tracking_number"], "PP-1");
    assert_eq!(shipped["payment"], paid["payment"]);
    let empty = merchant.get("/fulfilment").await.expect(200).body;
    assert_eq!(empty["orders"], json!([]), "nothing is left to ship");

    let arrived = merchant.step(&order, "completion", &json!({})).await;
    let arrived = arrived.expect(200).body;
    assert_eq!(arrived["status"], "COMPLETED");
    let path = format!("/orders/{}", order["order_id"].as_str().unwrap_or_default());
    assert_eq!(ada.get(&path).await.expect(200).body, arrived);
    let books = shop.books().await;
    books.assert_balanced();
    assert_eq!(books.stock[&lamp.to_string()].available, 8);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn paying_twice_is_one_payment_and_a_declined_card_leaves_the_order_payable() {
    let shop = Shop::open().await;
    let lamp = shop.stocked("Lamp", "129.90", 10).await;
    let ada = shop.shopper("ada").await;
    let order = ada.order(&[(lamp, 1)]).await;
    let pay = |number: &'static str| {
        let (ada, order) = (&ada, &order);
        async move { ada.step(order, "payment", &card(number)).await }
    };
    for (number, reason) in [
        (DECLINED_CARD, "CARD_DECLINED"),
        (EMPTY_CARD, "INSUFFICIENT_FUNDS"),
    ] {
        let declined = pay(number).await.expect_problem(402);
        assert_eq!(declined.body["reason"], reason, "{declined}");
    }
    let silent = pay(SILENT_CARD).await.expect_problem(504);
    assert_eq!(silent.header("retry-after"), Some("1"));
    let refused = pay("5555 5555 5555 4444").await.expect_problem(422);
    assert_eq!(refused.body["errors"][0]["field"], "card_number");

    let at_once = tokio::join!(pay(GOOD_CARD), pay(GOOD_CARD), pay(GOOD_CARD));
    let first = at_once.0.expect(200).body;
    assert_eq!(first["status"], "PAID");
    assert_eq!(at_once.1.expect(200).body, first);
    assert_eq!(at_once.2.expect(200).body, first);
    assert_eq!(
        pay(DECLINED_CARD).await.expect(200).body,
        first,
        "it is paid"
    );
    for line in shop.printed().await {
        // Eight digits: four alone occur in ids by chance.
        assert!(
            !line.replace(' ', "").contains("42424242"),
            "a card number is in the log: {line}"
        );
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_cancelled_order_gives_back_its_units_and_what_was_paid() {
    let shop = Shop::open().await;
    let lamp = shop.stocked("Lamp", "129.90", 10).await;
    let ada = shop.shopper("ada").await;
    let unpaid = ada.order(&[(lamp, 3)]).await;
    let paid = ada.order(&[(lamp, 4)]).await;
    ada.step(&paid, "payment", &card(GOOD_CARD))
        .await
        .expect(200);
    assert_eq!(shop.books().await.stock[&lamp.to_string()].available, 3);

    let cancelled = ada.step(&unpaid, "cancellation", &json!({})).await;
    let cancelled = cancelled.expect(200).body;
    assert_eq!(cancelled["status"], "CANCELLED");
    assert_eq!(cancelled.get("payment"), None);
    let refunded = ada.step(&paid, "cancellation", &json!({})).await;
    let refunded = refunded.expect(200).body;
    assert!(refunded["payment"]["refunded_at"].is_string(), "{refunded}");
    let again = ada.step(&paid, "cancellation", &json!({})).await;
    assert_eq!(again.expect(200).body, refunded, "once is enough");

    let books = shop.books().await;
    books.assert_balanced();
    assert_eq!(books.stock[&lamp.to_string()].available, 10);
}

/// The HTTP status of each step's answer in each status of an order.
const STEPS: [(&str, [(&str, u16); 4]); 7] = [
    (
        "WAITING_PAYMENT",
        [
            ("payment", 200),
            ("cancellation", 200),
            ("shipment", 404),
            ("completion", 404),
        ],
    ),
    (
        "REJECTED",
        [
            ("payment", 409),
            ("cancellation", 409),
            ("shipment", 404),
            ("completion", 404),
        ],
    ),
    (
        "PAID",
        [
            ("payment", 200),
            ("cancellation", 200),
            ("shipment", 200),
            ("completion", 409),
        ],
    ),
    (
        "SHIPPING",
        [
            ("payment", 200),
            ("cancellation", 409),
            ("shipment", 200),
            ("completion", 200),
        ],
    ),
    (
        "COMPLETED",
        [
            ("payment", 200),
            ("cancellation", 409),
            ("shipment", 200),
            ("completion", 200),
        ],
    ),
    (
        "CANCELLED",
        [
            ("payment", 409),
            ("cancellation", 200),
            ("shipment", 409),
            ("completion", 409),
        ],
    ),
    (
        "EXPIRED",
        [
            ("payment", 409),
            ("cancellation", 409),
            ("shipment", 404),
            ("completion", 404),
        ],
    ),
];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_step_that_an_order_s_status_forbids_changes_nothing() {
    let shop = Shop::open_with(&Template::default().parameter("PaymentWindowSeconds", 1)).await;
    let fixture = Fixture::new(&shop).await;
    for (status, steps) in STEPS {
        for (step, answer) in steps {
            let order = fixture.order(status).await;
            let answered = fixture.step(&order, step).await;
            assert_eq!(answered.status, answer, "{status}, {step}: {answered}");
            if answer >= 400 {
                answered.expect_problem(answer);
                assert_eq!(fixture.read(&order).await, order, "{status}, {step}");
            }
        }
        let shipped = fixture.order(status).await;
        let other = fixture
            .merchant
            .step(&shipped, "shipment", &parcel("another"))
            .await;
        if ["SHIPPING", "COMPLETED"].contains(&status) {
            other.expect_problem(409);
            assert_eq!(
                fixture.read(&shipped).await,
                shipped,
                "a parcel has one number"
            );
        }
    }
    shop.books().await.assert_balanced();
}

/// A shop's users and a product with many units.
struct Fixture<'a> {
    ada: Shopper<'a>,
    merchant: Shopper<'a>,
    plenty: domain::ProductId,
    expired: Value,
}

impl<'a> Fixture<'a> {
    async fn new(shop: &'a Shop) -> Fixture<'a> {
        let plenty = shop.stocked("Tea", "4.20", 10_000).await;
        let ada = shop.shopper("ada").await;
        let order = ada.order(&[(plenty, 1)]).await;
        Fixture {
            merchant: shop.merchant("merchant").await,
            expired: ada.wait_for_status(&order, "EXPIRED").await,
            ada,
            plenty,
        }
    }

    /// Makes an order with this status.
    async fn order(&self, status: &str) -> Value {
        let steps: BTreeMap<&str, &[&str]> = BTreeMap::from([
            ("WAITING_PAYMENT", &[][..]),
            ("PAID", &["payment"]),
            ("SHIPPING", &["payment", "shipment"]),
            ("COMPLETED", &["payment", "shipment", "completion"]),
            ("CANCELLED", &["payment", "cancellation"]),
        ]);
        let order = match status {
            "EXPIRED" => return self.expired.clone(),
            "REJECTED" => {
                let too_many = e2e::lines(&[(self.plenty, 10_000)]);
                let rejected = self
                    .ada
                    .post("/orders", &too_many)
                    .await
                    .expect_problem(409);
                let path = rejected.text_of("instance");
                return self.ada.get(path).await.expect(200).body;
            }
            _ => self.ada.order(&[(self.plenty, 1)]).await,
        };
        for step in steps[status] {
            self.step(&order, step).await.expect(200);
        }
        let order = self.read(&order).await;
        assert_eq!(order["status"], status);
        order
    }

    async fn step(&self, order: &Value, step: &str) -> e2e::Answer {
        let (user, body) = match step {
            "payment" => (&self.ada, card(GOOD_CARD)),
            "cancellation" => (&self.ada, json!({})),
            "shipment" => (&self.merchant, parcel("PP-1")),
            _ => (&self.merchant, json!({})),
        };
        user.step(order, step, &body).await
    }

    async fn read(&self, order: &Value) -> Value {
        let path = format!("/orders/{}", order["order_id"].as_str().unwrap_or_default());
        self.ada.get(&path).await.expect(200).body
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_step_of_a_pending_order_is_refused_with_retry_after() {
    let slow = Template::default().parameter("CheckoutBatchWindowSeconds", 3);
    let shop = Shop::open_with(&slow).await;
    let lamp = shop.stocked("Lamp", "129.90", 10).await;
    let ada = shop.shopper("ada").await;
    let pending = json!({ "order_id": ada.buy(&[(lamp, 1)]).await });
    for (step, body) in [("payment", card(GOOD_CARD)), ("cancellation", json!({}))] {
        let early = ada.step(&pending, step, &body).await.expect_problem(409);
        assert_eq!(early.header("retry-after"), Some("1"), "{early}");
    }
    ada.wait_for_status(&pending, "WAITING_PAYMENT").await;
    ada.step(&pending, "payment", &card(GOOD_CARD))
        .await
        .expect(200);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_user_cannot_pay_or_cancel_another_users_order() {
    let shop = Shop::open().await;
    let lamp = shop.stocked("Lamp", "129.90", 10).await;
    let ada = shop.shopper("ada").await;
    let eve = shop.shopper("eve").await;
    let order = ada.order(&[(lamp, 1)]).await;
    let never = json!({ "order_id": "01934f2b-1d5e-7c40-8a4e-3f2b9d6c7e10" });
    for (step, body) in [("payment", card(GOOD_CARD)), ("cancellation", json!({}))] {
        let theirs = eve.step(&order, step, &body).await.expect_problem(404);
        let nobodys = eve.step(&never, step, &body).await.expect_problem(404);
        assert_eq!(theirs.body, nobodys.body);
        shop.anonymous().step(&order, step, &body).await.expect(401);
    }
    for (step, body) in [("shipment", parcel("PP-1")), ("completion", json!({}))] {
        eve.step(&order, step, &body).await.expect_problem(403);
        ada.step(&order, step, &body).await.expect_problem(403);
        shop.anonymous().step(&order, step, &body).await.expect(401);
    }
    eve.get("/fulfilment").await.expect_problem(403);
    ada.wait_for_status(&order, "WAITING_PAYMENT").await;
}
