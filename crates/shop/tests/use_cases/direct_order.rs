//! An order that is decided at once.

use domain::fixtures::product_id;
use shop::{DirectOrderService, ShopError};

use crate::books::Books;
use crate::queue::Queue;
use crate::{ada, purchase, soon, tea};

async fn service(books: &Books) -> DirectOrderService {
    DirectOrderService {
        products: books.products(),
        keys: books.idempotency_keys(),
        settlement: books.direct(),
        orders: books.orders(),
        expiries: Queue::open().await.of_expiries(),
    }
}

#[tokio::test]
async fn a_request_that_is_sent_again_with_its_key_is_the_same_order() {
    let books = Books::open().await;
    let product = tea(&books, 5).await;
    let service = service(&books).await;
    let wish = purchase(&[(product, 2)]);
    let key = Some("a key");
    let order = service.order(ada(), key, &wish, soon()).await.unwrap();
    let again = service.order(ada(), key, &wish, soon()).await.unwrap();
    assert_eq!(again, order);
    assert_eq!(books.available(product).await, 3, "taken once");
    let other_wish = purchase(&[(product, 1)]);
    let reused = service.order(ada(), key, &other_wish, soon()).await;
    assert!(matches!(reused, Err(ShopError::IdempotencyKeyReused)));
}

#[tokio::test]
async fn an_order_that_is_short_is_rejected_for_good() {
    let books = Books::open().await;
    let product = tea(&books, 1).await;
    let service = service(&books).await;
    let wish = purchase(&[(product, 2)]);
    let mut rejected = Vec::new();
    for _ in 0..2 {
        match service.order(ada(), Some("a key"), &wish, soon()).await {
            Err(ShopError::OutOfStock { short, order_id }) => rejected.push((short, order_id)),
            other => panic!("it is short: {other:?}"),
        }
        books.stock().restock(product, 10, None).await.unwrap();
    }
    assert_eq!(rejected[0], rejected[1], "a decision never changes");
    assert_eq!(rejected[0].0[0].available, 1);
}

#[tokio::test]
async fn what_the_shop_does_not_have_is_named_and_nothing_is_taken() {
    let books = Books::open().await;
    let product = tea(&books, 1).await;
    let service = service(&books).await;
    let wish = purchase(&[(product_id(1), 1), (product, 1)]);
    match service.order(ada(), None, &wish, soon()).await {
        Err(ShopError::NotForSale(unknown)) => assert_eq!(unknown.lines, [0]),
        other => panic!("there is no such product: {other:?}"),
    }
    assert_eq!(books.available(product).await, 1);
}
