//! Measures a lone checkout and bursts of buyers. There is one test in this program, so that no other test runs at the
//! same time.

use std::time::{Duration, Instant};

use e2e::{Shop, Template, eventually};
use futures_util::{StreamExt as _, stream};
use serde_json::json;

const ORDERS: usize = 500;
const CONNECTIONS: usize = 20;
const DECIDED_WITHIN: Duration = Duration::from_secs(2);

const LONE_CHECKOUTS: usize = 11;
const LONE_DECIDED_WITHIN: Duration = Duration::from_millis(100);

/// What the event source delivers; the function gathers the others itself.
const DELIVERED: usize = 10;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_lone_checkout_a_burst_and_a_full_queue_are_decided_in_time() {
    a_lone_checkout_is_decided_within_100_ms_of_the_invocation().await;
    a_burst_is_decided_in_two_seconds().await;
    a_full_queue_is_decided_in_one_transaction().await;
}

async fn a_lone_checkout_is_decided_within_100_ms_of_the_invocation() {
    let shop = Shop::open_with(&Template::default().without_checkout_events()).await;
    let lamp = shop.stocked("Lamp", "129.90", 100).await;
    let ada = shop.shopper("ada").await;
    let mut times = Vec::new();
    for _ in 0..LONE_CHECKOUTS {
        let order_id = ada.buy(&[(lamp, 1)]).await;
        let delivered = shop.take_checkouts(1).await;
        let invoked = Instant::now();
        shop.invoke("checkout-batch", &delivered).await;
        times.push(invoked.elapsed());
        let order = ada.get(&format!("/orders/{order_id}")).await.expect(200);
        assert_eq!(order.body["status"], "WAITING_PAYMENT", "{order}");
    }
    times.sort_unstable();
    let median = times[LONE_CHECKOUTS / 2];
    println!("a lone checkout is decided in {median:?}, between {times:?}");
    assert!(median < LONE_DECIDED_WITHIN, "{times:?}");
}

async fn a_burst_is_decided_in_two_seconds() {
    let shop = Shop::open().await;
    let started = Instant::now();
    buy_all(&shop).await;
    let accepted = Instant::now();
    eventually("all decisions", DECIDED_WITHIN, || async {
        (shop.books().await.orders.len() == ORDERS).then_some(())
    })
    .await;
    println!(
        "accepted {ORDERS} in {:?}, decided them {:?} later, in {} transactions",
        accepted - started,
        accepted.elapsed(),
        transactions(&shop).await
    );
    shop.closed_books().await.assert_balanced();
}

async fn a_full_queue_is_decided_in_one_transaction() {
    let template = Template::default()
        .without_checkout_events()
        // Time enough for a slow machine.
        .parameter("GatherMilliseconds", 1_000);
    let shop = Shop::open_with(&template).await;
    buy_all(&shop).await;
    let delivered = shop.take_checkouts(DELIVERED).await;
    let answer = shop.invoke("checkout-batch", &delivered).await;
    assert_eq!(answer, json!({ "batchItemFailures": [] }));

    let books = shop.closed_books().await;
    books.assert_balanced();
    assert_eq!(books.orders.len(), ORDERS);
    assert_eq!(shop.queued().await, 0);
    assert_eq!(transactions(&shop).await, 1);
}

/// Sells each of many buyers one unit of a product of plenty.
async fn buy_all(shop: &Shop) {
    let lamp = shop.stocked("Lamp", "129.90", ORDERS as u64 * 2).await;
    let ada = shop.shopper("ada").await;
    let one = [(lamp, 1)];
    let buys = stream::iter(0..ORDERS).map(|_| ada.buy(&one));
    let order_ids: Vec<String> = buys.buffer_unordered(CONNECTIONS).collect().await;
    assert_eq!(order_ids.len(), ORDERS);
}

/// The transactions that took stock. The orders are in the tables before the last batch writes its log line.
async fn transactions(shop: &Shop) -> u64 {
    eventually("the log of every batch", DECIDED_WITHIN, || async {
        let logs = shop.logs("checkout-batch").await;
        let batches = logs
            .iter()
            .filter(|line| line["message"] == "batch decided");
        let counted = |name: &str| {
            batches
                .clone()
                .filter_map(|line| line[name].as_u64())
                .sum::<u64>()
        };
        let decided = counted("accepted") + counted("rejected");
        (decided == ORDERS as u64).then(|| counted("transactions"))
    })
    .await
}
