//! Carts and idempotency keys, against real tables.

mod books;

use books::Books;
use domain::fixtures::{self, product_id as product};
use domain::limits::MAX_LINES;
use domain::{Basket, Cart, CartId, CartState, OrderLines, ProductId, Quantity, UserId};
use jiff::{SignedDuration, Timestamp};
use store::{CartError, Claim, StoreError};
use uuid::Uuid;

fn user(name: &str) -> UserId {
    name.to_owned().try_into().unwrap()
}

fn new_cart_id() -> CartId {
    Uuid::now_v7().try_into().unwrap()
}

fn quantity(number: i64) -> Quantity {
    number.try_into().unwrap()
}

/// An open cart of Ada's with these goods.
async fn open_cart(books: &Books, goods: &[(u128, i64)]) -> Cart {
    let mut basket = Basket::default();
    for (number, count) in goods {
        basket.add(product(*number), quantity(*count)).unwrap();
    }
    let cart = Cart::open(new_cart_id(), user("ada"), basket, Timestamp::now());
    assert!(books.carts().create(&cart).await.unwrap());
    cart
}

fn priced(goods: &[(u128, i64)]) -> OrderLines {
    let line = |&(number, count): &(u128, i64)| (product(number), count);
    let lines: Vec<_> = goods.iter().map(line).collect();
    fixtures::lines(&lines)
}

fn goods(cart: &Cart) -> Vec<(ProductId, u32)> {
    let CartState::Open(basket) = &cart.state else {
        panic!("the cart is open: {cart:?}");
    };
    basket
        .iter()
        .map(|(product, quantity)| (product, quantity.get()))
        .collect()
}

#[tokio::test]
async fn a_cart_comes_back_as_it_was_made_and_only_to_its_owner() {
    let books = Books::open().await;
    let cart = open_cart(&books, &[(1, 2)]).await;
    let carts = books.carts();
    assert_eq!(
        carts.get(&user("ada"), cart.cart_id).await.unwrap(),
        Some(cart.clone())
    );
    assert_eq!(carts.get(&user("eve"), cart.cart_id).await.unwrap(), None);
    let now = Timestamp::now();
    let stolen = carts
        .add(&user("eve"), cart.cart_id, product(1), quantity(1), now)
        .await;
    assert!(matches!(stolen, Err(CartError::NotFound)));
    let stolen = carts
        .remove(&user("eve"), cart.cart_id, product(1), now)
        .await;
    assert!(matches!(stolen, Err(CartError::NotFound)));
    let absent = carts
        .add(&user("ada"), new_cart_id(), product(1), quantity(1), now)
        .await;
    assert!(matches!(absent, Err(CartError::NotFound)));
    assert!(!carts.create(&cart).await.unwrap(), "an id is used once");
}

#[tokio::test]
async fn a_cart_of_unknown_status_is_not_taken_for_an_open_one() {
    let books = Books::open().await;
    let id = open_cart(&books, &[(1, 2)]).await.cart_id;
    let key = [("cart_id", id.to_string())];
    books.damage("Carts", &key, "status").await;
    let read = books.carts().get(&user("ada"), id).await;
    assert!(matches!(read, Err(StoreError::Corrupt { .. })), "{read:?}");
}

#[tokio::test]
async fn goods_are_added_set_and_removed() {
    let books = Books::open().await;
    let (carts, ada) = (books.carts(), user("ada"));
    let id = open_cart(&books, &[]).await.cart_id;
    let now = Timestamp::now();
    carts
        .add(&ada, id, product(1), quantity(2), now)
        .await
        .unwrap();
    let cart = carts
        .add(&ada, id, product(1), quantity(3), now)
        .await
        .unwrap();
    assert_eq!(goods(&cart), [(product(1), 5)]);
    let cart = carts
        .set(&ada, id, product(1), quantity(1), now)
        .await
        .unwrap();
    assert_eq!(goods(&cart), [(product(1), 1)]);
    let cart = carts.remove(&ada, id, product(1), now).await.unwrap();
    assert_eq!(goods(&cart), []);
    carts
        .remove(&ada, id, product(1), now)
        .await
        .expect("what is out is out");
}

#[tokio::test]
async fn an_addition_whose_answer_is_lost_is_not_made_again() {
    let books = Books::open().await;
    let (carts, ada) = (books.carts(), user("ada"));
    let id = open_cart(&books, &[]).await.cart_id;
    books.lose_answer_to("UpdateItem");
    let now = Timestamp::now();
    let added = carts.add(&ada, id, product(1), quantity(2), now).await;
    let lost = matches!(added, Err(CartError::Store(StoreError::Unavailable(_))));
    assert!(lost, "{added:?}");
    let cart = carts.get(&ada, id).await.unwrap().unwrap();
    assert_eq!(goods(&cart), [(product(1), 2)]);
}

#[tokio::test]
async fn concurrent_additions_all_count() {
    let books = Books::open().await;
    let id = open_cart(&books, &[]).await.cart_id;
    let additions = (0..20).map(|_| {
        let carts = books.carts();
        tokio::spawn(async move {
            carts
                .add(&user("ada"), id, product(1), quantity(1), Timestamp::now())
                .await
        })
    });
    for addition in additions.collect::<Vec<_>>() {
        addition.await.unwrap().unwrap();
    }
    let cart = books.carts().get(&user("ada"), id).await.unwrap().unwrap();
    assert_eq!(goods(&cart), [(product(1), 20)]);
}

#[tokio::test]
async fn a_cart_keeps_its_limits() {
    let books = Books::open().await;
    let (carts, ada, now) = (books.carts(), user("ada"), Timestamp::now());
    let full: Vec<_> = (0..MAX_LINES as u128)
        .map(|number| (number, 9_999))
        .collect();
    let id = open_cart(&books, &full).await.cart_id;
    let one_more = carts.add(&ada, id, product(1_000), quantity(1), now).await;
    assert!(matches!(one_more, Err(CartError::TooManyLines)));
    let one_more = carts.set(&ada, id, product(1_000), quantity(1), now).await;
    assert!(matches!(one_more, Err(CartError::TooManyLines)));
    carts
        .add(&ada, id, product(0), quantity(1), now)
        .await
        .expect("room for one unit");
    let one_more = carts.add(&ada, id, product(0), quantity(1), now).await;
    assert!(matches!(one_more, Err(CartError::TooManyUnits)));
}

#[tokio::test]
async fn a_submitted_cart_never_changes_again() {
    let books = Books::open().await;
    let (carts, ada, now) = (books.carts(), user("ada"), Timestamp::now());
    let cart = open_cart(&books, &[(1, 2)]).await;
    let submitted = carts.submit(&cart, priced(&[(1, 2)]), now).await.unwrap();
    let checkout = submitted.checkout().expect("it is submitted");
    assert_eq!(
        (checkout.lines, checkout.submitted_at),
        (priced(&[(1, 2)]), now)
    );
    assert!(matches!(
        carts.submit(&cart, priced(&[(1, 2)]), now).await,
        Err(CartError::Submitted)
    ));
    for change in [
        carts
            .add(&ada, cart.cart_id, product(1), quantity(1), now)
            .await,
        carts
            .set(&ada, cart.cart_id, product(1), quantity(1), now)
            .await,
        carts.remove(&ada, cart.cart_id, product(1), now).await,
    ] {
        assert!(matches!(change, Err(CartError::Submitted)), "{change:?}");
    }
    let read = carts.get(&ada, cart.cart_id).await.unwrap();
    assert_eq!(read, Some(submitted));
}

/// What was added between loading and submitting must not be left out of the order.
#[tokio::test]
async fn a_cart_that_changed_since_it_was_loaded_is_not_submitted() {
    let books = Books::open().await;
    let (carts, now) = (books.carts(), Timestamp::now());
    let loaded = open_cart(&books, &[(1, 2)]).await;
    carts
        .add(&user("ada"), loaded.cart_id, product(2), quantity(1), now)
        .await
        .unwrap();
    let submitted = carts.submit(&loaded, priced(&[(1, 2)]), now).await;
    assert!(
        matches!(submitted, Err(CartError::Changed)),
        "{submitted:?}"
    );
}

#[tokio::test]
async fn an_idempotency_key_stands_for_one_request_of_one_user_for_a_day() {
    let books = Books::open().await;
    let keys = books.idempotency_keys();
    let (now, first, second) = (Timestamp::now(), new_cart_id(), new_cart_id());
    let (ada, eve) = (user("ada"), user("eve"));
    let claim = |user, digest, id, now| {
        let keys = keys.clone();
        async move { keys.claim(user, "key", digest, id, now).await.unwrap() }
    };
    assert_eq!(claim(&ada, "tea", first, now).await, Claim::New);
    assert_eq!(claim(&ada, "tea", second, now).await, Claim::Known(first));
    assert_eq!(claim(&ada, "cake", second, now).await, Claim::OtherRequest);
    assert_eq!(claim(&eve, "cake", second, now).await, Claim::New);
    let next_day = now + SignedDuration::from_hours(24);
    assert_eq!(claim(&ada, "cake", second, next_day).await, Claim::New);
}
