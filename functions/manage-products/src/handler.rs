//! What merchants do with their products, each with their own alone.

use api::view::{ProductView, StockView};
use api::{ApiError, Caller, Reply, Thing};
use domain::{
    Basket, Description, MerchantId, Money, Product, ProductId, ProductName, Quantity, Units,
};
use jiff::Timestamp;
use lambda_http::Request;
use serde::Deserialize;
use store::{
    IdempotencyKeys, Once, ProductError, ProductNames, Products, Stock, StockLevel, StoreError,
};
use uuid::Uuid;

/// Where merchants work.
pub(crate) struct Backroom {
    pub(crate) products: Products,
    pub(crate) names: ProductNames,
    pub(crate) stock: Stock,
    pub(crate) keys: IdempotencyKeys,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct NewProduct {
    name: ProductName,
    description: Description,
    #[serde(deserialize_with = "api::read_price")]
    price: Money,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ProductChange {
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

/// How often a product that somebody else keeps changing is looked at again before the merchant is
/// asked to wait.
const ATTEMPTS: usize = 4;

const STOCK_PRODUCT: &str = "POST /products/{product_id}/stock";

pub(crate) async fn handle(backroom: &Backroom, request: Request) -> Result<Reply, ApiError> {
    let caller = Caller::of(&request)?;
    let merchant = caller.merchant()?;
    match api::route(&request) {
        "POST /products" => backroom.offer(merchant, &request).await,
        "PATCH /products/{product_id}" => backroom.change(&merchant, &request).await,
        STOCK_PRODUCT => backroom.restock(&caller, &merchant, &request).await,
        _ => Err(ApiError::NoSuchRoute),
    }
}

impl Backroom {
    async fn offer(&self, merchant_id: MerchantId, request: &Request) -> Result<Reply, ApiError> {
        let offer: NewProduct = api::json(request)?;
        let now = Timestamp::now();
        let product = Product {
            product_id: Uuid::now_v7().try_into().expect("any UUID will do"),
            merchant_id,
            name: offer.name,
            description: offer.description,
            price: offer.price,
            version: 1,
            created_at: now,
            updated_at: now,
        };
        self.products.create(&self.names, &product).await?;
        tracing::info!(product_id = %product.product_id, "product offered");
        let location = format!("/products/{}", product.product_id);
        let reply = api::created(&location, &ProductView::new(&product, 0));
        Ok(api::with_etag(reply, product.version))
    }

    async fn change(&self, merchant: &MerchantId, request: &Request) -> Result<Reply, ApiError> {
        let product_id = api::product_id_in_path(request)?;
        let change: ProductChange = api::json(request)?;
        if change.is_empty() {
            return Err(ApiError::invalid("body", NOTHING_TO_CHANGE));
        }
        for _ in 0..ATTEMPTS {
            let before = self.own(merchant, product_id).await?;
            api::check_version(request, before.version)?;
            let after = change.applied_to(&before);
            match self.products.update(&self.names, &before, &after).await {
                Ok(()) => return self.show(&after).await,
                // Somebody was faster. Whoever named a version must look again, others need not.
                Err(ProductError::Changed) => {}
                Err(error) => return Err(error.into()),
            }
        }
        Err(StoreError::Unavailable("the product keeps changing".into()).into())
    }

    async fn restock(
        &self,
        caller: &Caller,
        merchant: &MerchantId,
        request: &Request,
    ) -> Result<Reply, ApiError> {
        let product_id = api::product_id_in_path(request)?;
        let once = api::idempotency_key(request)?;
        let Delivery { quantity } = api::json(request)?;
        self.own(merchant, product_id).await?;
        let once = once.map(|key| self.once(caller, key, product_id, quantity));
        let units = quantity.units();
        let level = self.stock.restock(product_id, units, once.as_ref()).await?;
        let StockLevel { available, supply } = level;
        tracing::info!(%product_id, units, supply, "product stocked");
        Ok(api::personal(&StockView {
            product_id,
            available,
            supply,
        }))
    }

    fn once(&self, caller: &Caller, key: &str, product: ProductId, quantity: Quantity) -> Once {
        let mut delivery = Basket::default();
        let added = delivery.add(product, quantity);
        added.expect("there is room in an empty basket");
        let digest = api::digest(STOCK_PRODUCT, &delivery);
        let now = Timestamp::now();
        self.keys.once(&caller.user_id, key, &digest, now)
    }

    /// The merchant's own product.
    async fn own(&self, merchant: &MerchantId, product: ProductId) -> Result<Product, ApiError> {
        let mut found = self.products.get_many([product]).await?;
        let found = found.remove(&product);
        let product = found.ok_or(ApiError::NotFound(Thing::Product))?;
        if product.merchant_id != *merchant {
            return Err(ApiError::NotYours);
        }
        Ok(product)
    }

    async fn show(&self, product: &Product) -> Result<Reply, ApiError> {
        let product_id = product.product_id;
        tracing::info!(%product_id, version = product.version, "product changed");
        let levels = self.stock.levels([product_id]).await?;
        let available: Units = levels.get(&product_id).map_or(0, |level| level.available);
        let reply = api::personal(&ProductView::new(product, available));
        Ok(api::with_etag(reply, product.version))
    }
}

const NOTHING_TO_CHANGE: &str = "must hold a name, a description or a price";

impl ProductChange {
    fn is_empty(&self) -> bool {
        self.name.is_none() && self.description.is_none() && self.price.is_none()
    }

    fn applied_to(&self, before: &Product) -> Product {
        Product {
            name: self.name.as_ref().unwrap_or(&before.name).clone(),
            description: self
                .description
                .as_ref()
                .unwrap_or(&before.description)
                .clone(),
            price: self.price.unwrap_or(before.price),
            version: before.version + 1,
            updated_at: Timestamp::now(),
            ..before.clone()
        }
    }
}
