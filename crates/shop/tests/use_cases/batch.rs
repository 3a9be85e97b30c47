//! A batch of the checkout queue: what is delivered and what it gathers by itself.

use std::time::{Duration, Instant};

use domain::{Checkout, OrderStatus};
use shop::BatchService;
use store::{CheckoutMessage, Gathering, QueueMessage};

use crate::books::{Books, EnteringFault, checkout};
use crate::queue::Queue;
use crate::{soon, tea};

const GATHERING: Gathering = Gathering {
    time: Duration::from_millis(500),
    most: 100,
};

async fn service(books: &Books, queue: &Queue) -> BatchService {
    BatchService {
        settlement: books.batches(),
        queue: queue.of_checkouts(),
        gathering: GATHERING,
        expiries: Queue::open().await.of_expiries(),
    }
}

fn message(message_id: &str, body: String) -> QueueMessage {
    QueueMessage {
        message_id: message_id.to_owned(),
        receipt_handle: format!("handle of {message_id}"),
        body,
        sent_at: Some(0),
        receive_count: Some(1),
        ..QueueMessage::default()
    }
}

fn body(checkout: &Checkout) -> String {
    CheckoutMessage::new(checkout, false).to_json()
}

#[tokio::test]
async fn what_is_decided_may_be_deleted_and_all_else_comes_again() {
    let books = Books::open().await;
    let queue = Queue::open().await;
    let product = tea(&books, 2).await;
    let [first, short, refused] = [1, 2, 1].map(|units| checkout(&[(product, units)]));
    books.refuse(refused.order_id);
    let batch = vec![
        message("first", body(&first)),
        message("first again", body(&first)),
        message("short", body(&short)),
        message("poison", "{}".to_owned()),
        message("refused", body(&refused)),
    ];
    let mut again = service(&books, &queue).await.decide(batch, soon()).await;
    again.sort_unstable();
    assert_eq!(again, ["poison", "refused"]);
    let status = books.status(&first).await;
    assert_eq!(status, Some(OrderStatus::WaitingPayment));
    assert_eq!(books.status(&short).await, Some(OrderStatus::Rejected));
    assert_eq!(books.status(&refused).await, None);
    assert_eq!(books.available(product).await, 1);
    assert!(queue.deleted().is_empty(), "the event source deletes these");
    let returned = queue.returned();
    assert!(returned.is_empty(), "poison is not hurried: {returned:?}");
}

#[tokio::test]
async fn a_message_that_comes_alone_asks_the_queue_for_no_more() {
    let books = Books::open().await;
    let queue = Queue::open().await;
    let alone = checkout(&[(tea(&books, 1).await, 1)]);
    let batch = vec![message("alone", body(&alone))];
    let again = service(&books, &queue).await.decide(batch, soon()).await;
    assert!(again.is_empty());
    assert_eq!(queue.receives(), 0);
}

/// What waits in the queue shares the batch, is decided with it, and is deleted by the batch itself.
#[tokio::test]
async fn a_batch_gathers_what_waits_in_the_queue_and_deletes_it_once_decided() {
    let books = Books::open().await;
    let queue = Queue::open().await;
    let product = tea(&books, 40).await;
    let checkouts: Vec<Checkout> = (0..37).map(|_| checkout(&[(product, 1)])).collect();
    let mut messages: Vec<QueueMessage> = checkouts
        .iter()
        .enumerate()
        .map(|(number, checkout)| message(&format!("{number:02}"), body(checkout)))
        .collect();
    let gathered = messages.split_off(2);
    let handles: Vec<String> = gathered
        .iter()
        .map(|it| it.receipt_handle.clone())
        .collect();
    queue.put(gathered);
    let again = service(&books, &queue).await.decide(messages, soon()).await;
    assert!(again.is_empty());
    assert_eq!(queue.deleted(), handles);
    assert_eq!(books.calls("TransactWriteItems"), 1, "one batch");
    for checkout in &checkouts {
        let status = books.status(checkout).await;
        assert_eq!(status, Some(OrderStatus::WaitingPayment));
    }
}

#[tokio::test]
async fn a_batch_gathers_no_more_than_it_may() {
    let books = Books::open().await;
    let queue = Queue::open().await;
    let product = tea(&books, 400).await;
    let new = |number: usize| message(&number.to_string(), body(&checkout(&[(product, 1)])));
    queue.put((0..200).map(new));
    let delivered = vec![new(1_000), new(1_001)];
    service(&books, &queue)
        .await
        .decide(delivered, soon())
        .await;
    assert_eq!(queue.deleted().len(), GATHERING.most - 2);
}

/// Delivered or gathered, an undecided message is visible at once the first time, later after a pause.
#[tokio::test]
async fn undecided_messages_are_made_visible_at_once() {
    let books = Books::open().await;
    let queue = Queue::open().await;
    let product = tea(&books, 5).await;
    let new = |name: &str| message(name, body(&checkout(&[(product, 1)])));
    books.silence_reads_after(0);
    queue.put([new("gathered")]);
    let often = QueueMessage {
        receive_count: Some(4),
        ..new("often delivered")
    };
    let delivered = vec![new("delivered"), often];
    let deadline = Instant::now() + Duration::from_millis(700);
    let mut again = service(&books, &queue)
        .await
        .decide(delivered, deadline)
        .await;
    again.sort_unstable();
    assert_eq!(again, ["delivered", "often delivered"]);
    let returned = queue.returned();
    let returned: Vec<(&str, u64)> = returned
        .iter()
        .map(|(handle, seconds)| (handle.as_str(), *seconds))
        .collect();
    let expected = [
        ("handle of delivered", 0),
        ("handle of gathered", 0),
        ("handle of often delivered", 4),
    ];
    assert_eq!(returned, expected);
    assert!(queue.deleted().is_empty());
}

/// Acknowledged only when it is entered: until then its message may be the one that finishes it.
#[tokio::test]
async fn a_committed_checkout_whose_order_is_not_entered_comes_again() {
    let books = Books::open().await;
    let queue = Queue::open().await;
    let bought = checkout(&[(tea(&books, 1).await, 1)]);
    let bought = books.submitted(bought).await;
    books.next_entering([EnteringFault::Silence; 9]);
    let service = service(&books, &queue).await;
    let batch = || vec![message("a", body(&bought))];
    let deadline = Instant::now() + Duration::from_millis(500);
    assert_eq!(service.decide(batch(), deadline).await, ["a"]);
    assert_eq!(books.open_decisions().await, 1);

    books.forget_faults();
    let mut second = batch();
    second[0].receive_count = Some(2);
    assert!(service.decide(second, soon()).await.is_empty());
    let status = books.status(&bought).await;
    assert_eq!(status, Some(OrderStatus::WaitingPayment));
    assert_eq!(books.open_decisions().await, 0);
}

#[tokio::test]
async fn every_message_comes_again_when_the_tables_do_not_answer_in_time() {
    let books = Books::open().await;
    let queue = Queue::open().await;
    let checkout = checkout(&[(tea(&books, 1).await, 1)]);
    books.silence_reads_after(0);
    let batch = || vec![message("a", body(&checkout)), message("b", body(&checkout))];
    let service = service(&books, &queue).await;
    let deadline = Instant::now() + Duration::from_millis(300);
    assert_eq!(service.decide(batch(), deadline).await, ["a", "b"]);

    books.answer_reads();
    assert!(service.decide(batch(), soon()).await.is_empty());
    let status = books.status(&checkout).await;
    assert_eq!(status, Some(OrderStatus::WaitingPayment));
}
