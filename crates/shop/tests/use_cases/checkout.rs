//! Accepting checkouts: what was submitted once stays so.

use domain::{Cart, CartId, CartStatus, Money, ProductId, fixtures};
use jiff::Timestamp;
use shop::{CheckoutService, ShopError};
use store::{Offers, ProductCache, StoreError};

use crate::books::Books;
use crate::queue::Queue;
use crate::{ada, basket, purchase, tea};

fn service(books: &Books, queue: &Queue) -> CheckoutService {
    CheckoutService {
        carts: books.carts(),
        keys: books.idempotency_keys(),
        queue: queue.of_checkouts(),
        offers: Offers::new(&books.client, books.products(), books.stock()),
        seen: ProductCache::default(),
    }
}

async fn open_cart(books: &Books, goods: &[(ProductId, i64)]) -> CartId {
    let cart_id = fixtures::order_id(1).into();
    let cart = Cart::open(cart_id, ada(), basket(goods), Timestamp::now());
    assert!(books.carts().create(&cart).await.expect("it is written"));
    cart_id
}

async fn cart_status(books: &Books, cart_id: CartId) -> CartStatus {
    let cart = books.carts().get(&ada(), cart_id).await;
    cart.unwrap().expect("it is there").state.status()
}

#[tokio::test]
async fn a_cart_that_is_submitted_again_is_the_same_checkout_at_the_same_price() {
    let (books, queue) = (Books::open().await, Queue::open().await);
    let product = tea(&books, 5).await;
    let cart = open_cart(&books, &[(product, 2)]).await;
    let first = service(&books, &queue).check_out_cart(&ada(), cart).await;
    let mut dearer = fixtures::product(product);
    dearer.price = Money::price(100.into()).unwrap();
    books.products().put(&dearer).await.unwrap();
    let again = service(&books, &queue).check_out_cart(&ada(), cart).await;
    assert_eq!(first.unwrap(), again.unwrap());
    let sent = queue.checkouts();
    let [(first, first_is_again), (second, second_is_again)] = sent.as_slice() else {
        panic!("it was sent twice: {sent:?}");
    };
    assert_eq!(first, second);
    assert_eq!((*first_is_again, *second_is_again), (false, true));
    assert_eq!(first.lines.total().to_string(), "7.00");
}

#[tokio::test]
async fn a_checkout_that_the_queue_did_not_take_can_be_sent_again() {
    let (books, queue) = (Books::open().await, Queue::open().await);
    let service = service(&books, &queue);
    let cart = open_cart(&books, &[(tea(&books, 5).await, 1)]).await;
    queue.close(true);
    let lost = service.check_out_cart(&ada(), cart).await;
    assert!(matches!(
        lost,
        Err(ShopError::Store(StoreError::Unavailable(_)))
    ));
    assert_eq!(cart_status(&books, cart).await, CartStatus::Submitted);
    queue.close(false);
    let accepted = service.check_out_cart(&ada(), cart).await.unwrap();
    let (sent, is_again) = queue.checkouts().remove(0);
    assert_eq!(sent.order_id, accepted);
    assert!(is_again, "the first sending may have arrived nevertheless");
}

#[tokio::test]
async fn what_is_sold_out_is_refused_and_the_cart_stays_open() {
    let (books, queue) = (Books::open().await, Queue::open().await);
    let gone = tea(&books, 0).await;
    let cart = open_cart(&books, &[(gone, 1), (tea(&books, 1).await, 2)]).await;
    let service = service(&books, &queue);
    match service.check_out_cart(&ada(), cart).await {
        Err(ShopError::OutOfStock { short, order_id }) => {
            assert_eq!((short.len(), order_id), (1, None));
            assert_eq!(short[0].product_id, gone);
        }
        other => panic!("it is sold out: {other:?}"),
    }
    assert_eq!(cart_status(&books, cart).await, CartStatus::Open);
    assert!(queue.checkouts().is_empty());
}

#[tokio::test]
async fn an_empty_cart_is_not_checked_out() {
    let (books, queue) = (Books::open().await, Queue::open().await);
    let cart = open_cart(&books, &[]).await;
    let empty = service(&books, &queue).check_out_cart(&ada(), cart).await;
    assert!(matches!(empty, Err(ShopError::CartEmpty)));
}

#[tokio::test]
async fn a_one_click_checkout_that_is_sent_again_with_its_key_is_the_same_checkout() {
    let (books, queue) = (Books::open().await, Queue::open().await);
    let wish = purchase(&[(tea(&books, 5).await, 1)]);
    let service = service(&books, &queue);
    let key = Some("a key");
    let first = service.check_out_at_once(ada(), key, &wish).await.unwrap();
    let again = service.check_out_at_once(ada(), key, &wish).await.unwrap();
    assert_eq!(first, again);
    let sent = queue.checkouts();
    assert_eq!(sent[0].0, sent[1].0);
    assert_eq!((sent[0].1, sent[1].1), (false, true));
}
