//! The settlement of a batch, against real tables and with everything that can go wrong between the
//! shop and its tables, at every step.

mod books;

use std::time::{Duration, Instant};

use books::{Books, EnteringFault, Fault, again, checkout, first_time, named_checkout, payment};
use domain::{Change, Checkout, Order, OrderState, OrderStatus, Rejection, Transition};
use jiff::Timestamp;
use store::{BatchReport, Submission};

fn soon() -> Instant {
    Instant::now() + Duration::from_secs(20)
}

/// Too soon for a call that gets no answer.
fn very_soon() -> Instant {
    Instant::now() + Duration::from_millis(500)
}

async fn decide(books: &Books, batch: Vec<Submission>) -> BatchReport {
    books.batches().decide(batch, soon()).await
}

fn accepted(report: &BatchReport) -> usize {
    let accepted = |order: &&Order| order.status() == OrderStatus::WaitingPayment;
    report.decided.iter().filter(accepted).count()
}

fn keys(checkouts: &[Checkout]) -> Vec<domain::OrderKey> {
    checkouts.iter().map(Checkout::key).collect()
}

/// A batch whose function ends after the commit, before any order is entered.
async fn cut_off_after_the_commit(books: &Books, batch: &[Checkout]) {
    books.next_entering([EnteringFault::Silence; 40]);
    let report = books.batches().decide(first_time(batch), very_soon()).await;
    books.forget_faults();
    assert_eq!(report.undecided.len(), batch.len(), "{report:?}");
    assert_eq!(books.open_decisions().await, 1);
}

mod one_batch {
    use super::*;

    #[tokio::test]
    async fn three_hundred_orders_of_one_product_are_one_transaction_and_one_stock_write() {
        let books = Books::open().await;
        let product = books.stocked(200).await;
        let report = decide(&books, first_time(&books.buyers(300, product).await)).await;
        assert_eq!((report.decided.len(), accepted(&report)), (300, 200));
        assert_eq!(books.calls("TransactWriteItems"), 1);
        assert_eq!(books.calls("BatchExecuteStatement"), 12, "25 orders a call");
        assert_eq!(books.open_decisions().await, 0);
        books.assert_balanced(product, 0).await;
    }

    #[tokio::test]
    async fn the_orders_can_be_read_back() {
        let books = Books::open().await;
        let plenty = books.stocked(5).await;
        let scarce = books.stocked(1).await;
        let batch = [
            checkout(&[(plenty, 2)]),
            checkout(&[(plenty, 1), (scarce, 2)]),
        ];
        let report = decide(&books, first_time(&batch)).await;
        for (checkout, decided) in batch.iter().zip(&report.decided) {
            let read = books
                .orders()
                .get(&checkout.user_id, checkout.order_id)
                .await
                .unwrap();
            assert_eq!(read.as_ref(), Some(decided));
            assert_eq!(&decided.checkout, checkout);
        }
        let OrderState::Rejected(Rejection::OutOfStock { short }) = &report.decided[1].state else {
            panic!("all or nothing: {:?}", report.decided[1]);
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
    async fn a_batch_of_rejections_writes_no_stock_and_no_decision() {
        let books = Books::open().await;
        let product = books.stocked(0).await;
        let report = decide(&books, first_time(&books.buyers(60, product).await)).await;
        assert_eq!((report.decided.len(), accepted(&report)), (60, 0));
        assert_eq!(books.calls("TransactWriteItems"), 0);
        assert_eq!(books.open_decisions().await, 0);
    }

    #[tokio::test]
    async fn a_batch_of_very_many_products_is_cut_into_decisions() {
        let books = Books::open().await;
        let mut batch = Vec::new();
        for _ in 0..150 {
            let product = books.stocked(1).await;
            batch.push(checkout(&[(product, 1)]));
        }
        let report = decide(&books, first_time(&batch)).await;
        assert_eq!((report.decided.len(), accepted(&report)), (150, 150));
        assert_eq!(report.transactions, 2, "98 products a transaction");
        assert_eq!(books.open_decisions().await, 0);
    }

    #[tokio::test]
    async fn duplicates_inside_a_batch_are_decided_once() {
        let books = Books::open().await;
        let product = books.stocked(10).await;
        let one = checkout(&[(product, 2)]);
        let report = decide(&books, first_time(&[one.clone(), one.clone(), one])).await;
        assert_eq!(report.decided.len(), 1);
        assert_eq!(books.available(product).await, 8);
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
        let batch: Vec<_> = (0..30).map(|_| named_checkout(&longest, &lines)).collect();
        let report = decide(&books, first_time(&batch)).await;
        assert_eq!((report.decided.len(), accepted(&report)), (30, 2));
        assert!(report.refused.is_empty());
        for (product, _) in lines {
            assert_eq!(books.available(product).await, 0);
        }
    }

    #[tokio::test]
    async fn a_product_without_stock_entry_has_none() {
        let books = Books::open().await;
        let unknown = uuid::Uuid::now_v7().try_into().unwrap();
        let report = decide(&books, first_time(&[checkout(&[(unknown, 1)])])).await;
        assert_eq!(report.decided[0].status(), OrderStatus::Rejected);
    }

    #[tokio::test]
    async fn an_empty_batch_asks_nothing() {
        let books = Books::open().await;
        let report = decide(&books, Vec::new()).await;
        assert!(report.decided.is_empty());
        assert_eq!(
            books.calls("TransactWriteItems") + books.calls("BatchGetItem"),
            0
        );
    }
}

mod seen_before {
    use super::*;

    #[tokio::test]
    async fn a_redelivered_checkout_is_looked_up_and_left_alone() {
        let books = Books::open().await;
        let product = books.stocked(10).await;
        let batch = books.buyers(3, product).await;
        decide(&books, first_time(&batch)).await;
        let report = decide(&books, again(&batch)).await;
        assert_eq!(report.already_decided.len(), 3);
        let transactions = books.calls("TransactWriteItems");
        assert_eq!(transactions, 1, "the second time no stock is written");
        assert_eq!(books.available(product).await, 7);
    }

    #[tokio::test]
    async fn of_a_checkout_given_twice_one_earlier_delivery_is_enough() {
        let books = Books::open().await;
        let product = books.stocked(10).await;
        let batch = books.buyers(1, product).await;
        decide(&books, first_time(&batch)).await;
        let mut twice = first_time(&batch);
        twice.extend(again(&batch));
        let report = decide(&books, twice).await;
        assert_eq!(report.already_decided, [batch[0].key()]);
        assert_eq!(books.calls("TransactWriteItems"), 1);
    }

    /// A copy that SQS made, or a client that submitted twice within a moment: its receive count
    /// says that it is new. Its units are taken once more and go back when the decision is closed.
    #[tokio::test]
    async fn a_copy_that_looks_new_takes_units_for_a_moment_only() {
        let books = Books::open().await;
        let product = books.stocked(4).await;
        let old = books.buyers(2, product).await;
        decide(&books, first_time(&old)).await;
        let report = decide(&books, first_time(&old)).await;
        assert_eq!(report.already_decided, keys(&old));
        assert_eq!(books.available(product).await, 2);
        assert_eq!(books.open_decisions().await, 0);
        books.assert_balanced(product, 0).await;
    }

    /// The first decision's order was cancelled meanwhile: it must neither rise again nor cost a unit.
    #[tokio::test]
    async fn a_copy_of_a_cancelled_order_changes_nothing() {
        let books = Books::open().await;
        let product = books.stocked(4).await;
        let old = books.buyers(1, product).await;
        let order = decide(&books, first_time(&old)).await.decided.remove(0);
        let at = Timestamp::now();
        let cancel = Change::new(&order, Transition::Cancel { at }).unwrap();
        books.releases().release(vec![cancel], soon()).await;
        let report = decide(&books, first_time(&old)).await;
        assert_eq!(report.already_decided, keys(&old));
        assert_eq!(books.status(&old[0]).await, Some(OrderStatus::Cancelled));
        assert_eq!(books.available(product).await, 4);
        books.assert_balanced(product, 0).await;
    }

    /// A copy meets its own order's units as a shortage. It was not seen before by its count, so only
    /// the order itself tells.
    #[tokio::test]
    async fn a_copy_that_would_be_rejected_leaves_its_accepted_order_alone() {
        let books = Books::open().await;
        let product = books.stocked(1).await;
        let old = books.buyers(1, product).await;
        decide(&books, first_time(&old)).await;
        let report = decide(&books, first_time(&old)).await;
        assert_eq!(report.already_decided, keys(&old));
        assert_eq!(
            books.status(&old[0]).await,
            Some(OrderStatus::WaitingPayment)
        );
    }
}

mod committing {
    use super::*;

    #[tokio::test]
    async fn a_commit_whose_answer_was_lost_is_recognised_by_its_record() {
        let books = Books::open().await;
        let product = books.stocked(10).await;
        books.next_transactions([Fault::LoseAnswer]);
        let batch = books.buyers(3, product).await;
        let report = decide(&books, first_time(&batch)).await;
        assert_eq!((report.decided.len(), report.transactions), (3, 1));
        assert_eq!(books.available(product).await, 7);
        assert_eq!(books.open_decisions().await, 0);
        books.assert_balanced(product, 0).await;
    }

    /// The first attempt lands after the second was committed: it must do nothing.
    #[tokio::test]
    async fn an_attempt_that_lands_late_takes_nothing_again() {
        let books = Books::open().await;
        let product = books.stocked(10).await;
        books.next_transactions([Fault::LandLate]);
        let report = decide(&books, first_time(&books.buyers(3, product).await)).await;
        assert_eq!(accepted(&report), 3);
        assert_eq!(books.land_late().await, 0, "its id is taken");
        assert_eq!(books.available(product).await, 7);
        books.assert_balanced(product, 0).await;
    }

    /// The attempt is overtaken by another allocation of the same checkouts, and lands then: its units
    /// are held until the sweep, which the function itself can't do any more.
    #[tokio::test]
    async fn an_overtaken_attempt_that_lands_late_gives_its_units_back_at_the_sweep() {
        let books = Books::open().await;
        let product = books.stocked(10).await;
        books.next_transactions([Fault::LandLate, Fault::OthersTake(product, 8)]);
        let report = decide(&books, first_time(&books.buyers(3, product).await)).await;
        assert_eq!((report.decided.len(), accepted(&report)), (3, 2));
        books.restock(product, 8).await;
        assert_eq!(books.land_late().await, 1);
        assert_eq!(books.available(product).await, 5);
        books.assert_balanced(product, 8).await;
        books.age_decisions().await;
        let sweep = books.batches().sweep(soon()).await.expect("it is swept");
        assert_eq!((sweep.closed, sweep.left_open), (1, 0));
        assert_eq!(books.available(product).await, 8);
        books.assert_balanced(product, 8).await;
    }

    #[tokio::test]
    async fn stock_that_moved_is_allocated_again() {
        let books = Books::open().await;
        let product = books.stocked(10).await;
        books.next_transactions([Fault::OthersTake(product, 8)]);
        let report = decide(&books, first_time(&books.buyers(10, product).await)).await;
        assert_eq!((report.decided.len(), accepted(&report)), (10, 2));
        assert_eq!(report.conflicts, 1);
        assert_eq!(books.available(product).await, 0);
        books.assert_balanced(product, 8).await;
    }

    #[tokio::test]
    async fn conflicts_and_throttles_are_waited_out() {
        let books = Books::open().await;
        let product = books.stocked(10).await;
        books.next_transactions([Fault::Conflict, Fault::Throttle, Fault::Conflict]);
        let report = decide(&books, first_time(&books.buyers(3, product).await)).await;
        assert_eq!((accepted(&report), report.retries), (3, 3));
        books.assert_balanced(product, 0).await;
    }

    #[tokio::test]
    async fn out_of_time_reports_exactly_what_is_undecided() {
        let books = Books::open().await;
        let product = books.stocked(1_000).await;
        let batch = books.buyers(150, product).await;
        books.next_transactions((0..1_000).map(|_| Fault::Throttle));
        let deadline = very_soon();
        let report = books.batches().decide(first_time(&batch), deadline).await;
        assert!(
            Instant::now() < deadline + Duration::from_secs(1),
            "it stops in time"
        );
        assert_eq!(report.undecided, keys(&batch));
        books.assert_balanced(product, 0).await;
    }

    #[tokio::test]
    async fn tables_that_do_not_answer_leave_time_to_say_what_is_undecided() {
        let books = Books::open().await;
        let product = books.stocked(10).await;
        let batch = books.buyers(2, product).await;
        for reads_answered in [0, 1] {
            books.silence_reads_after(reads_answered);
            let deadline = very_soon();
            let report = books.batches().decide(again(&batch), deadline).await;
            let late = Instant::now().saturating_duration_since(deadline);
            assert!(late < Duration::from_millis(400), "{late:?} late");
            assert_eq!(report.undecided, keys(&batch));
            books.answer_reads();
        }
    }

    /// A role without the permission, or with an expired token, says nothing about any order.
    #[tokio::test]
    async fn trouble_of_the_shop_is_not_blamed_on_its_orders() {
        let books = Books::open().await;
        let product = books.stocked(10).await;
        let batch = books.buyers(3, product).await;
        books.next_transactions((0..1_000).map(|_| Fault::Deny));
        let report = books
            .batches()
            .decide(first_time(&batch), very_soon())
            .await;
        assert_eq!((report.refused.len(), report.undecided.len()), (0, 3));
    }

    #[tokio::test]
    async fn stock_that_cannot_be_read_holds_up_its_own_buyers_alone() {
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
    }

    #[tokio::test]
    async fn stock_that_cannot_be_written_holds_up_its_own_buyers_alone() {
        let books = Books::open().await;
        let (good, unmovable) = (books.stocked(10).await, books.stocked(10).await);
        books.refuse_moves_of(unmovable);
        let batch = [checkout(&[(good, 1)]), checkout(&[(unmovable, 1)])];
        let report = decide(&books, first_time(&batch)).await;
        assert_eq!(accepted(&report), 1);
        assert_eq!(report.refused, [batch[1].key()]);
    }

    #[tokio::test]
    async fn an_order_that_the_tables_refuse_is_found_and_the_rest_goes_on() {
        let books = Books::open().await;
        let product = books.stocked(100).await;
        let batch = books.buyers(60, product).await;
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
    async fn four_functions_on_one_product_never_oversell() {
        let books = Books::open().await;
        let product = books.stocked(100).await;
        let mut running = Vec::new();
        for _ in 0..4 {
            let (batches, batch) = (books.batches(), books.buyers(60, product).await);
            running.push(tokio::spawn(async move {
                batches.decide(first_time(&batch), soon()).await
            }));
        }
        let mut sold = 0;
        for batch in running {
            let report = batch.await.unwrap();
            assert_eq!(report.decided.len(), 60);
            sold += accepted(&report);
        }
        assert_eq!(sold, 100);
        books.assert_balanced(product, 0).await;
    }
}

mod entering {
    use super::*;

    /// The likeliest mistake of all: a throttled statement that counts as attempted would close the
    /// decision, and its order would never be entered though its unit is taken.
    #[tokio::test]
    async fn throttled_statements_are_repeated_before_the_decision_is_closed() {
        let books = Books::open().await;
        let product = books.stocked(50).await;
        books.next_entering([
            EnteringFault::ThrottleHalf,
            EnteringFault::Throttle,
            EnteringFault::ThrottleHalf,
        ]);
        let batch = books.buyers(50, product).await;
        let report = decide(&books, first_time(&batch)).await;
        assert_eq!(accepted(&report), 50);
        assert_eq!(books.open_decisions().await, 0);
        books.assert_balanced(product, 0).await;
    }

    #[tokio::test]
    async fn entries_whose_answer_was_lost_are_recognised() {
        let books = Books::open().await;
        let product = books.stocked(50).await;
        books.next_entering([EnteringFault::LoseAnswer]);
        let batch = books.buyers(20, product).await;
        let report = decide(&books, first_time(&batch)).await;
        assert_eq!(report.decided.len(), 20, "they are this decision's own");
        assert_eq!(books.available(product).await, 30);
        assert_eq!(books.open_decisions().await, 0);
        books.assert_balanced(product, 0).await;
    }

    #[tokio::test]
    async fn a_decision_stays_open_while_an_order_of_it_is_throttled() {
        let books = Books::open().await;
        let product = books.stocked(50).await;
        let batch = books.buyers(10, product).await;
        books.next_entering([EnteringFault::ThrottleHalf]);
        books.next_entering([EnteringFault::Throttle; 1_000]);
        let report = books
            .batches()
            .decide(first_time(&batch), very_soon())
            .await;
        books.forget_faults();
        assert_eq!((report.decided.len(), report.undecided.len()), (5, 5));
        assert_eq!(books.open_decisions().await, 1);
        books.assert_balanced(product, 0).await;
        let report = decide(&books, again(&batch)).await;
        assert_eq!(
            (report.recovered.len(), report.already_decided.len()),
            (10, 10)
        );
        assert_eq!(books.open_decisions().await, 0);
        books.assert_balanced(product, 0).await;
    }
}

mod recovery {
    use super::*;

    #[tokio::test]
    async fn a_message_that_comes_again_finishes_the_decision_at_once() {
        let books = Books::open().await;
        let product = books.stocked(10).await;
        let batch = books.buyers(4, product).await;
        cut_off_after_the_commit(&books, &batch).await;
        books.assert_balanced(product, 0).await;
        let report = decide(&books, again(&batch[..1])).await;
        assert_eq!(report.already_decided, keys(&batch[..1]));
        assert_eq!(report.recovered.len(), 4, "the whole decision is entered");
        assert_eq!(books.available(product).await, 6);
        assert_eq!(books.open_decisions().await, 0);
        books.assert_balanced(product, 0).await;
    }

    /// The units that an order waits for are held by a decision of its own: it is not rejected.
    #[tokio::test]
    async fn nobody_is_rejected_for_units_that_an_open_decision_holds_for_that_order() {
        let books = Books::open().await;
        let product = books.stocked(4).await;
        let batch = books.buyers(4, product).await;
        cut_off_after_the_commit(&books, &batch).await;
        let stranger = books.buyers(1, product).await;
        // As new as a copy looks.
        let mixed = [&stranger[..], &batch[..]].concat();
        let report = decide(&books, first_time(&mixed)).await;
        assert_eq!(report.already_decided, keys(&batch));
        for checkout in &batch {
            let status = books.status(checkout).await;
            assert_eq!(status, Some(OrderStatus::WaitingPayment));
        }
        assert_eq!(
            books.status(&stranger[0]).await,
            Some(OrderStatus::Rejected)
        );
        books.assert_balanced(product, 0).await;
    }

    #[tokio::test]
    async fn the_sweep_finishes_what_no_message_brings_back() {
        let books = Books::open().await;
        let product = books.stocked(10).await;
        let batch = books.buyers(4, product).await;
        cut_off_after_the_commit(&books, &batch).await;
        let young = books.batches().sweep(soon()).await.expect("it is swept");
        assert_eq!(young.closed, 0, "its owner may be alive");
        books.age_decisions().await;
        let sweep = books.batches().sweep(soon()).await.expect("it is swept");
        assert_eq!((sweep.closed, sweep.recovered.len()), (1, 4));
        let status = books.status(&batch[3]).await;
        assert_eq!(status, Some(OrderStatus::WaitingPayment));
        assert_eq!(books.open_decisions().await, 0);
        books.assert_balanced(product, 0).await;
    }

    /// Entered, paid and cancelled orders of an open decision: recovering it changes none of them and
    /// gives no unit back twice.
    #[tokio::test]
    async fn recovery_never_overwrites_an_order_nor_returns_a_unit_twice() {
        let books = Books::open().await;
        let product = books.stocked(10).await;
        let batch = books.buyers(3, product).await;
        books.keep_decisions_open(true);
        let mut report = decide_in(&books, &batch).await;
        books.keep_decisions_open(false);
        assert_eq!(books.open_decisions().await, 1);
        let (paid, cancelled) = (report.decided.remove(0), report.decided.remove(0));
        books.orders().advance(&paid, payment()).await.unwrap();
        let at = Timestamp::now();
        let cancel = Change::new(&cancelled, Transition::Cancel { at }).unwrap();
        books.releases().release(vec![cancel], soon()).await;
        assert_eq!(books.available(product).await, 8);

        let report = decide(&books, again(&batch)).await;
        assert_eq!(report.already_decided.len(), 3);
        let statuses = [
            OrderStatus::Paid,
            OrderStatus::Cancelled,
            OrderStatus::WaitingPayment,
        ];
        for (checkout, status) in batch.iter().zip(statuses) {
            assert_eq!(books.status(checkout).await, Some(status));
        }
        assert_eq!(books.available(product).await, 8);
        assert_eq!(books.open_decisions().await, 0);
        books.assert_balanced(product, 0).await;
    }

    /// Two decisions accept the same order; both are closed several times. Its units are held once.
    #[tokio::test]
    async fn two_open_decisions_of_one_order_return_its_units_once() {
        let books = Books::open().await;
        let product = books.stocked(10).await;
        let batch = books.buyers(2, product).await;
        cut_off_after_the_commit(&books, &batch).await;
        books.next_entering([EnteringFault::Silence; 40]);
        // As new as a copy looks, and stock is plenty: nothing makes this batch look.
        books
            .batches()
            .decide(first_time(&batch), very_soon())
            .await;
        books.forget_faults();
        assert_eq!(books.open_decisions().await, 2);
        assert_eq!(books.available(product).await, 6);
        books.age_decisions().await;
        let sweeps = [books.batches(), books.batches()];
        let (one, other) = tokio::join!(sweeps[0].sweep(soon()), sweeps[1].sweep(soon()));
        one.expect("it is swept");
        other.expect("it is swept");
        assert_eq!(books.open_decisions().await, 0);
        assert_eq!(books.available(product).await, 8);
        books.assert_balanced(product, 0).await;
    }

    /// A decision that can't be finished holds up its own checkouts and no others.
    #[tokio::test]
    async fn a_decision_without_its_carts_holds_up_nobody_else() {
        let books = Books::open().await;
        let product = books.stocked(10).await;
        // Without a cart the order can't be entered by others than the message's own batch.
        let lost = [checkout(&[(product, 1)])];
        cut_off_after_the_commit(&books, &lost).await;
        let others = books.buyers(2, product).await;
        let mixed = [again(&lost), first_time(&others)].concat();
        let report = decide(&books, mixed).await;
        assert_eq!(report.undecided, keys(&lost));
        assert_eq!(accepted(&report), 2);
        assert_eq!(books.open_decisions().await, 1, "operators are alarmed");
    }

    async fn decide_in(books: &Books, batch: &[Checkout]) -> BatchReport {
        let deadline = Instant::now() + Duration::from_secs(4);
        books.batches().decide(first_time(batch), deadline).await
    }
}
