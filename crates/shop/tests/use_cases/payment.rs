//! What may happen to an order while its payment is authorised.

use std::sync::Arc;

use domain::{Cart, Forbidden, OrderStatus, fixtures};
use jiff::Timestamp;
use shop::{PaymentService, Resource, ShopError};

use crate::books::{Books, payment};
use crate::provider::{FakeProvider, card};
use crate::{ada, cancel_beside, status, tea, unpaid};

fn service(books: &Books) -> PaymentService<FakeProvider> {
    PaymentService {
        orders: books.orders(),
        carts: books.carts(),
        provider: FakeProvider::default(),
    }
}

#[tokio::test]
async fn a_payment_that_comes_too_late_is_given_back() {
    let books = Arc::new(Books::open().await);
    let order = unpaid(&books, tea(&books, 1).await).await;
    let service = service(&books);
    let (beside, cancelled) = (books.clone(), order.clone());
    service
        .provider
        .meanwhile(async move { cancel_beside(&beside, &cancelled).await });
    let late = service.pay(&ada(), order.order_id(), &card()).await;
    assert!(matches!(
        late,
        Err(ShopError::PaidTooLate(OrderStatus::Cancelled))
    ));
    assert_eq!(service.provider.given_back(), ["payment-1"]);
    assert_eq!(status(&books, &order).await, OrderStatus::Cancelled);
}

#[tokio::test]
async fn a_payment_that_is_asked_for_twice_at_once_is_kept() {
    let books = Arc::new(Books::open().await);
    let order = unpaid(&books, tea(&books, 1).await).await;
    let service = service(&books);
    let (orders, same) = (books.orders(), order.clone());
    service.provider.meanwhile(async move {
        let paid = orders.advance(&same, payment()).await;
        paid.expect("the twin pays");
    });
    let paid = service.pay(&ada(), order.order_id(), &card()).await;
    assert_eq!(paid.expect("it is paid").status(), OrderStatus::Paid);
    assert!(service.provider.given_back().is_empty());
}

#[tokio::test]
async fn an_order_without_a_payment_stays_unpaid_when_the_provider_is_silent() {
    let books = Books::open().await;
    let order = unpaid(&books, tea(&books, 1).await).await;
    let service = service(&books);
    service.provider.be_silent(true);
    let silent = service.pay(&ada(), order.order_id(), &card()).await;
    assert!(matches!(silent, Err(ShopError::ProviderSilent)));
    assert_eq!(status(&books, &order).await, OrderStatus::WaitingPayment);
}

#[tokio::test]
async fn an_order_that_is_not_decided_yet_cannot_be_paid_yet() {
    let books = Books::open().await;
    let service = service(&books);
    let checkout = fixtures::checkout(&[(fixtures::product_id(1), 1)]);
    let order_id = checkout.order_id;
    let unknown = service.pay(&ada(), order_id, &card()).await;
    assert!(matches!(unknown, Err(ShopError::NotFound(Resource::Order))));
    let cart = Cart::submitted(order_id.into(), ada(), checkout.lines, Timestamp::now());
    assert!(books.carts().create(&cart).await.expect("it is written"));
    let pending = service.pay(&ada(), order_id, &card()).await;
    let expected = Forbidden {
        from: OrderStatus::Pending,
        to: OrderStatus::Paid,
    };
    assert!(matches!(pending, Err(ShopError::OrderCannot(it)) if it == expected));
}
