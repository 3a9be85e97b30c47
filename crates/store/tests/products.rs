//! What merchants offer and put on the shelf, against real tables.

mod books;

use books::{Books, Fault};
use domain::{Money, Product};
use jiff::Timestamp;
use store::{Offers, ProductError, RestockError, StockLevel};
use uuid::Uuid;

fn offer(merchant: &str, name: &str) -> Product {
    let now = Timestamp::now();
    Product {
        product_id: Uuid::now_v7().try_into().unwrap(),
        merchant_id: merchant.parse().unwrap(),
        name: name.parse().unwrap(),
        description: "As good as they come.".parse().unwrap(),
        price: Money::price(5.into()).unwrap(),
        version: 1,
        created_at: now,
        updated_at: now,
    }
}

fn changed(product: &Product, change: impl FnOnce(&mut Product)) -> Product {
    let mut after = product.clone();
    after.version += 1;
    change(&mut after);
    after
}

async fn create(books: &Books, product: &Product) -> Result<(), ProductError> {
    let names = books.product_names();
    books.products().create(&names, product).await
}

async fn update(books: &Books, before: &Product, after: &Product) -> Result<(), ProductError> {
    let names = books.product_names();
    books.products().update(&names, before, after).await
}

#[tokio::test]
async fn a_merchant_has_one_product_of_a_name() {
    let books = Books::open().await;
    let tea = offer("ada", "Tea");
    create(&books, &tea).await.unwrap();
    let again = offer("ada", "Tea");
    assert!(matches!(
        create(&books, &again).await,
        Err(ProductError::NameTaken)
    ));
    let there = books.products().get(again.product_id).await.unwrap();
    assert_eq!(there, None, "the product is not there without its name");
    create(&books, &offer("bob", "Tea")).await.unwrap();
}

#[tokio::test]
async fn a_product_that_cannot_be_read_is_missing_from_the_list_and_nothing_else_is() {
    let books = Books::open().await;
    let offers = ["Cocoa", "Coffee", "Tea"].map(|name| offer("ada", name));
    for product in &offers {
        create(&books, product).await.unwrap();
    }
    let key = [("product_id", offers[1].product_id.to_string())];
    books.damage("Products", &key, "price").await;
    let mut listed = Vec::new();
    let mut after = None;
    loop {
        let page = books.products().page(1, after.as_ref()).await.unwrap();
        listed.extend(page.items);
        after = page.next;
        if after.is_none() {
            break;
        }
    }
    assert_eq!(listed, [offers[0].clone(), offers[2].clone()]);
    let ids = offers.iter().map(|product| product.product_id);
    assert_eq!(books.products().get_many(ids).await.unwrap().len(), 2);
}

/// More keys than one read takes, and some of them left unread again and again.
#[tokio::test]
async fn every_product_is_read_with_its_stock_however_often_keys_are_left_over() {
    let books = Books::open().await;
    let mut ids = Vec::new();
    for units in 0..60 {
        let product = offer("ada", &format!("Tea {units}"));
        books.products().put(&product).await.unwrap();
        let stocked = books.stock().put_new(product.product_id, units).await;
        assert!(stocked.unwrap());
        ids.push(product.product_id);
    }
    let never_stocked = offer("ada", "Coffee");
    books.products().put(&never_stocked).await.unwrap();
    let unknown = offer("ada", "Cocoa").product_id;
    ids.extend([never_stocked.product_id, unknown]);

    books.do_half_of_reads(3);
    let offers = Offers::new(&books.client, books.products(), books.stock());
    let found = offers.get_many(&ids).await.unwrap();
    assert!(books.calls("BatchGetItem") > 3);
    assert_eq!(found.len(), 61);
    for (units, id) in (0..60).zip(&ids) {
        assert_eq!(found[id].product.product_id, *id);
        assert_eq!(found[id].available, Some(units));
    }
    assert_eq!(found[&never_stocked.product_id].available, None);
}

#[tokio::test]
async fn a_renamed_product_frees_its_old_name() {
    let books = Books::open().await;
    let tea = offer("ada", "Tea");
    let coffee = offer("ada", "Coffee");
    create(&books, &tea).await.unwrap();
    create(&books, &coffee).await.unwrap();
    let taken = changed(&tea, |after| after.name = coffee.name.clone());
    assert!(matches!(
        update(&books, &tea, &taken).await,
        Err(ProductError::NameTaken)
    ));
    let cocoa = changed(&tea, |after| after.name = "Cocoa".parse().unwrap());
    update(&books, &tea, &cocoa).await.unwrap();
    create(&books, &offer("ada", "Tea")).await.unwrap();
    let back = changed(&cocoa, |after| after.name = tea.name.clone());
    assert!(matches!(
        update(&books, &cocoa, &back).await,
        Err(ProductError::NameTaken)
    ));
}

#[tokio::test]
async fn of_two_changes_to_one_version_one_is_made() {
    let books = Books::open().await;
    let tea = offer("ada", "Tea");
    create(&books, &tea).await.unwrap();
    let dearer = changed(&tea, |after| after.price = Money::price(6.into()).unwrap());
    let cheaper = changed(&tea, |after| after.price = Money::price(4.into()).unwrap());
    update(&books, &tea, &dearer).await.unwrap();
    assert!(matches!(
        update(&books, &tea, &cheaper).await,
        Err(ProductError::Changed)
    ));
    let there = books.products().get(tea.product_id).await.unwrap();
    assert_eq!(there, Some(dearer));
}

#[tokio::test]
async fn conflicts_and_lost_answers_change_nothing_twice() {
    let books = Books::open().await;
    let tea = offer("ada", "Tea");
    books.next_transactions([Fault::Conflict, Fault::LoseAnswer]);
    create(&books, &tea).await.unwrap();

    let product = books.stocked(10).await;
    books.next_transactions([Fault::Conflict, Fault::LoseAnswer]);
    let level = books.stock().restock(product, 5, None).await.unwrap();
    let once_more = StockLevel {
        available: 15,
        supply: 15,
    };
    assert_eq!(level, once_more);
}

#[tokio::test]
async fn a_delivery_with_a_key_is_stocked_once() {
    let books = Books::open().await;
    let product = books.stocked(0).await;
    let ada = "ada".parse().unwrap();
    let now = Timestamp::now();
    let restock = |units, key: &'static str, digest: &'static str| {
        let once = books.idempotency_keys().once(&ada, key, digest, now);
        let stock = books.stock();
        async move { stock.restock(product, units, Some(&once)).await }
    };
    for _ in 0..3 {
        let level = restock(7, "delivery 1", "seven").await.unwrap();
        assert_eq!((level.available, level.supply), (7, 7));
    }
    assert!(matches!(
        restock(8, "delivery 1", "eight").await,
        Err(RestockError::OtherRequest)
    ));
    let level = restock(8, "delivery 2", "eight").await.unwrap();
    assert_eq!(level.supply, 15);
}

#[tokio::test]
async fn a_product_can_be_stocked_that_never_was() {
    let books = Books::open().await;
    let product = Uuid::now_v7().try_into().unwrap();
    let level = books.stock().restock(product, 3, None).await.unwrap();
    assert_eq!((level.available, level.supply), (3, 3));
    books.assert_balanced(product, 0).await;
}
