//! A batch of the checkout queue: decided messages may be deleted, all others come again.

use std::time::{Duration, Instant};

use domain::{Checkout, OrderStatus};
use shop::{BatchService, QueueMessage};

use crate::books::{Books, checkout};
use crate::queue::Queue;
use crate::{soon, tea};

async fn service(books: &Books) -> BatchService {
    BatchService {
        settlement: books.desk(),
        expiries: Queue::open().await.of_expiries(),
    }
}

fn message(message_id: &str, body: String) -> QueueMessage {
    QueueMessage {
        message_id: message_id.to_owned(),
        body,
        sent_at: Some(0),
        receive_count: Some(1),
        traceparent: None,
    }
}

fn body(checkout: &Checkout) -> String {
    serde_json::to_string(checkout).unwrap()
}

async fn status(books: &Books, checkout: &Checkout) -> Option<OrderStatus> {
    let (orders, user_id) = (books.orders(), &checkout.user_id);
    let order = orders.get(user_id, checkout.order_id).await;
    order.unwrap().map(|order| order.status())
}

#[tokio::test]
async fn what_is_decided_may_be_deleted_and_all_else_comes_again() {
    let books = Books::open().await;
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
    let mut again = service(&books).await.decide(batch, soon()).await;
    again.sort_unstable();
    assert_eq!(again, ["poison", "refused"]);
    assert_eq!(
        status(&books, &first).await,
        Some(OrderStatus::WaitingPayment)
    );
    assert_eq!(status(&books, &short).await, Some(OrderStatus::Rejected));
    assert_eq!(status(&books, &refused).await, None);
    assert_eq!(books.available(product).await, 1);
}

#[tokio::test]
async fn every_message_comes_again_when_the_books_do_not_answer_in_time() {
    let books = Books::open().await;
    let checkout = checkout(&[(tea(&books, 1).await, 1)]);
    books.silence_reads_after(0);
    let batch = || vec![message("a", body(&checkout)), message("b", body(&checkout))];
    let service = service(&books).await;
    let deadline = Instant::now() + Duration::from_millis(100);
    assert_eq!(service.decide(batch(), deadline).await, ["a", "b"]);

    books.answer_reads();
    assert!(service.decide(batch(), soon()).await.is_empty());
    assert_eq!(
        status(&books, &checkout).await,
        Some(OrderStatus::WaitingPayment)
    );
}
