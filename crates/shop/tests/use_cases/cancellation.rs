//! Cancelling, whatever the provider says.

use domain::OrderStatus;
use shop::{CancellationService, ShopError};

use crate::books::{Books, Fault};
use crate::provider::FakeProvider;
use crate::{ada, paid, soon, status, tea, unpaid};

fn service(books: &Books) -> CancellationService<FakeProvider> {
    CancellationService {
        orders: books.orders(),
        carts: books.carts(),
        settlement: books.releases(),
        provider: FakeProvider::default(),
    }
}

#[tokio::test]
async fn nobody_is_told_of_a_refund_that_the_provider_has_not_confirmed() {
    let books = Books::open().await;
    let product = tea(&books, 1).await;
    let order = paid(&books, product).await;
    let service = service(&books);
    service.provider.be_silent(true);
    let silent = service.cancel(&ada(), order.order_id(), soon()).await;
    assert!(matches!(silent, Err(ShopError::RefundSilent)));
    assert_eq!(status(&books, &order).await, OrderStatus::Cancelled);
    assert_eq!(books.available(product).await, 1, "the unit is back");

    service.provider.be_silent(false);
    let again = service.cancel(&ada(), order.order_id(), soon()).await;
    assert_eq!(again.expect("it is done").status(), OrderStatus::Cancelled);
    assert_eq!(service.provider.given_back(), ["payment-1"]);
    assert_eq!(books.available(product).await, 1, "and only once");
}

#[tokio::test]
async fn an_unpaid_order_is_cancelled_without_the_provider() {
    let books = Books::open().await;
    let order = unpaid(&books, tea(&books, 1).await).await;
    let service = service(&books);
    service.provider.be_silent(true);
    let cancelled = service.cancel(&ada(), order.order_id(), soon()).await;
    assert_eq!(
        cancelled.expect("it is done").status(),
        OrderStatus::Cancelled
    );
}

#[tokio::test]
async fn an_order_that_is_paid_just_before_is_cancelled_and_refunded() {
    let books = Books::open().await;
    let order = unpaid(&books, tea(&books, 1).await).await;
    let service = service(&books);
    books.next_transactions([Fault::SomebodyPays(Box::new(order.clone()))]);
    let cancelled = service.cancel(&ada(), order.order_id(), soon()).await;
    assert_eq!(
        cancelled.expect("it is done").status(),
        OrderStatus::Cancelled
    );
    assert_eq!(service.provider.given_back(), ["payment-1"]);
}
