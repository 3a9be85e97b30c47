//! What merchants may do with their products, and with those of others.

use domain::{MerchantId, Product, fixtures};
use shop::catalogue::{ExpectedVersion, NewProduct, ProductChange};
use shop::{CatalogueService, ShopError};

use crate::ada;
use crate::books::Books;

fn service(books: &Books) -> CatalogueService {
    CatalogueService {
        products: books.products(),
        names: books.product_names(),
        stock: books.stock(),
        keys: books.idempotency_keys(),
    }
}

fn merchant(name: &str) -> MerchantId {
    name.parse().unwrap()
}

async fn offer(service: &CatalogueService, name: &str) -> Result<Product, ShopError> {
    let tea = fixtures::product(fixtures::product_id(1));
    let offer = NewProduct {
        name: name.parse().unwrap(),
        description: tea.description,
        price: tea.price,
    };
    service.offer(merchant("ada"), offer).await
}

fn new_name(name: &str) -> ProductChange {
    ProductChange {
        name: Some(name.parse().unwrap()),
        ..ProductChange::default()
    }
}

#[tokio::test]
async fn merchants_change_their_own_products_alone() {
    let books = Books::open().await;
    let service = service(&books);
    let tea = offer(&service, "Tea").await.unwrap().product_id;
    let (change, eve) = (new_name("Eve's"), merchant("eve"));
    let any = ExpectedVersion::Any;
    let changed = service.change(&eve, tea, &change, &any).await;
    assert!(matches!(changed, Err(ShopError::NotYours)));
    let (caller, units) = ("eve".parse().unwrap(), 5.try_into().unwrap());
    let stocked = service.restock(&eve, &caller, tea, units, None);
    assert!(matches!(stocked.await, Err(ShopError::NotYours)));
}

#[tokio::test]
async fn a_change_is_made_to_the_version_that_it_is_meant_for() {
    let books = Books::open().await;
    let service = service(&books);
    let tea = offer(&service, "Tea").await.unwrap().product_id;
    let (ada, change) = (merchant("ada"), new_name("Green tea"));
    let second = ExpectedVersion::OneOf(vec![2]);
    let early = service.change(&ada, tea, &change, &second).await;
    assert!(matches!(early, Err(ShopError::ProductChanged)));
    let any = ExpectedVersion::Any;
    let (changed, available) = service.change(&ada, tea, &change, &any).await.unwrap();
    assert_eq!((changed.version, available), (2, 0));
    let again = service.change(&ada, tea, &change, &second).await;
    assert_eq!(again.unwrap().0.version, 3);
}

#[tokio::test]
async fn no_two_products_of_a_merchant_have_one_name() {
    let books = Books::open().await;
    let service = service(&books);
    offer(&service, "Tea").await.unwrap();
    let twin = offer(&service, "Tea").await;
    assert!(matches!(twin, Err(ShopError::NameTaken)));
}

#[tokio::test]
async fn a_delivery_that_is_reported_again_with_its_key_counts_once() {
    let books = Books::open().await;
    let service = service(&books);
    let tea = offer(&service, "Tea").await.unwrap().product_id;
    let (merchant, caller) = (merchant("ada"), ada());
    let restock = async |units: i64| {
        let units = units.try_into().unwrap();
        let key = Some("a delivery");
        service.restock(&merchant, &caller, tea, units, key).await
    };
    for _ in 0..2 {
        assert_eq!(restock(5).await.unwrap().supply, 5);
    }
    let other = restock(6).await;
    assert!(matches!(other, Err(ShopError::IdempotencyKeyReused)));
}
