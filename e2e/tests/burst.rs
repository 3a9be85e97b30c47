//! Measures a burst of buyers. It is the only test of its program, so that no other test runs at the same time.

use std::time::{Duration, Instant};

use e2e::{Shop, eventually};
use futures_util::{StreamExt as _, stream};

const ORDERS: usize = 500;
const CONNECTIONS: usize = 20;
const DECIDED_WITHIN: Duration = Duration::from_secs(5);
const MAX_TRANSACTIONS: u64 = 20;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_burst_is_decided_in_a_few_seconds_and_a_few_transactions() {
    let shop = Shop::open().await;
    let lamp = shop.stocked("Lamp", "129.90", ORDERS as u64 * 2).await;
    let ada = shop.shopper("ada").await;

    let started = Instant::now();
    let one = [(lamp, 1)];
    let buys = stream::iter(0..ORDERS).map(|_| ada.buy(&one));
    let order_ids: Vec<String> = buys.buffer_unordered(CONNECTIONS).collect().await;
    let accepted = Instant::now();
    assert_eq!(order_ids.len(), ORDERS);
    eventually("all decisions", DECIDED_WITHIN, || async {
        (shop.books().await.orders.len() == ORDERS).then_some(())
    })
    .await;
    println!(
        "accepted {ORDERS} in {:?}, decided them {:?} later",
        accepted - started,
        accepted.elapsed()
    );

    let books = shop.closed_books().await;
    books.assert_balanced();
    // The orders are in the tables before the last batch writes its log line.
    let transactions = eventually("the log of every batch", DECIDED_WITHIN, || async {
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
    .await;
    println!("in {transactions} transactions");
    assert!(
        transactions <= MAX_TRANSACTIONS,
        "{transactions} transactions"
    );
}
