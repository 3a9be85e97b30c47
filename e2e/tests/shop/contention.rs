//! Contention as on AWS: batches for the same product cancel each other's transactions.

use domain::OrderStatus;
use e2e::{Shop, Template};
use futures_util::future::join_all;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn batches_that_conflict_on_a_product_are_settled() {
    const BUYERS: usize = 200;
    const UNITS: u64 = 150;
    // Small batches, so that many of them take the same product at once.
    let template = Template::default()
        .parameter("GatherMilliseconds", 0)
        .parameter("CheckoutMaxConcurrency", 4)
        .realistic();
    let shop = Shop::open_with(&template).await;
    let lamp = shop.stocked("Lamp", "129.90", UNITS).await;
    let names: Vec<String> = (0..BUYERS)
        .map(|number| format!("buyer-{number}"))
        .collect();
    let buyers = join_all(names.iter().map(|name| shop.shopper(name))).await;

    let one = [(lamp, 1)];
    let results = join_all(buyers.iter().map(|buyer| buyer.buy_and_wait(&one))).await;

    let won = results
        .iter()
        .filter(|result| result["status"] == "WAITING_PAYMENT");
    assert_eq!(won.count() as u64, UNITS);
    let totals = shop.totals().await;
    if shop.uses_emulator_services() {
        assert!(
            totals.conflicts > 0,
            "no batch conflicted with another: {totals:?}"
        );
    }
    let books = shop.closed_books().await;
    books.assert_balanced();
    assert_eq!(books.stock[&lamp.to_string()].available, 0);
    assert_eq!(books.count(OrderStatus::WaitingPayment) as u64, UNITS);
}
