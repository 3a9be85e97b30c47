//! Orders that are not paid in time.

use e2e::{Shop, Template, WAIT_TIMEOUT, eventually, lines};
use futures_util::future::join_all;
use jiff::{SignedDuration, Timestamp};
use serde_json::json;

use crate::{GOOD_CARD, card};

fn short_payment_window() -> Template {
    Template::default().parameter("PaymentWindowSeconds", 1)
}

/// A template in which messages about expiries are never delivered.
fn without_expiry_messages() -> Template {
    short_payment_window().replace(
        "BatchSize: 100",
        "BatchSize: 100\n            Enabled: false",
    )
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_order_not_paid_in_time_gives_back_its_units() {
    let shop = Shop::open_with(&short_payment_window()).await;
    let lamp = shop.stocked("Lamp", "129.90", 10).await;
    let ada = shop.shopper("ada").await;
    let direct = ada.order(&[(lamp, 3)]).await;
    let queued = json!({ "order_id": ada.buy(&[(lamp, 4)]).await });
    for order in [&direct, &queued] {
        let expired = ada.wait_for_status(order, "EXPIRED").await;
        assert!(expired["expired_at"].is_string(), "{expired}");
        let late = ada.step(order, "payment", &card(GOOD_CARD)).await;
        late.expect_problem(409);
    }
    let books = shop.books().await;
    books.assert_balanced();
    assert_eq!(books.stock[&lamp.to_string()].available, 10);
    ada.post("/orders", &lines(&[(lamp, 10)])).await.expect(201);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn orders_that_expire_together_share_their_transactions() {
    const ORDERS: usize = 90;
    let shop = Shop::open_with(&short_payment_window()).await;
    let lamp = shop.stocked("Lamp", "129.90", ORDERS as u64).await;
    let ada = shop.shopper("ada").await;
    let one = [(lamp, 1)];
    join_all((0..ORDERS).map(|_| ada.buy(&one))).await;
    eventually("all units to be available again", WAIT_TIMEOUT, || async {
        let books = shop.books().await;
        let there = books.stock[&lamp.to_string()].available;
        let expired = books.count(domain::OrderStatus::Expired);
        (expired == ORDERS && there == ORDERS as i64).then_some(())
    })
    .await;
    let transactions = eventually("the log of every expiry", WAIT_TIMEOUT, || async {
        let logs = shop.logs("expire-orders").await;
        let batches = logs
            .iter()
            .filter(|line| line["message"] == "orders expired");
        let sum = |name: &str| -> u64 {
            let numbers = batches.clone().filter_map(|line| line[name].as_u64());
            numbers.sum()
        };
        (sum("expired") == ORDERS as u64).then(|| sum("transactions"))
    })
    .await;
    assert!(transactions <= 6, "{transactions} transactions");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_order_whose_message_is_lost_expires_by_the_sweep() {
    let shop = Shop::open_with(&without_expiry_messages()).await;
    let lamp = shop.stocked("Lamp", "129.90", 10).await;
    let ada = shop.shopper("ada").await;
    let paid = ada.order(&[(lamp, 1)]).await;
    ada.step(&paid, "payment", &card(GOOD_CARD))
        .await
        .expect(200);
    let unpaid = ada.order(&[(lamp, 5)]).await;
    let clock = json!({ "source": "aws.events", "detail-type": "Scheduled Event", "detail": {} });
    eventually("the sweep to find the order", WAIT_TIMEOUT, || async {
        shop.invoke("expire-orders", &clock).await;
        (shop.books().await.stock[&lamp.to_string()].available == 9).then_some(())
    })
    .await;
    let expired = ada.wait_for_status(&unpaid, "EXPIRED").await;
    let time = |name: &str| -> Timestamp {
        let time = expired[name].as_str().or(unpaid[name].as_str());
        time.expect("it is there").parse().expect("is a time")
    };
    let late = time("expired_at").duration_since(time("pay_by"));
    assert!(late.as_secs() >= 10, "its message had time to come: {late}");
    ada.wait_for_status(&paid, "PAID").await;
    shop.books().await.assert_balanced();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_early_repeated_or_malformed_message_changes_nothing() {
    let shop = Shop::open().await;
    let lamp = shop.stocked("Lamp", "129.90", 10).await;
    let ada = shop.shopper("ada").await;
    let order = ada.order(&[(lamp, 2)]).await;
    let notice = json!({ "orders": [{ "user_id": "ada", "order_id": order["order_id"] }] });
    let unknown = json!({ "orders": [
        { "user_id": "eve", "order_id": "01934f2b-1d5e-7c40-8a4e-3f2b9d6c7e10" }
    ] });
    let record = |id: &str, body: String| json!({ "messageId": id, "body": body });
    let event = json!({ "Records": [
        record("early", notice.to_string()),
        record("early again", notice.to_string()),
        record("of no order", unknown.to_string()),
        record("poison", "{".to_owned()),
    ] });
    let answer = shop.invoke("expire-orders", &event).await;
    let failures = answer["batchItemFailures"].as_array().cloned();
    let mut failed: Vec<_> = failures
        .unwrap_or_default()
        .iter()
        .map(|failure| {
            failure["itemIdentifier"]
                .as_str()
                .unwrap_or_default()
                .to_owned()
        })
        .collect();
    failed.sort_unstable();
    assert_eq!(failed, ["early", "early again", "poison"], "{answer}");
    ada.wait_for_status(&order, "WAITING_PAYMENT").await;
}

/// Payments and cancellations at the moment of expiry: exactly one takes effect, and the books balance. Which one depends
/// on timing, so the race is repeated until each has won at least once.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_payment_that_races_the_expiry_wins_or_loses_but_never_both() {
    let shop = Shop::open_with(&short_payment_window()).await;
    let (mut in_time, mut late) = (0, 0);
    eventually("both to have won", WAIT_TIMEOUT, async || {
        let won = race(&shop).await;
        in_time += won;
        late += RACERS - won;
        (in_time > 0 && late > 0).then_some(())
    })
    .await;
    println!("{in_time} were faster than the expiry, {late} slower");
}

const RACERS: usize = 40;

/// Returns how many payments and cancellations were faster than the expiry.
async fn race(shop: &Shop) -> usize {
    let lamp = shop.stocked("Lamp", "129.90", RACERS as u64).await;
    let ada = shop.shopper("ada").await;
    let one = [(lamp, 1)];
    let orders = join_all((0..RACERS).map(|_| ada.order(&one))).await;
    let races = orders.iter().enumerate().map(|(number, order)| {
        let ada = &ada;
        async move {
            // This sleep does not wait for a result: it spreads the requests around the time of expiry.
            let pay_by: Timestamp = order["pay_by"]
                .as_str()
                .expect("it is unpaid")
                .parse()
                .expect("is a time");
            let send_at = pay_by - SignedDuration::from_millis(300 - 90 * number as i64);
            let wait = send_at.duration_since(Timestamp::now());
            tokio::time::sleep(wait.try_into().unwrap_or_default()).await;
            match number % 2 {
                0 => ada.step(order, "payment", &card(GOOD_CARD)).await,
                _ => ada.step(order, "cancellation", &json!({})).await,
            }
        }
    });
    let answers = join_all(races).await;
    for (order, answer) in orders.iter().zip(&answers) {
        let status = match answer.status {
            200 => answer.text_of("status"),
            409 => "EXPIRED",
            _ => panic!("{answer}"),
        };
        ada.wait_for_status(order, status).await;
    }
    shop.books().await.assert_balanced();
    answers.iter().filter(|answer| answer.status == 200).count()
}
