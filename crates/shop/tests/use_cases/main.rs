//! The use cases against real tables, with a payment provider and a queue that do what the test says.

mod batch;
#[path = "../../../store/tests/books/mod.rs"]
mod books;
mod cancellation;
mod carts;
mod catalogue;
mod checkout;
mod direct_order;
mod expiry;
mod fulfilment;
mod payment;
mod provider;
mod queue;

use std::time::{Duration, Instant};

use books::{Books, checkout, payment};
use domain::{
    Basket, Change, Order, OrderStatus, ProductId, Purchase, Transition, UserId, fixtures,
};
use jiff::Timestamp;

fn soon() -> Instant {
    Instant::now() + Duration::from_secs(20)
}

fn ada() -> UserId {
    "ada".parse().expect("a user's id")
}

/// Tea that is for sale, with this many units.
async fn tea(books: &Books, supply: u64) -> ProductId {
    let product_id = books.stocked(supply).await;
    let tea = fixtures::product(product_id);
    books.products().put(&tea).await.expect("it is written");
    product_id
}

fn basket(goods: &[(ProductId, i64)]) -> Basket {
    let mut basket = Basket::default();
    for (product, quantity) in goods {
        let quantity = (*quantity).try_into().expect("a quantity");
        basket.add(*product, quantity).expect("there is room");
    }
    basket
}

fn purchase(goods: &[(ProductId, i64)]) -> Purchase {
    Purchase::of_cart(&basket(goods)).expect("there is something to buy")
}

/// An order of Ada's that waits for its payment.
async fn unpaid(books: &Books, product: ProductId) -> Order {
    let checkout = checkout(&[(product, 1)]);
    let mut report = books.direct().decide(checkout, soon()).await;
    report.settled.pop().expect("it is decided")
}

/// An order of Ada's that is paid.
async fn paid(books: &Books, product: ProductId) -> Order {
    let order = unpaid(books, product).await;
    let paid = books.orders().advance(&order, payment()).await;
    paid.expect("it is paid")
}

/// Cancels an order in the books alone, as a request beside the tested one would.
async fn cancel_beside(books: &Books, order: &Order) {
    let at = Timestamp::now();
    let change = Change::new(order, Transition::Cancel { at }).expect("it can be cancelled");
    let report = books.releases().release(vec![change], soon()).await;
    assert_eq!(report.settled.len(), 1);
}

async fn status(books: &Books, order: &Order) -> OrderStatus {
    let order = books.orders().get(order.user_id(), order.order_id()).await;
    order.expect("it is read").expect("it is there").status()
}
