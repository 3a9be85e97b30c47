//! Orders without the queue: they are decided within the request.

use e2e::{Answer, Shop, Shopper, WAIT_TIMEOUT, eventually, kill, lines};
use futures_util::future::join_all;
use reqwest::Method;
use serde_json::Value;

async fn order_with_key(ada: &Shopper<'_>, path: &str, key: &str, body: &Value) -> Answer {
    let request = ada.request(Method::POST, path).json(body);
    ada.send(request.header("Idempotency-Key", key)).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_many_orders_at_once_as_many_are_accepted_as_there_are_units() {
    const BUYERS: usize = 40;
    let shop = Shop::open().await;
    let lamp = shop.stocked("Lamp", "129.90", 15).await;
    let ada = shop.shopper("ada").await;
    let one = lines(&[(lamp, 1)]);
    let answers = join_all((0..BUYERS).map(|_| ada.post("/orders", &one))).await;
    let (won, lost): (Vec<_>, Vec<_>) = answers.into_iter().partition(|it| it.status == 201);
    assert_eq!((won.len(), lost.len()), (15, BUYERS - 15));
    for answer in won {
        let path = answer.header("location").expect("an order has a place");
        assert_eq!(ada.get(path).await.expect(200).body, answer.body);
    }
    for answer in lost {
        let answer = answer.expect_problem(409);
        assert_eq!(answer.body["short"][0]["product_id"], lamp.to_string());
        assert_eq!(answer.body["short"][0]["available"], 0);
        let rejected = ada.get(answer.text_of("instance")).await.expect(200).body;
        assert_eq!(rejected["status"], "REJECTED");
    }
    let books = shop.books().await;
    books.assert_balanced();
    assert_eq!(books.orders.len(), BUYERS);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_key_stands_for_one_order() {
    let shop = Shop::open().await;
    let lamp = shop.stocked("Lamp", "129.90", 10).await;
    let ada = shop.shopper("ada").await;
    let body = lines(&[(lamp, 2)]);
    let ask = || order_with_key(&ada, "/orders", "a key", &body);
    let at_once = join_all((0..6).map(|_| ask())).await;
    let first = at_once[0].clone().expect(201);
    for answer in at_once {
        assert_eq!(answer.expect(201).body, first.body);
    }
    order_with_key(&ada, "/orders", "a key", &lines(&[(lamp, 3)]))
        .await
        .expect_problem(422);
    order_with_key(&ada, "/checkouts", "a key", &body)
        .await
        .expect_problem(422);
    // The answer stays the same, even after the product was deleted.
    let too_many = lines(&[(lamp, 9)]);
    let rejected = order_with_key(&ada, "/orders", "another", &too_many).await;
    let rejected = rejected.expect_problem(409);
    shop.withdraw(lamp).await;
    assert_eq!(ask().await.expect(201).body, first.body);
    let again = order_with_key(&ada, "/orders", "another", &too_many).await;
    assert_eq!(again.expect_problem(409).body, rejected.body);
    let books = shop.books().await;
    assert_eq!(books.orders.len(), 2);
    books.assert_balanced();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_interrupted_request_is_completed_by_sending_it_again() {
    const ORDERS: usize = 40;
    let shop = Shop::open().await;
    let lamp = shop.stocked("Lamp", "129.90", 1_000).await;
    let ada = shop.shopper("ada").await;
    let body = lines(&[(lamp, 1)]);
    let orders = (0..ORDERS).map(|number| {
        let (ada, body) = (&ada, &body);
        async move {
            let key = number.to_string();
            eventually("an order that is not interrupted", WAIT_TIMEOUT, || async {
                let answer = order_with_key(ada, "/orders", &key, body).await;
                (answer.status == 201).then_some(answer.body)
            })
            .await
        }
    });
    let killing = async {
        let mut killed = 0;
        for _ in 0..8 {
            killed += eventually("a process to kill", WAIT_TIMEOUT, || async {
                let pids = shop.processes("create-order").await;
                let killed = pids.into_iter().filter(|pid| kill(*pid)).count();
                (killed > 0).then_some(killed)
            })
            .await;
        }
        killed
    };
    let (orders, killed) = tokio::join!(join_all(orders), killing);
    assert_eq!(orders.len(), ORDERS);
    let books = shop.books().await;
    books.assert_balanced();
    assert_eq!(
        books.orders.len(),
        ORDERS,
        "one order a key, {killed} killed"
    );
    assert_eq!(
        books.stock[&lamp.to_string()].available,
        1_000 - ORDERS as i64
    );
}
