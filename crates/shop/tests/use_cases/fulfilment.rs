//! Shipping: never unpaid, and every report may come twice.

use std::sync::Arc;

use domain::{Forbidden, OrderStatus};
use shop::fulfilment::Parcel;
use shop::{FulfilmentService, ShopError};

use crate::books::Books;
use crate::provider::FakeProvider;
use crate::{cancel_beside, paid, status, tea};

fn service(books: &Books) -> FulfilmentService<FakeProvider> {
    FulfilmentService {
        orders: books.orders(),
        provider: FakeProvider::default(),
    }
}

fn parcel(tracking_number: &str) -> Parcel {
    Parcel {
        carrier: "Pigeon Post".parse().unwrap(),
        tracking_number: tracking_number.parse().unwrap(),
    }
}

fn is_refused(refused: Result<domain::Order, ShopError>, from: OrderStatus) -> bool {
    let to = OrderStatus::Shipping;
    matches!(refused, Err(ShopError::OrderCannot(it)) if it == Forbidden { from, to })
}

#[tokio::test]
async fn what_is_cancelled_while_its_payment_is_captured_is_given_back() {
    let books = Arc::new(Books::open().await);
    let order = paid(&books, tea(&books, 1).await).await;
    let service = service(&books);
    let (beside, cancelled) = (books.clone(), order.clone());
    service
        .provider
        .meanwhile(async move { cancel_beside(&beside, &cancelled).await });
    let refused = service.ship(order.order_id(), &parcel("PP-1")).await;
    assert!(is_refused(refused, OrderStatus::Cancelled));
    assert_eq!(service.provider.given_back(), ["payment-1"]);
}

#[tokio::test]
async fn the_same_parcel_may_be_reported_again_and_no_other() {
    let books = Books::open().await;
    let order = paid(&books, tea(&books, 1).await).await;
    let service = service(&books);
    for _ in 0..2 {
        let shipped = service.ship(order.order_id(), &parcel("PP-1")).await;
        assert_eq!(shipped.expect("it leaves").status(), OrderStatus::Shipping);
    }
    let other = service.ship(order.order_id(), &parcel("PP-2")).await;
    assert!(is_refused(other, OrderStatus::Shipping));
    for _ in 0..2 {
        let arrived = service.complete(order.order_id()).await;
        assert_eq!(
            arrived.expect("it arrives").status(),
            OrderStatus::Completed
        );
    }
}

#[tokio::test]
async fn nothing_ships_when_its_payment_is_gone() {
    let books = Books::open().await;
    let order = paid(&books, tea(&books, 1).await).await;
    let service = service(&books);
    service.provider.lose_payments();
    let gone = service.ship(order.order_id(), &parcel("PP-1")).await;
    assert!(matches!(gone, Err(ShopError::PaymentGone)));
    assert_eq!(status(&books, &order).await, OrderStatus::Paid);
}
