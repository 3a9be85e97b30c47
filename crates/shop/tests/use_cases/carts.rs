//! Filling a cart with what the shop has.

use domain::fixtures::product_id;
use domain::{Basket, Quantity};
use shop::{CartService, Resource, ShopError};
use store::ProductCache;

use crate::books::Books;
use crate::{ada, basket, tea};

fn service(books: &Books) -> CartService {
    CartService {
        carts: books.carts(),
        products: books.products(),
        seen: ProductCache::default(),
    }
}

fn one() -> Quantity {
    1.try_into().unwrap()
}

#[tokio::test]
async fn only_what_the_shop_has_goes_into_a_cart() {
    let books = Books::open().await;
    let product = tea(&books, 1).await;
    let unknown = product_id(1);
    let service = service(&books);
    let wanted = basket(&[(product, 1), (unknown, 1)]);
    match service.open(ada(), wanted, [product, unknown]).await {
        Err(ShopError::NotForSale(unknown)) => assert_eq!(unknown.lines, [1]),
        other => panic!("there is no such product: {other:?}"),
    }
    let opened = service.open(ada(), Basket::default(), []).await.unwrap();
    let cart_id = opened.cart.cart_id;
    let added = service.add(&ada(), cart_id, unknown, one()).await;
    assert!(matches!(added, Err(ShopError::ProductNotForSale)));
    let set = service.set(&ada(), cart_id, unknown, one()).await;
    assert!(matches!(set, Err(ShopError::NotFound(Resource::Product))));
    let added = service.add(&ada(), cart_id, product, one()).await.unwrap();
    assert!(added.products.contains_key(&product), "with its price");
}

#[tokio::test]
async fn a_cart_is_its_owner_s_alone() {
    let books = Books::open().await;
    let product = tea(&books, 1).await;
    let service = service(&books);
    let opened = service
        .open(ada(), basket(&[(product, 1)]), [product])
        .await;
    let cart_id = opened.unwrap().cart.cart_id;
    let eve = "eve".parse().unwrap();
    let shown = service.show(&eve, cart_id).await;
    assert!(matches!(shown, Err(ShopError::NotFound(Resource::Cart))));
    let removed = service.remove(&eve, cart_id, product).await;
    assert!(matches!(removed, Err(ShopError::NotFound(Resource::Cart))));
    assert!(service.show(&ada(), cart_id).await.is_ok());
}
