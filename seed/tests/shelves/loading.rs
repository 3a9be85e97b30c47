//! Loading into real tables, once and repeatedly.

use domain::{Money, Product, ProductId};
use seed::{Catalogue, Loaded, Shelves, load};
use store::{ProductError, StockLevel};
use uuid::Uuid;

use crate::shop::Shop;

async fn load_into(shop: &Shop, catalogue: &Catalogue) -> Loaded {
    let mut seen = 0;
    let loaded = load(&shop.shelves, catalogue, |done| seen = done).await;
    assert_eq!(seen, catalogue.offers().len(), "progress reaches the end");
    loaded.expect("it is loaded")
}

#[tokio::test(flavor = "multi_thread")]
async fn every_product_is_loaded_with_its_stock() {
    let shop = Shop::open().await;
    let catalogue = Catalogue::shipped().unwrap();
    let all = catalogue.offers().len();
    assert_eq!(
        load_into(&shop, &catalogue).await,
        Loaded {
            products: all,
            stocked: all
        }
    );
    let ids = || catalogue.offers().iter().map(|offer| offer.product_id);
    let products = shop.shelves.products.get_many(ids()).await.unwrap();
    let levels = shop.shelves.stock.levels(ids()).await.unwrap();
    for offer in catalogue.offers() {
        assert_eq!(products[&offer.product_id], offer.product().unwrap());
        let full = StockLevel {
            available: offer.supply,
            supply: offer.supply,
        };
        assert_eq!(levels[&offer.product_id], full, "{}", offer.name);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn loading_again_undoes_neither_a_sale_nor_a_merchants_change() {
    let shop = Shop::open().await;
    let catalogue = Catalogue::shipped().unwrap();
    load_into(&shop, &catalogue).await;
    let lamp = catalogue.offers()[0].product_id;
    let offered = catalogue.offers()[0].product().unwrap();
    let repriced = Product {
        price: Money::ZERO,
        version: 2,
        ..offered.clone()
    };
    let Shelves {
        products, names, ..
    } = &shop.shelves;
    products.update(names, &offered, &repriced).await.unwrap();
    shop.sell_one(lamp).await;

    assert_eq!(load_into(&shop, &catalogue).await, Loaded::default());

    assert_eq!(
        shop.shelves.products.get(lamp).await.unwrap(),
        Some(repriced)
    );
    let level = shop.shelves.stock.levels([lamp]).await.unwrap()[&lamp];
    assert_eq!((level.available, level.supply), (999, 1_000));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_interrupted_load_is_completed_by_the_next() {
    let shop = Shop::open().await;
    let catalogue = Catalogue::shipped().unwrap();
    let first = &catalogue.offers()[0];
    let stocked = shop
        .shelves
        .stock
        .put_new(first.product_id, first.supply)
        .await;
    assert!(stocked.unwrap());
    let all = catalogue.offers().len();
    assert_eq!(
        load_into(&shop, &catalogue).await,
        Loaded {
            products: all,
            stocked: all - 1
        }
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_merchants_product_name_is_used_once() {
    let shop = Shop::open().await;
    let catalogue = Catalogue::shipped().unwrap();
    let Shelves {
        products, names, ..
    } = &shop.shelves;
    let namesake = Product {
        product_id: ProductId::try_from(Uuid::now_v7()).unwrap(),
        ..catalogue.offers()[0].product().unwrap()
    };

    products.create(names, &namesake).await.unwrap();
    let refused = load(&shop.shelves, &catalogue, |_| ()).await.unwrap_err();
    assert!(
        refused.to_string().contains(namesake.name.as_str()),
        "{refused}"
    );

    let another = Shop::open().await;
    load_into(&another, &catalogue).await;
    let Shelves {
        products, names, ..
    } = &another.shelves;
    let refused = products.create(names, &namesake).await.unwrap_err();
    assert!(matches!(refused, ProductError::NameTaken), "{refused}");
}
