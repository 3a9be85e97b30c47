//! The protocol of the checkout transaction, against real tables and with everything that can go
//! wrong between the desk and the books.

mod books;

use std::time::{Duration, Instant};

use books::{Books, Fault, again, checkout, first_time, named_checkout};
use domain::{Checkout, Order, OrderState, OrderStatus, ProductId};
use store::checkout_desk::Submission;
use store::{Report, StoreError};

fn soon() -> Instant {
    Instant::now() + Duration::from_secs(20)
}

async fn decide(books: &Books, batch: Vec<Submission>) -> Report {
    books.desk().decide(batch, soon()).await
}

fn accepted(report: &Report) -> usize {
    let accepted = |order: &&Order| order.status() == OrderStatus::WaitingPayment;
    report.settled.iter().filter(accepted).count()
}

fn buyers(count: usize, product: ProductId) -> Vec<Checkout> {
    (0..count).map(|_| checkout(&[(product, 1)])).collect()
}

#[tokio::test]
async fn ninety_orders_of_one_product_are_one_transaction_and_one_read() {
    let books = Books::open().await;
    let product = books.stocked(50).await;
    let report = decide(&books, first_time(&buyers(90, product))).await;
    assert_eq!((report.settled.len(), accepted(&report)), (90, 50));
    assert_eq!(books.calls("TransactWriteItems"), 1);
    assert_eq!(books.calls("BatchGetItem"), 1);
    books.assert_balanced(product, 0).await;
}

#[tokio::test]
async fn what_was_decided_can_be_read_back() {
    let books = Books::open().await;
    let plenty = books.stocked(5).await;
    let scarce = books.stocked(1).await;
    let batch = [
        checkout(&[(plenty, 2)]),
        checkout(&[(plenty, 1), (scarce, 2)]),
    ];
    let report = decide(&books, first_time(&batch)).await;
    for (checkout, decided) in batch.iter().zip(&report.settled) {
        let read = books
            .orders()
            .get(&checkout.user_id, checkout.order_id)
            .await
            .unwrap();
        assert_eq!(read.as_ref(), Some(decided));
        assert_eq!(&decided.checkout, checkout);
    }
    let OrderState::Rejected { short } = &report.settled[1].state else {
        panic!("all or nothing: {:?}", report.settled[1]);
    };
    assert_eq!(
        (
            short[0].product_id,
            short[0].requested.get(),
            short[0].available
        ),
        (scarce, 2, 1)
    );
    assert_eq!(books.available(plenty).await, 3);
}

#[tokio::test]
async fn a_large_batch_is_cut_into_transactions() {
    let books = Books::open().await;
    let product = books.stocked(1_000).await;
    let report = decide(&books, first_time(&buyers(250, product))).await;
    assert_eq!(accepted(&report), 250);
    assert_eq!(report.transactions, 3, "99 orders and one decrement each");
    books.assert_balanced(product, 0).await;
}

#[tokio::test]
async fn duplicates_inside_a_batch_are_decided_once() {
    let books = Books::open().await;
    let product = books.stocked(10).await;
    let one = checkout(&[(product, 2)]);
    let report = decide(&books, first_time(&[one.clone(), one.clone(), one])).await;
    assert_eq!(report.settled.len(), 1);
    assert_eq!(books.calls("TransactWriteItems"), 1);
    assert_eq!(books.available(product).await, 8);
}

#[tokio::test]
async fn a_redelivered_checkout_is_looked_up_and_left_alone() {
    let books = Books::open().await;
    let product = books.stocked(10).await;
    let batch = buyers(3, product);
    decide(&books, first_time(&batch)).await;
    let report = decide(&books, again(&batch)).await;
    assert_eq!(report.already_settled.len(), 3);
    assert_eq!(
        books.calls("TransactWriteItems"),
        1,
        "the second time nothing is written"
    );
    assert_eq!(books.available(product).await, 7);
}

#[tokio::test]
async fn of_a_checkout_given_twice_one_delivery_before_is_enough_to_look_it_up() {
    let books = Books::open().await;
    let product = books.stocked(10).await;
    let batch = buyers(1, product);
    decide(&books, first_time(&batch)).await;
    let mut twice = first_time(&batch);
    twice.extend(again(&batch));
    let report = decide(&books, twice).await;
    assert_eq!(report.already_settled, [batch[0].key()]);
    assert_eq!(
        books.calls("TransactWriteItems"),
        1,
        "the second time nothing is written"
    );
}

/// A client that submits again makes a new message, which nobody has seen before.
#[tokio::test]
async fn a_checkout_submitted_again_is_dropped_and_the_rest_goes_on() {
    let books = Books::open().await;
    let product = books.stocked(4).await;
    let old = buyers(3, product);
    decide(&books, first_time(&old)).await;
    let mut batch = old.clone();
    batch.extend(buyers(1, product));
    let report = decide(&books, first_time(&batch)).await;
    assert_eq!(report.already_settled.len(), 3);
    assert_eq!(
        accepted(&report),
        1,
        "the last unit goes to the only new order"
    );
    assert_eq!(books.available(product).await, 0);
    books.assert_balanced(product, 0).await;
}

#[tokio::test]
async fn a_commit_whose_answer_was_lost_is_recognised() {
    let books = Books::open().await;
    let product = books.stocked(10).await;
    books.next_transactions([Fault::LoseAnswer]);
    let batch = buyers(3, product);
    let report = decide(&books, first_time(&batch)).await;
    assert!(
        report.unsettled.is_empty() && report.refused.is_empty(),
        "{report:?}"
    );
    assert_eq!(report.already_settled.len(), 3);
    assert_eq!(books.available(product).await, 7);
    books.assert_balanced(product, 0).await;
}

#[tokio::test]
async fn stock_that_moved_is_allocated_again() {
    let books = Books::open().await;
    let product = books.stocked(10).await;
    books.next_transactions([Fault::OthersTake(product, 8)]);
    let report = decide(&books, first_time(&buyers(10, product))).await;
    assert_eq!((report.settled.len(), accepted(&report)), (10, 2));
    assert_eq!(report.conflicts, 1);
    assert_eq!(
        books.calls("BatchGetItem"),
        1,
        "the cancellation itself tells what is left"
    );
    assert_eq!(books.available(product).await, 0);
    books.assert_balanced(product, 8).await;
}

#[tokio::test]
async fn conflicts_and_throttles_are_waited_out() {
    let books = Books::open().await;
    let product = books.stocked(10).await;
    books.next_transactions([Fault::Conflict, Fault::Throttle, Fault::Conflict]);
    let report = decide(&books, first_time(&buyers(3, product))).await;
    assert_eq!((accepted(&report), report.retries), (3, 3));
    books.assert_balanced(product, 0).await;
}

#[tokio::test]
async fn out_of_time_reports_exactly_what_is_undecided() {
    let books = Books::open().await;
    let product = books.stocked(1_000).await;
    // The first transaction goes through; from then on the partition is throttled.
    books.next_transactions([Fault::OthersTake(product, 0)]);
    books.next_transactions((0..1_000).map(|_| Fault::Throttle));
    let batch = buyers(150, product);
    let deadline = Instant::now() + Duration::from_secs(2);
    let report = books.desk().decide(first_time(&batch), deadline).await;
    assert!(
        Instant::now() < deadline + Duration::from_secs(1),
        "it stops in time"
    );
    let undecided: Vec<_> = batch[99..].iter().map(Checkout::key).collect();
    assert_eq!(report.unsettled, undecided);
    assert_eq!(accepted(&report), 99);
    books.assert_balanced(product, 0).await;
}

#[tokio::test]
async fn books_that_do_not_answer_leave_time_to_say_what_is_undecided() {
    let books = Books::open().await;
    let product = books.stocked(10).await;
    let known = buyers(2, product);
    decide(&books, first_time(&known)).await;
    for reads_answered in [0, 1] {
        let new = buyers(1, product);
        let batch = [again(&known), first_time(&new)].concat();
        books.silence_reads_after(reads_answered);
        let deadline = Instant::now() + Duration::from_millis(500);
        let report = books.desk().decide(batch, deadline).await;
        let late = Instant::now().saturating_duration_since(deadline);
        assert!(late < Duration::from_millis(400), "{late:?} late");
        let mut all: Vec<_> = known.iter().chain(&new).map(Checkout::key).collect();
        let undecided = match reads_answered {
            0 => all,
            _ => all.split_off(2),
        };
        assert_eq!(report.unsettled, undecided);
        assert_eq!(report.already_settled.len(), 3 - undecided.len());
        assert!(
            matches!(report.why_not(), StoreError::Unavailable(why) if why == "no answer in time")
        );
        books.answer_reads();
    }
}

/// A role without the permission, or with an expired token, says nothing about any order.
#[tokio::test]
async fn what_is_wrong_with_the_shop_is_not_blamed_on_its_orders() {
    let books = Books::open().await;
    let product = books.stocked(10).await;
    books.next_transactions((0..1_000).map(|_| Fault::Deny));
    let deadline = Instant::now() + Duration::from_millis(500);
    let report = books
        .desk()
        .decide(first_time(&buyers(3, product)), deadline)
        .await;
    assert_eq!((report.refused.len(), report.unsettled.len()), (0, 3));
}

#[tokio::test]
async fn an_entry_of_stock_that_cannot_be_read_holds_up_nobody_but_its_own_buyers() {
    let books = Books::open().await;
    let (good, damaged) = (books.stocked(10).await, books.stocked(10).await);
    books.damage_stock(damaged).await;
    let batch = [
        checkout(&[(good, 1)]),
        checkout(&[(good, 1), (damaged, 1)]),
        checkout(&[(good, 2)]),
    ];
    let report = decide(&books, first_time(&batch)).await;
    assert_eq!(accepted(&report), 2);
    assert_eq!(report.refused, [batch[1].key()]);
    assert_eq!(books.available(good).await, 7);
    let levels = books.stock().levels([good, damaged]).await.unwrap();
    assert_eq!(levels.into_keys().collect::<Vec<_>>(), [good]);
}

#[tokio::test]
async fn an_order_the_books_refuse_is_cornered_and_the_rest_goes_on() {
    let books = Books::open().await;
    let product = books.stocked(100).await;
    let batch = buyers(60, product);
    books.refuse(batch[37].order_id);
    let report = decide(&books, first_time(&batch)).await;
    assert_eq!(report.refused, [batch[37].key()]);
    assert_eq!(accepted(&report), 59);
    assert!(
        books.calls("TransactWriteItems") < 20,
        "halving, not one by one"
    );
    books.assert_balanced(product, 0).await;
}

#[tokio::test]
async fn orders_at_every_limit_still_fit() {
    let books = Books::open().await;
    let mut lines = Vec::new();
    for _ in 0..domain::limits::MAX_LINES {
        lines.push((books.stocked(20_000).await, 10_000));
    }
    // Four bytes a character: the longest name there can be.
    let longest = "🦀".repeat(domain::limits::MAX_NAME_CHARS);
    let batch: Vec<_> = (0..90).map(|_| named_checkout(&longest, &lines)).collect();
    let report = decide(&books, first_time(&batch)).await;
    assert_eq!((report.settled.len(), accepted(&report)), (90, 2));
    assert!(report.refused.is_empty());
    assert!(report.transactions > 1, "4 MB do not hold them all");
    for (product, _) in lines {
        assert_eq!(books.available(product).await, 0);
    }
}

#[tokio::test]
async fn a_product_without_stock_entry_has_none() {
    let books = Books::open().await;
    let unknown = uuid::Uuid::now_v7().try_into().unwrap();
    let report = decide(&books, first_time(&[checkout(&[(unknown, 1)])])).await;
    assert_eq!(report.settled[0].status(), OrderStatus::Rejected);
}

#[tokio::test]
async fn two_desks_on_one_product_never_oversell() {
    let books = Books::open().await;
    let product = books.stocked(100).await;
    let desks = (0..4).map(|_| {
        let (desk, batch) = (books.desk(), first_time(&buyers(60, product)));
        tokio::spawn(async move { desk.decide(batch, soon()).await })
    });
    let mut sold = 0;
    for desk in desks.collect::<Vec<_>>() {
        let report = desk.await.unwrap();
        assert_eq!(report.settled.len(), 60);
        sold += accepted(&report);
    }
    assert_eq!(sold, 100);
    books.assert_balanced(product, 0).await;
}

#[tokio::test]
async fn an_empty_batch_asks_nothing() {
    let books = Books::open().await;
    let report = decide(&books, Vec::new()).await;
    assert!(report.settled.is_empty());
    assert_eq!(
        books.calls("TransactWriteItems") + books.calls("BatchGetItem"),
        0
    );
}
