//! AWS's contention: batches that meet on a product cancel each other's transactions.

use domain::OrderStatus;
use e2e::{Shop, Template};
use futures_util::future::join_all;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn batches_that_meet_on_a_product_settle_all_the_same() {
    const BUYERS: usize = 200;
    const UNITS: u64 = 150;
    // Small batches, so that many of them want the same product at once.
    let template = Template::default()
        .parameter("CheckoutBatchSize", 10)
        .parameter("CheckoutMaxConcurrency", 4)
        .realistic();
    let shop = Shop::open_with(&template).await;
    let lamp = shop.stocked("Lamp", "129.90", UNITS).await;
    let names: Vec<String> = (0..BUYERS)
        .map(|number| format!("buyer-{number}"))
        .collect();
    let buyers = join_all(names.iter().map(|name| shop.shopper(name))).await;

    let one = [(lamp, 1)];
    let told = join_all(buyers.iter().map(|buyer| buyer.find_out(&one))).await;

    let won = told
        .iter()
        .filter(|told| told["status"] == "WAITING_PAYMENT");
    assert_eq!(won.count() as u64, UNITS);
    let totals = shop.totals().await;
    if shop.has_its_own_cloud() {
        let conflicts = totals["conflicts"].as_u64().expect("a number");
        assert!(conflicts > 0, "no batch met another: {totals}");
    }
    let books = shop.books().await;
    books.assert_balanced();
    assert_eq!(books.stock[&lamp.to_string()].available, 0);
    assert_eq!(books.count(OrderStatus::WaitingPayment) as u64, UNITS);
}
