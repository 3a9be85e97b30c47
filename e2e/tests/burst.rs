//! Measures bursts of buyers. There is one test in this program, so that no other test runs at the same time.

use std::time::{Duration, Instant};

use e2e::{Shop, Template, eventually};
use futures_util::{StreamExt as _, stream};
use serde_json::json;

const ORDERS: usize = 500;
const CONNECTIONS: usize = 20;
const DECIDED_WITHIN: Duration = Duration::from_secs(2);

/// What the event source delivers; the function gathers the others itself.
const DELIVERED: usize = 10;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_burst_is_decided_in_two_seconds_and_a_full_queue_in_one_transaction() {
    a_burst_is_decided_in_two_seconds().await;
    a_full_queue_is_decided_in_one_transaction().await;
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
    let batch_size = "BatchSize: !Ref CheckoutBatchSize";
    let without_event_source = Template::default()
        .replace(batch_size, &format!("{batch_size}\n            Enabled: false"))
        // Time enough for a slow machine.
        .parameter("GatherMilliseconds", 1_000);
    let shop = Shop::open_with(&without_event_source).await;
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
