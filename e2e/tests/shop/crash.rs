//! Functions that are killed while they work.

use std::time::{Duration, Instant};

use e2e::{Shop, Template, WAIT_TIMEOUT, eventually, kill};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_order_is_decided_once_although_checkout_batch_is_killed() {
    const BUYERS: usize = 150;
    const KILLINGS: usize = 6;
    // The messages of a killed batch come back after the visibility timeout, which is long in the template. Many small
    // batches give many moments to be killed in.
    let template = Template::default()
        .replace("VisibilityTimeout: 40", "VisibilityTimeout: 5")
        .parameter("CheckoutBatchSize", 5)
        .parameter("GatherMilliseconds", 0);
    let shop = Shop::open_with(&template).await;
    let lamp = shop.stocked("Lamp", "129.90", 1_000).await;
    let ada = shop.shopper("ada").await;

    let one = [(lamp, 1)];
    let buys = (0..BUYERS).map(|_| ada.buy(&one));
    let (order_ids, killed) = tokio::join!(
        futures_util::future::join_all(buys),
        kill_while_it_works(&shop, KILLINGS)
    );
    for order_id in &order_ids {
        ada.wait_for_decision(order_id).await;
    }
    eventually("an empty queue", WAIT_TIMEOUT, || async {
        (shop.queued().await == 0).then_some(())
    })
    .await;

    let books = shop.closed_books().await;
    books.assert_balanced();
    assert_eq!(books.orders.len(), BUYERS);
    assert_eq!(
        books.stock[&lamp.to_string()].available,
        1_000 - BUYERS as i64
    );
    let report = shop.function("checkout-batch").await;
    assert!(killed > 0, "no process was killed: {report:?}");
    assert!(report.errors > 0, "no batch failed: {report:?}");
}

/// Kills the processes of checkout-batch while they work, so many times. Returns how many were killed.
async fn kill_while_it_works(shop: &Shop, times: usize) -> usize {
    let deadline = Instant::now() + Duration::from_secs(20);
    let mut killed = 0;
    let mut seen = 0;
    while killed < times && Instant::now() < deadline {
        let invocations = shop.function("checkout-batch").await.invocations;
        if invocations == seen {
            tokio::task::yield_now().await;
            continue;
        }
        seen = invocations;
        for pid in shop.processes("checkout-batch").await {
            killed += usize::from(kill(pid));
        }
    }
    killed
}
