//! Units that come back: orders that expire or are cancelled, against real tables and with everything
//! that can go wrong between the shop and its tables.

mod books;

use std::time::{Duration, Instant};

use books::{Books, Fault, PAYMENT_WINDOW, checkout, first_time, payment};
use domain::{Change, Checkout, Order, OrderStatus, ProductId, Transition};
use jiff::Timestamp;
use store::{AdvanceError, Report};

fn soon() -> Instant {
    Instant::now() + Duration::from_secs(20)
}

/// Orders that wait for payment, one unit each unless it says otherwise.
async fn accepted(books: &Books, batch: &[Checkout]) -> Vec<Order> {
    let report = books.batches().decide(first_time(batch), soon()).await;
    assert_eq!(report.decided.len(), batch.len());
    report.decided
}

async fn sold(books: &Books, count: usize, product: ProductId) -> Vec<Order> {
    let batch: Vec<_> = (0..count).map(|_| checkout(&[(product, 1)])).collect();
    accepted(books, &batch).await
}

fn expiry(order: &Order) -> Change {
    let at = Timestamp::now() + PAYMENT_WINDOW;
    Change::new(order, Transition::Expire { at }).expect("its time to pay is over")
}

async fn expire(books: &Books, orders: &[Order]) -> Report {
    let changes = orders.iter().map(expiry).collect();
    books.releases().release(changes, soon()).await
}

async fn status(books: &Books, order: &Order) -> OrderStatus {
    let there = books.orders().get(order.user_id(), order.order_id()).await;
    there
        .expect("the order is read")
        .expect("it is there")
        .status()
}

#[tokio::test]
async fn ninety_expired_orders_of_one_product_are_one_transaction() {
    let books = Books::open().await;
    let product = books.stocked(100).await;
    let orders = sold(&books, 90, product).await;
    let before = books.calls("TransactWriteItems");
    let report = expire(&books, &orders).await;
    assert_eq!(report.settled.len(), 90);
    assert_eq!(books.calls("TransactWriteItems") - before, 1);
    assert_eq!(books.available(product).await, 100);
    for order in &orders {
        assert_eq!(status(&books, order).await, OrderStatus::Expired);
    }
    books.assert_balanced(product, 0).await;
}

#[tokio::test]
async fn orders_of_many_products_come_back_whole() {
    let books = Books::open().await;
    let mut products = Vec::new();
    for _ in 0..40 {
        products.push(books.stocked(10).await);
    }
    let batch: Vec<_> = products
        .windows(3)
        .map(|three| checkout(&[(three[0], 1), (three[1], 2), (three[2], 3)]))
        .collect();
    let orders = accepted(&books, &batch).await;
    let report = expire(&books, &orders).await;
    assert_eq!(report.settled.len(), orders.len());
    assert!(
        report.transactions < 4,
        "{} transactions",
        report.transactions
    );
    for product in products {
        assert_eq!(books.available(product).await, 10);
    }
}

#[tokio::test]
async fn an_order_paid_meanwhile_keeps_its_units_and_the_rest_comes_back() {
    let books = Books::open().await;
    let product = books.stocked(5).await;
    let orders = sold(&books, 5, product).await;
    books.next_transactions([Fault::SomebodyPays(Box::new(orders[2].clone()))]);
    let report = expire(&books, &orders).await;
    assert_eq!(report.settled.len(), 4);
    assert_eq!(report.already_settled, [orders[2].key()]);
    assert_eq!(status(&books, &orders[2]).await, OrderStatus::Paid);
    assert_eq!(books.available(product).await, 4);
    books.assert_balanced(product, 0).await;
}

#[tokio::test]
async fn a_payment_that_comes_after_the_expiry_learns_of_it() {
    let books = Books::open().await;
    let product = books.stocked(1).await;
    let orders = sold(&books, 1, product).await;
    expire(&books, &orders).await;
    let refused = books.orders().advance(&orders[0], payment()).await;
    let Err(AdvanceError::Forbidden(forbidden)) = refused else {
        panic!("it is expired: {refused:?}");
    };
    assert_eq!(forbidden.from, OrderStatus::Expired);
    assert_eq!(status(&books, &orders[0]).await, OrderStatus::Expired);
}

#[tokio::test]
async fn a_release_whose_answer_was_lost_is_recognised() {
    let books = Books::open().await;
    let product = books.stocked(3).await;
    let orders = sold(&books, 3, product).await;
    books.next_transactions([Fault::LoseAnswer]);
    let report = expire(&books, &orders).await;
    assert_eq!(report.already_settled.len(), 3, "{report:?}");
    assert_eq!(books.available(product).await, 3, "once, not twice");
    books.assert_balanced(product, 0).await;
}

#[tokio::test]
async fn an_expiry_delivered_twice_does_nothing_the_second_time() {
    let books = Books::open().await;
    let product = books.stocked(3).await;
    let orders = sold(&books, 3, product).await;
    expire(&books, &orders).await;
    let again = expire(&books, &orders).await;
    assert_eq!((again.settled.len(), again.already_settled.len()), (0, 3));
    assert_eq!(books.available(product).await, 3);
    books.assert_balanced(product, 0).await;
}

#[tokio::test]
async fn conflicts_and_throttles_are_waited_out() {
    let books = Books::open().await;
    let product = books.stocked(3).await;
    let orders = sold(&books, 3, product).await;
    books.next_transactions([Fault::Conflict, Fault::Throttle, Fault::Conflict]);
    let report = expire(&books, &orders).await;
    assert_eq!((report.settled.len(), report.retries), (3, 3));
    books.assert_balanced(product, 0).await;
}

#[tokio::test]
async fn an_order_the_books_refuse_is_cornered_and_the_rest_comes_back() {
    let books = Books::open().await;
    let product = books.stocked(60).await;
    let orders = sold(&books, 60, product).await;
    books.refuse(orders[41].order_id());
    let report = expire(&books, &orders).await;
    assert_eq!(report.refused, [orders[41].key()]);
    assert_eq!(report.settled.len(), 59);
    assert_eq!(books.available(product).await, 59);
    books.assert_balanced(product, 0).await;
}

#[tokio::test]
async fn stock_that_cannot_move_is_cornered_and_the_rest_comes_back() {
    let books = Books::open().await;
    let (good, stuck) = (books.stocked(60).await, books.stocked(60).await);
    let mut batch: Vec<_> = (0..40).map(|_| checkout(&[(good, 1)])).collect();
    batch.insert(17, checkout(&[(good, 1), (stuck, 1)]));
    let orders = accepted(&books, &batch).await;
    books.refuse_moves_of(stuck);
    let report = expire(&books, &orders).await;
    assert_eq!(report.refused, [orders[17].key()]);
    assert_eq!(report.settled.len(), 40);
    assert_eq!(books.available(good).await, 59);
}

#[tokio::test]
async fn an_order_that_cannot_be_read_is_missing_from_lists_and_nothing_else_is() {
    let books = Books::open().await;
    let product = books.stocked(3).await;
    let orders = sold(&books, 3, product).await;
    books.damage_order(&orders[1]).await;
    let good = [orders[0].key(), orders[2].key()];
    let keys = orders.iter().map(Order::key);
    let found = books.orders().get_many(keys).await.unwrap();
    assert!(found.len() == 2 && good.iter().all(|key| found.contains_key(key)));
    let mut listed = Vec::new();
    let mut after = None;
    loop {
        let page = books.orders().page(orders[0].user_id(), 1, after).await;
        let page = page.unwrap();
        listed.extend(page.items.iter().map(Order::key));
        after = page.next;
        if after.is_none() {
            break;
        }
    }
    listed.reverse();
    assert_eq!(listed, good, "a page without it leads on to the next");
}

#[tokio::test]
async fn out_of_time_reports_exactly_what_did_not_come_back() {
    let books = Books::open().await;
    let product = books.stocked(10).await;
    let orders = sold(&books, 10, product).await;
    books.next_transactions((0..1_000).map(|_| Fault::Throttle));
    let deadline = Instant::now() + Duration::from_millis(500);
    let changes = orders.iter().map(expiry).collect();
    let report = books.releases().release(changes, deadline).await;
    assert_eq!(report.unsettled.len(), 10);
    assert_eq!(books.available(product).await, 0);
    books.assert_balanced(product, 0).await;
}

#[tokio::test]
async fn of_two_cancellations_at_once_one_brings_the_units_back() {
    let books = Books::open().await;
    let product = books.stocked(1).await;
    let order = sold(&books, 1, product).await.remove(0);
    let paid = books.orders().advance(&order, payment()).await.unwrap();
    let cancel = || async {
        let at = Timestamp::now();
        let change = Change::new(&paid, Transition::Cancel { at }).unwrap();
        books.releases().release(vec![change], soon()).await
    };
    let (one, other) = tokio::join!(cancel(), cancel());
    assert_eq!(one.settled.len() + other.settled.len(), 1);
    assert_eq!(books.available(product).await, 1);
    assert_eq!(status(&books, &order).await, OrderStatus::Cancelled);
}

#[tokio::test]
async fn only_orders_that_are_overdue_and_unpaid_are_swept() {
    let books = Books::open().await;
    let product = books.stocked(40).await;
    let orders = sold(&books, 40, product).await;
    books.orders().advance(&orders[0], payment()).await.unwrap();
    let later = Timestamp::now() + PAYMENT_WINDOW;
    let index = books.orders();
    let found = async |now| index.overdue(now, 100).await.unwrap();
    assert!(
        found(Timestamp::now()).await.is_empty(),
        "nothing is due yet"
    );
    let mut overdue = found(later).await;
    overdue.sort_unstable();
    let mut unpaid: Vec<_> = orders[1..].iter().map(Order::key).collect();
    unpaid.sort_unstable();
    assert_eq!(overdue, unpaid);
    expire(&books, &orders[1..]).await;
    assert!(
        found(later).await.is_empty(),
        "what expired leaves the index"
    );
}

#[tokio::test]
async fn merchants_find_what_was_paid_and_nothing_else() {
    let books = Books::open().await;
    let product = books.stocked(5).await;
    let sold = sold(&books, 5, product).await;
    let orders = books.orders();
    for order in &sold[..4] {
        orders.advance(order, payment()).await.unwrap();
    }
    let unpaid = orders.find_paid(sold[4].order_id()).await.unwrap();
    assert_eq!(unpaid, None);
    let paid = orders.find_paid(sold[3].order_id()).await.unwrap();
    let paid = paid.expect("it is paid");
    let shipment = domain::Shipment {
        carrier: "Pigeon Post".parse().unwrap(),
        tracking_number: "PP-1".parse().unwrap(),
        shipped_at: Timestamp::now(),
    };
    let shipped = orders
        .advance(&paid, Transition::Ship(shipment))
        .await
        .unwrap();
    assert_eq!(
        orders.find_paid(paid.order_id()).await.unwrap(),
        Some(shipped)
    );

    let first = orders.to_ship(2, None).await.unwrap();
    let second = orders.to_ship(2, first.next.as_ref()).await.unwrap();
    let listed: Vec<_> = first
        .items
        .iter()
        .chain(&second.items)
        .map(Order::key)
        .collect();
    let expected: Vec<_> = sold[..3].iter().map(Order::key).collect();
    assert_eq!(listed, expected, "oldest first");
}
