//! checkout-batch killed at each step of the protocol: before and after the commit, while the orders are entered, and before
//! and after the decision is closed; and left without an answer until its time is over.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use domain::{OrderStatus, ProductId};
use e2e::{Moment, Proxy, Shop, Shopper, Template, WAIT_TIMEOUT, Write, eventually};
use futures_util::future::join_all;
use serde_json::{Value, json};

use Moment::{After, Before};
use Write::{Close, Commit, Enter};

/// More than one call enters, which takes 25 orders.
const ORDERS: usize = 30;

/// Enough for every order twice.
const PLENTY: u64 = 100;

/// Not enough for every order, so that a batch rejects some.
const SCARCE: u64 = 20;

// --- The queue delivers the messages again ----------------------------------------------------------

const VISIBILITY_TIMEOUT: Duration = Duration::from_secs(6);
const A_FEW_SECONDS: Duration = Duration::from_secs(6);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn killed_before_the_commit() {
    killed_and_delivered_again(Before(Commit)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn killed_between_commit_and_entering() {
    killed_and_delivered_again(After(Commit)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn killed_in_the_middle_of_entering() {
    killed_and_delivered_again(After(Enter)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn killed_between_entering_and_closing() {
    killed_and_delivered_again(Before(Close)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn killed_after_closing() {
    killed_and_delivered_again(After(Close)).await;
}

/// Kills checkout-batch at this moment, and does nothing else: all orders are decided once, soon after the messages are
/// visible again.
async fn killed_and_delivered_again(moment: Moment) {
    let proxy = Proxy::open().await;
    // The window makes one batch of the orders.
    let template = Template::default()
        .parameter("CheckoutBatchSize", 100)
        .parameter("CheckoutBatchWindowSeconds", 1)
        .replace("VisibilityTimeout: 40", "VisibilityTimeout: 6");
    let shop = proxy.shop(template).await;
    let lamp = shop.stocked("Lamp", "129.90", PLENTY).await;
    let ada = shop.shopper("ada").await;

    proxy.hold_at(moment);
    let order_ids = buy(&ada, lamp).await;
    proxy.kill_held(&shop).await;
    let killed_at = Instant::now();
    for order_id in &order_ids {
        let order = ada.wait_for_decision(order_id).await;
        assert_eq!(order["status"], "WAITING_PAYMENT", "{order}");
    }
    let took = killed_at.elapsed();
    assert!(
        took < VISIBILITY_TIMEOUT + A_FEW_SECONDS,
        "decided {took:?} after the kill"
    );

    eventually("an empty queue", WAIT_TIMEOUT, || async {
        (shop.queued().await == 0).then_some(())
    })
    .await;
    let books = shop.closed_books().await;
    books.assert_balanced();
    assert_eq!(books.orders.len(), ORDERS);
    let available = books.stock[&lamp.to_string()].available;
    assert_eq!(available, PLENTY as i64 - ORDERS as i64);
}

// --- No message comes again -------------------------------------------------------------------------

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_sweep_enters_the_orders_of_a_killed_batch() {
    let orders_entered = killed_and_swept(After(Commit)).await;
    assert_eq!(orders_entered, 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_sweep_enters_the_other_orders_of_a_killed_batch() {
    let orders_entered = killed_and_swept(After(Enter)).await;
    assert!((1..ORDERS).contains(&orders_entered), "{orders_entered}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_sweep_closes_the_decision_of_a_killed_batch() {
    let orders_entered = killed_and_swept(Before(Close)).await;
    assert_eq!(orders_entered, ORDERS);
}

/// Kills checkout-batch at this moment, and lets only the sweep run. Returns how many orders had been entered before.
async fn killed_and_swept(moment: Moment) -> usize {
    let proxy = Proxy::open().await;
    let shop = proxy
        .shop(Template::default().without_checkout_events())
        .await;
    let lamp = shop.stocked("Lamp", "129.90", SCARCE).await;
    let ada = shop.shopper("ada").await;
    let order_ids = buy(&ada, lamp).await;
    let batch = shop.take_checkouts(ORDERS).await;
    kill_at(&proxy, &shop, moment, &batch).await;

    let books = shop.books().await;
    books.assert_balanced();
    let [open] = books.open_decisions.as_slice() else {
        panic!("one decision is open, not {:?}", books.open_decisions);
    };
    assert_eq!(open.accepted.len() as u64, SCARCE);
    let before = answers(&ada, &order_ids).await;
    let entered: Vec<&String> = books.orders.iter().map(|it| &it.order_id).collect();
    for (order_id, answer) in &before {
        let is_pending = answer["status"] == "PENDING";
        assert_eq!(is_pending, !entered.contains(&order_id), "{answer}");
    }

    sweep_until_closed(&shop).await;
    let swept = shop.books().await;
    swept.assert_balanced();
    assert_eq!(swept.count(OrderStatus::WaitingPayment) as u64, SCARCE);
    let between = answers(&ada, &order_ids).await;
    assert_decided_stay(&before, &between);

    // Rejections are not in the record: those that got lost are decided again when their messages come.
    assert_eq!(decide(&shop, &again(batch)).await, json!([]));
    let after = answers(&ada, &order_ids).await;
    assert_decided_stay(&between, &after);
    let books = shop.closed_books().await;
    books.assert_balanced();
    assert_eq!(books.count(OrderStatus::WaitingPayment) as u64, SCARCE);
    assert_eq!(books.count(OrderStatus::Rejected), ORDERS - SCARCE as usize);
    entered.len()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_sweep_finishes_what_a_killed_sweep_left() {
    let proxy = Proxy::open().await;
    let shop = proxy
        .shop(Template::default().without_checkout_events())
        .await;
    let lamp = shop.stocked("Lamp", "129.90", PLENTY).await;
    let ada = shop.shopper("ada").await;
    buy(&ada, lamp).await;
    let batch = shop.take_checkouts(ORDERS).await;
    kill_at(&proxy, &shop, After(Commit), &batch).await;

    proxy.hold_at(After(Enter));
    let sweeps = eventually("the sweep to be killed", WAIT_TIMEOUT, || async {
        sweep(&shop).await.err()
    });
    tokio::join!(sweeps, proxy.kill_held(&shop));
    let books = shop.books().await;
    books.assert_balanced();
    assert!((1..ORDERS).contains(&books.orders.len()), "{books:?}");

    sweep_until_closed(&shop).await;
    let books = shop.books().await;
    books.assert_balanced();
    assert_eq!(books.count(OrderStatus::WaitingPayment), ORDERS);
    let available = books.stock[&lamp.to_string()].available;
    assert_eq!(available, PLENTY as i64 - ORDERS as i64);
}

/// A commit takes effect after its function is dead and its orders were decided by another one.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_sweep_returns_the_units_of_a_commit_that_lands_late() {
    let proxy = Proxy::open().await;
    let shop = proxy
        .shop(Template::default().without_checkout_events())
        .await;
    let lamp = shop.stocked("Lamp", "129.90", PLENTY).await;
    let ada = shop.shopper("ada").await;
    let order_ids = buy(&ada, lamp).await;
    let batch = shop.take_checkouts(ORDERS).await;
    kill_at(&proxy, &shop, Before(Commit), &batch).await;
    assert_eq!(decide(&shop, &again(batch)).await, json!([]));
    // What becomes of an order afterwards does not matter: it was entered by the other decision.
    let cancelled = json!({ "order_id": &order_ids[0] });
    let cancelled = ada.step(&cancelled, "cancellation", &json!({})).await;
    cancelled.expect(200);
    let before = answers(&ada, &order_ids).await;
    let kept = ORDERS as i64 - 1;
    let available = async || shop.books().await.stock[&lamp.to_string()].available;
    assert_eq!(available().await, PLENTY as i64 - kept);

    proxy.land_late().await;
    assert_eq!(available().await, PLENTY as i64 - kept - ORDERS as i64);
    shop.books().await.assert_balanced();
    sweep_until_closed(&shop).await;
    assert_eq!(available().await, PLENTY as i64 - kept);
    shop.books().await.assert_balanced();
    assert_eq!(answers(&ada, &order_ids).await, before);
}

// --- DynamoDB does not answer -----------------------------------------------------------------------

/// Without being made visible, the message would come again after the template's 40 s.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_checkout_that_time_did_not_suffice_for_comes_again_at_once() {
    let proxy = Proxy::open().await;
    let shop = proxy.shop(Template::default()).await;
    let lamp = shop.stocked("Lamp", "129.90", PLENTY).await;
    let ada = shop.shopper("ada").await;
    proxy.hold_at(Before(Commit));
    let order_id = ada.buy(&[(lamp, 1)]).await;
    proxy.held().await;
    eventually("the batch to give up", WAIT_TIMEOUT, || async {
        let logs = shop.logs("checkout-batch").await;
        let gave_up = |line: &Value| line["undecided"] == 1;
        logs.iter().any(gave_up).then_some(())
    })
    .await;
    proxy.release();
    let released_at = Instant::now();
    let order = ada.wait_for_decision(&order_id).await;
    assert_eq!(order["status"], "WAITING_PAYMENT", "{order}");
    let took = released_at.elapsed();
    assert!(took < A_FEW_SECONDS, "decided after {took:?}");
    shop.closed_books().await.assert_balanced();
}

// --- What the cases share ---------------------------------------------------------------------------

async fn buy(ada: &Shopper<'_>, lamp: ProductId) -> Vec<String> {
    let one = [(lamp, 1)];
    join_all((0..ORDERS).map(|_| ada.buy(&one))).await
}

async fn kill_at(proxy: &Proxy, shop: &Shop, moment: Moment, batch: &Value) {
    proxy.hold_at(moment);
    let invoked = shop.try_invoke("checkout-batch", batch);
    let (answer, ()) = tokio::join!(invoked, proxy.kill_held(shop));
    answer.expect_err("the function was killed");
}

/// Invokes checkout-batch with a batch. Returns the messages that must come again.
async fn decide(shop: &Shop, batch: &Value) -> Value {
    let answer = shop.invoke("checkout-batch", batch).await;
    answer["batchItemFailures"].clone()
}

/// The batch as the queue delivers it the second time.
fn again(mut batch: Value) -> Value {
    let records = batch["Records"].as_array_mut().expect("records");
    for record in records {
        record["attributes"]["ApproximateReceiveCount"] = "2".into();
    }
    batch
}

async fn sweep(shop: &Shop) -> Result<Value, Value> {
    shop.try_invoke("checkout-batch", &json!({})).await
}

/// Invokes checkout-batch as the schedule does until no decision is open.
async fn sweep_until_closed(shop: &Shop) {
    eventually("the sweep to close all decisions", WAIT_TIMEOUT, || async {
        sweep(shop).await.expect("the sweep succeeds");
        shop.open_decisions().await.is_empty().then_some(())
    })
    .await;
}

/// What the shopper reads of each order.
async fn answers(ada: &Shopper<'_>, order_ids: &[String]) -> BTreeMap<String, Value> {
    let mut answers = BTreeMap::new();
    for order_id in order_ids {
        let answer = ada.get(&format!("/orders/{order_id}")).await.expect(200);
        answers.insert(order_id.clone(), answer.body);
    }
    answers
}

/// Asserts that what was decided before has not changed since.
fn assert_decided_stay(before: &BTreeMap<String, Value>, after: &BTreeMap<String, Value>) {
    for (order_id, answer) in before {
        if answer["status"] != "PENDING" {
            assert_eq!(&after[order_id], answer);
        }
    }
}
