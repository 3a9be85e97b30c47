//! Expiring orders by their message, and without it.

use domain::{Order, OrderStatus, ProductId};
use jiff::SignedDuration;
use shop::ExpiryService;
use store::{DirectSettlement, QueueMessage, TimeToPayIsOver};

use crate::books::{Books, checkout};
use crate::{soon, status, tea, unpaid};

fn service(books: &Books) -> ExpiryService {
    ExpiryService {
        orders: books.orders(),
        settlement: books.releases(),
    }
}

/// An order whose time to pay has been over for this long.
async fn overdue(books: &Books, product: ProductId, seconds: i64) -> Order {
    let window = SignedDuration::from_secs(-seconds);
    let settlement = DirectSettlement::new(&books.client, books.stock(), books.orders(), window);
    let checkout = checkout(&[(product, 1)]);
    let mut report = settlement.decide(checkout, soon()).await;
    report.settled.pop().expect("it is decided")
}

fn notice(message_id: &str, orders: &[&Order]) -> QueueMessage {
    let orders = orders.iter().map(|order| order.key()).collect();
    QueueMessage {
        message_id: message_id.to_owned(),
        body: serde_json::to_string(&TimeToPayIsOver { orders }).unwrap(),
        ..QueueMessage::default()
    }
}

#[tokio::test]
async fn a_message_that_comes_too_early_comes_again() {
    let books = Books::open().await;
    let product = tea(&books, 3).await;
    let due = overdue(&books, product, 1).await;
    let also_due = overdue(&books, product, 1).await;
    let early = unpaid(&books, product).await;
    let messages = vec![
        notice("due", &[&due]),
        notice("early", &[&also_due, &early]),
    ];
    let again = service(&books).expire_named(messages, soon()).await;
    assert_eq!(again.unwrap(), ["early"]);
    assert_eq!(status(&books, &due).await, OrderStatus::Expired);
    assert_eq!(status(&books, &also_due).await, OrderStatus::Expired);
    assert_eq!(status(&books, &early).await, OrderStatus::WaitingPayment);
    assert_eq!(books.available(product).await, 2);
}

/// An order that has only just become due is left to its message.
#[tokio::test]
async fn a_sweep_expires_what_is_long_overdue() {
    let books = Books::open().await;
    let product = tea(&books, 2).await;
    let long_overdue = overdue(&books, product, 60).await;
    let just_due = overdue(&books, product, 1).await;
    service(&books).sweep(soon()).await.unwrap();
    assert_eq!(status(&books, &long_overdue).await, OrderStatus::Expired);
    assert_eq!(status(&books, &just_due).await, OrderStatus::WaitingPayment);
    assert_eq!(books.available(product).await, 1);
}
