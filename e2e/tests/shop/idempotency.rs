//! Repeated requests with an idempotency key.

use e2e::{Answer, Shop, Shopper, WAIT_TIMEOUT, eventually, lines};
use reqwest::Method;
use serde_json::Value;

async fn buy_with_key(shopper: &Shopper<'_>, key: &str, body: &Value) -> Answer {
    let request = shopper
        .request(Method::POST, "/checkouts")
        .header("Idempotency-Key", key);
    shopper.send(request.json(body)).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_same_key_and_request_is_one_order() {
    let shop = Shop::open().await;
    let lamp = shop.stocked("Lamp", "129.90", 10).await;
    let ada = shop.shopper("ada").await;
    let request = lines(&[(lamp, 2)]);

    let at_once = (0..8).map(|_| buy_with_key(&ada, "first try", &request));
    let answers = futures_util::future::join_all(at_once).await;
    let order_ids: Vec<String> = answers
        .into_iter()
        .map(|answer| answer.expect(202).text_of("order_id").to_owned())
        .collect();
    assert!(
        order_ids.iter().all(|id| *id == order_ids[0]),
        "{order_ids:?}"
    );
    ada.wait_for_decision(&order_ids[0]).await;

    let later = buy_with_key(&ada, "first try", &lines(&[(lamp, 1), (lamp, 1)]))
        .await
        .expect(202);
    assert_eq!(
        later.text_of("order_id"),
        order_ids[0],
        "the same lines, written in another way"
    );
    shop.withdraw(lamp).await;
    let much_later = buy_with_key(&ada, "first try", &request).await.expect(202);
    assert_eq!(
        much_later.text_of("order_id"),
        order_ids[0],
        "also after the product was deleted"
    );

    eventually("an empty queue", WAIT_TIMEOUT, || async {
        (shop.queued().await == 0).then_some(())
    })
    .await;
    let books = shop.books().await;
    assert_eq!(books.orders.len(), 1);
    assert_eq!(books.stock[&lamp.to_string()].available, 8);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_key_stands_for_one_request_of_one_user() {
    let shop = Shop::open().await;
    let lamp = shop.stocked("Lamp", "129.90", 10).await;
    let ada = shop.shopper("ada").await;
    let bob = shop.shopper("bob").await;
    let first = buy_with_key(&ada, "1", &lines(&[(lamp, 1)]))
        .await
        .expect(202);
    let first = first.text_of("order_id");

    let reused = buy_with_key(&ada, "1", &lines(&[(lamp, 2)]))
        .await
        .expect_problem(422);
    assert_eq!(
        reused.text_of("type"),
        "urn:problem-type:hedonify:idempotency-key-reused"
    );

    let bobs = buy_with_key(&bob, "1", &lines(&[(lamp, 2)]))
        .await
        .expect(202);
    assert_ne!(bobs.text_of("order_id"), first);
    let another = buy_with_key(&ada, "2", &lines(&[(lamp, 1)]))
        .await
        .expect(202);
    assert_ne!(another.text_of("order_id"), first);
    let keyless = ada.buy(&[(lamp, 1)]).await;
    assert_ne!(keyless, first);
}
