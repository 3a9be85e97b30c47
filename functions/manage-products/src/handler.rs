//! The routes by which merchants offer, change and stock their products.

use api::routes::ManageProductsRoute;
use api::view::{ProductView, StockView};
use api::{ApiError, Caller, Reply};
use domain::{Description, Money, ProductName, Quantity};
use lambda_http::Request;
use serde::Deserialize;
use shop::CatalogueService;
use shop::catalogue::{NewProduct, ProductChange};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Offer {
    name: ProductName,
    description: Description,
    #[serde(deserialize_with = "api::read_price")]
    price: Money,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Change {
    #[serde(default, deserialize_with = "api::if_given")]
    name: Option<ProductName>,
    #[serde(default, deserialize_with = "api::if_given")]
    description: Option<Description>,
    #[serde(default, deserialize_with = "api::price_if_given")]
    price: Option<Money>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Delivery {
    #[serde(deserialize_with = "api::quantity")]
    quantity: Quantity,
}

pub(crate) async fn handle(
    service: &CatalogueService,
    route: ManageProductsRoute,
    request: Request,
) -> Result<Reply, ApiError> {
    let caller = Caller::of(&request)?;
    let merchant = caller.merchant()?;
    match route {
        ManageProductsRoute::Offer => {
            let offer: Offer = api::json(&request)?;
            let product = service.offer(merchant, offer.into()).await?;
            let location = format!("/products/{}", product.product_id);
            let reply = api::created(&location, &ProductView::new(&product, 0));
            Ok(api::with_etag(reply, product.version))
        }
        ManageProductsRoute::Change => {
            let product_id = api::product_id_in_path(&request)?;
            let change = ProductChange::from(api::json::<Change>(&request)?);
            if change.is_empty() {
                return Err(ApiError::invalid("body", NOTHING_TO_CHANGE));
            }
            let expected = api::expected_version(&request);
            let changed = service.change(&merchant, product_id, &change, &expected);
            let (product, available) = changed.await?;
            let reply = api::personal(&ProductView::new(&product, available));
            Ok(api::with_etag(reply, product.version))
        }
        ManageProductsRoute::Restock => {
            let product_id = api::product_id_in_path(&request)?;
            let key = api::idempotency_key(&request)?;
            let Delivery { quantity } = api::json(&request)?;
            let level = service.restock(&merchant, &caller.user_id, product_id, quantity, key);
            Ok(api::personal(&StockView::new(product_id, level.await?)))
        }
    }
}

const NOTHING_TO_CHANGE: &str = "must hold a name, a description or a price";

impl From<Offer> for NewProduct {
    fn from(offer: Offer) -> NewProduct {
        NewProduct {
            name: offer.name,
            description: offer.description,
            price: offer.price,
        }
    }
}

impl From<Change> for ProductChange {
    fn from(change: Change) -> ProductChange {
        ProductChange {
            name: change.name,
            description: change.description,
            price: change.price,
        }
    }
}
