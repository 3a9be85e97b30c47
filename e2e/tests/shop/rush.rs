//! Many buyers at once: each gets one answer, and no unit is sold twice.

use domain::OrderStatus;
use e2e::{Shop, Template, WAIT_TIMEOUT, eventually};
use serde_json::json;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_hundred_buyers_for_fifty_units() {
    const BUYERS: usize = 200;
    const UNITS: u64 = 50;
    let shop = Shop::open().await;
    let lamp = shop.stocked("Lamp", "129.90", UNITS).await;

    let buyers = buyers_of(&shop, BUYERS).await;
    let one = [(lamp, 1)];
    let results = all(buyers.iter().map(|buyer| buyer.buy_and_wait(&one))).await;

    let won = results
        .iter()
        .filter(|result| result["status"] == "WAITING_PAYMENT");
    assert_eq!(won.count() as u64, UNITS);
    let lost: Vec<_> = results
        .iter()
        .filter(|result| result["short"].is_array())
        .collect();
    assert_eq!(lost.len(), BUYERS - UNITS as usize);
    for answer in lost {
        let short = json!([{ "product_id": lamp, "requested": 1, "available": 0 }]);
        assert_eq!(answer["short"], short, "{answer}");
    }
    let books = shop.closed_books().await;
    books.assert_balanced();
    assert_eq!(books.stock[&lamp.to_string()].available, 0);
    assert_eq!(books.count(OrderStatus::WaitingPayment) as u64, UNITS);
}

async fn buyers_of(shop: &Shop, buyers: usize) -> Vec<e2e::Shopper<'_>> {
    let names: Vec<String> = (0..buyers)
        .map(|number| format!("buyer-{number}"))
        .collect();
    all(names.iter().map(|name| shop.shopper(name))).await
}

/// Runs all futures at once. Returns the results in the order of the futures.
async fn all<F: Future>(futures: impl Iterator<Item = F>) -> Vec<F::Output> {
    futures_util::future::join_all(futures).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_order_gets_all_of_its_lines_or_none() {
    // The window makes one batch of the orders, in which the first comes first.
    let template = Template::default()
        .parameter("CheckoutBatchSize", 100)
        .parameter("CheckoutBatchWindowSeconds", 1);
    let shop = Shop::open_with(&template).await;
    let plenty = shop.stocked("Tea", "4.20", 1_000).await;
    let scarce = shop.stocked("Teapot", "89.00", 3).await;
    let last = shop.stocked("Tea Cosy", "19.00", 1).await;
    let ada = shop.shopper("ada").await;

    let orders = [
        ada.buy(&[(plenty, 10), (scarce, 2)]).await,
        ada.buy(&[(plenty, 10), (scarce, 2), (last, 2)]).await,
        ada.buy(&[(plenty, 1_001)]).await,
        ada.buy(&[(scarce, 1)]).await,
    ];
    let mut decided = Vec::new();
    for order in &orders {
        decided.push(ada.wait_for_decision(order).await);
    }
    let statuses: Vec<_> = decided
        .iter()
        .map(|order| order["status"].as_str())
        .collect();
    let (won, lost) = (Some("WAITING_PAYMENT"), Some("REJECTED"));
    assert_eq!(statuses, [won, lost, lost, won]);

    let mut short: Vec<_> = decided[1]["short"]
        .as_array()
        .expect("it was short of something")
        .iter()
        .map(|short| (short["product_id"].as_str(), short["available"].as_u64()))
        .collect();
    short.sort_unstable();
    let (scarce, last) = (scarce.to_string(), last.to_string());
    let mut expected = [
        (Some(scarce.as_str()), Some(1)),
        (Some(last.as_str()), Some(1)),
    ];
    expected.sort_unstable();
    assert_eq!(short, expected, "each product that was short, and no other");

    let books = shop.closed_books().await;
    books.assert_balanced();
    assert_eq!(books.stock[&plenty.to_string()].available, 990);
    assert_eq!(books.stock[&scarce].available, 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_cart_submitted_ten_times_at_once_is_one_order() {
    let shop = Shop::open().await;
    let lamp = shop.stocked("Lamp", "129.90", 10).await;
    let ada = shop.shopper("ada").await;
    let cart = ada.cart(&[(lamp, 3)]).await;
    let checkout = format!("/carts/{cart}/checkout");

    for answer in all((0..10).map(|_| ada.post_nothing(&checkout))).await {
        let accepted = answer.expect(202);
        assert_eq!(accepted.text_of("order_id"), cart);
    }
    ada.wait_for_decision(&cart).await;
    // Once more, after the decision.
    ada.post_nothing(&checkout).await.expect(202);
    eventually("an empty queue", WAIT_TIMEOUT, || async {
        (shop.queued().await == 0).then_some(())
    })
    .await;

    let books = shop.closed_books().await;
    assert_eq!(books.orders.len(), 1);
    assert_eq!(books.orders[0].order_id, cart);
    assert_eq!(books.stock[&lamp.to_string()].available, 7);
    books.assert_balanced();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn batches_that_conflict_on_many_products_balance() {
    const BUYERS: usize = 120;
    // Many small batches at once, so that they conflict.
    let template = Template::default()
        .parameter("GatherMilliseconds", 0)
        .parameter("CheckoutMaxConcurrency", 4);
    let shop = Shop::open_with(&template).await;
    let mut products = Vec::new();
    for number in 0..5 {
        products.push(shop.stocked(&format!("Product {number}"), "1.00", 40).await);
    }
    let buyers = buyers_of(&shop, BUYERS).await;
    let buys = buyers.iter().enumerate().map(|(number, buyer)| {
        let first = products[number % products.len()];
        let second = products[(number + 1 + number / 5 % 4) % products.len()];
        let goods = if first == second {
            vec![(first, 2)]
        } else {
            vec![(first, 1), (second, 1)]
        };
        async move { buyer.buy_and_wait(&goods).await }
    });
    let results = all(buys).await;
    let won = results
        .iter()
        .filter(|result| result["status"] == "WAITING_PAYMENT");
    let sold = won.count();

    let books = shop.closed_books().await;
    books.assert_balanced();
    assert_eq!(
        books.count(OrderStatus::WaitingPayment),
        sold,
        "the answers and the books agree"
    );
    // 240 units were requested and 200 were available. Some may be left, because an order has two lines.
    assert!((80..=100).contains(&sold), "{sold} orders for 200 units");
}
