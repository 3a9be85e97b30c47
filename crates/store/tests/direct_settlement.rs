//! Deciding one checkout by itself, against real tables.

mod books;

use std::time::{Duration, Instant};

use books::{Books, Fault, checkout};
use domain::{Checkout, OrderStatus};
use store::{Report, StoreError};

async fn decide(books: &Books, checkout: &Checkout) -> Report {
    let soon = Instant::now() + Duration::from_secs(20);
    books.direct().decide(checkout.clone(), soon).await
}

#[tokio::test]
async fn an_order_and_its_stock_are_one_transaction() {
    let books = Books::open().await;
    let product = books.stocked(3).await;
    let report = decide(&books, &checkout(&[(product, 2)])).await;
    assert_eq!(report.settled[0].status(), OrderStatus::WaitingPayment);
    let report = decide(&books, &checkout(&[(product, 2)])).await;
    assert_eq!(report.settled[0].status(), OrderStatus::Rejected);
    assert_eq!(books.calls("TransactWriteItems"), 2);
    books.assert_balanced(product, 0).await;
}

#[tokio::test]
async fn the_same_checkout_is_decided_once() {
    let books = Books::open().await;
    let product = books.stocked(3).await;
    let one = checkout(&[(product, 1)]);
    books.next_transactions([Fault::LoseAnswer]);
    let report = decide(&books, &one).await;
    assert_eq!(report.already_settled, [one.key()], "the answer was lost");
    let report = decide(&books, &one).await;
    assert_eq!(report.already_settled, [one.key()]);
    assert_eq!(books.available(product).await, 2);
    books.assert_balanced(product, 0).await;
}

#[tokio::test]
async fn stock_that_moved_is_looked_at_again() {
    let books = Books::open().await;
    let product = books.stocked(3).await;
    books.next_transactions([Fault::Conflict, Fault::OthersTake(product, 3)]);
    let report = decide(&books, &checkout(&[(product, 1)])).await;
    assert_eq!(report.settled[0].status(), OrderStatus::Rejected);
    books.assert_balanced(product, 3).await;
}

#[tokio::test]
async fn stock_that_cannot_be_read_refuses_the_order() {
    let books = Books::open().await;
    let product = books.stocked(3).await;
    books.damage_stock(product).await;
    let one = checkout(&[(product, 1)]);
    assert_eq!(decide(&books, &one).await.refused, [one.key()]);
}

#[tokio::test]
async fn tables_that_do_not_answer_are_said_to_be_unavailable() {
    let books = Books::open().await;
    let product = books.stocked(3).await;
    books.silence_reads_after(0);
    let deadline = Instant::now() + Duration::from_millis(300);
    let report = books
        .direct()
        .decide(checkout(&[(product, 1)]), deadline)
        .await;
    assert_eq!(report.unsettled.len(), 1);
    assert!(
        matches!(report.into_error(), StoreError::Unavailable(why) if why == "no answer in time")
    );
}
