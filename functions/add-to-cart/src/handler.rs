//! A cart until it is checked out. Its prices are those of the moment it is looked at, or of a second before.

use std::collections::HashMap;

use api::view::CartView;
use api::{ApiError, Caller, Object, Reply, RequestLine, Thing, quantity};
use domain::{Cart, CartState, Product, ProductId, Quantity};
use jiff::Timestamp;
use lambda_http::Request;
use serde::Deserialize;
use store::{Carts, Memory, Products, StoreError};

/// Where shoppers fill their carts.
pub(crate) struct CartDesk {
    pub(crate) carts: Carts,
    pub(crate) products: Products,
    pub(crate) seen: Memory<Product>,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct NewCart {
    #[serde(default)]
    lines: Vec<Object<RequestLine>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ItemQuantity {
    #[serde(deserialize_with = "quantity")]
    quantity: Quantity,
}

pub(crate) async fn handle(desk: &CartDesk, request: Request) -> Result<Reply, ApiError> {
    let caller = Caller::of(&request)?;
    match api::route(&request) {
        "POST /carts" => desk.open(caller, &request).await,
        "GET /carts/{cart_id}" => desk.show(caller, &request).await,
        "POST /carts/{cart_id}/items" => desk.add(caller, &request).await,
        "PUT /carts/{cart_id}/items/{product_id}" => desk.set(caller, &request).await,
        "DELETE /carts/{cart_id}/items/{product_id}" => desk.remove(caller, &request).await,
        _ => Err(ApiError::NoSuchRoute),
    }
}

impl CartDesk {
    async fn open(&self, caller: Caller, request: &Request) -> Result<Reply, ApiError> {
        let NewCart { lines } = api::json_if_any(request)?;
        let basket = api::basket(&lines)?;
        let products = self.products(basket.products()).await?;
        api::for_sale(lines.iter().map(|Object(line)| line.product_id), &products)?;
        let cart = Cart::open(api::new_cart_id(), caller.user_id, basket, Timestamp::now());
        if !self.carts.create(&cart).await? {
            let twice = format!("the new id {} is taken", cart.cart_id);
            return Err(StoreError::Unavailable(twice).into());
        }
        tracing::Span::current().record("cart_id", tracing::field::display(cart.cart_id));
        let location = format!("/carts/{}", cart.cart_id);
        Ok(api::created(&location, &CartView::new(&cart, &products)))
    }

    async fn show(&self, caller: Caller, request: &Request) -> Result<Reply, ApiError> {
        let cart_id = api::cart_id_in_path(request)?;
        let cart = self.carts.get(&caller.user_id, cart_id).await?;
        let cart = cart.ok_or(ApiError::NotFound(Thing::Cart))?;
        self.priced(&cart).await
    }

    async fn add(&self, caller: Caller, request: &Request) -> Result<Reply, ApiError> {
        let cart_id = api::cart_id_in_path(request)?;
        let line: RequestLine = api::json(request)?;
        if !self.has(line.product_id).await? {
            return Err(api::not_for_sale("product_id"));
        }
        let cart = self
            .carts
            .add(
                &caller.user_id,
                cart_id,
                line.product_id,
                line.quantity,
                Timestamp::now(),
            )
            .await?;
        self.priced(&cart).await
    }

    async fn set(&self, caller: Caller, request: &Request) -> Result<Reply, ApiError> {
        let cart_id = api::cart_id_in_path(request)?;
        let product_id = api::product_id_in_path(request)?;
        let ItemQuantity { quantity } = api::json(request)?;
        if !self.has(product_id).await? {
            return Err(ApiError::NotFound(Thing::Product));
        }
        let cart = self
            .carts
            .set(
                &caller.user_id,
                cart_id,
                product_id,
                quantity,
                Timestamp::now(),
            )
            .await?;
        self.priced(&cart).await
    }

    async fn remove(&self, caller: Caller, request: &Request) -> Result<Reply, ApiError> {
        let cart_id = api::cart_id_in_path(request)?;
        let product_id = api::product_id_in_path(request)?;
        let cart = self
            .carts
            .remove(&caller.user_id, cart_id, product_id, Timestamp::now())
            .await?;
        self.priced(&cart).await
    }

    async fn has(&self, product_id: ProductId) -> Result<bool, StoreError> {
        let products = self.products([product_id]).await?;
        Ok(products.contains_key(&product_id))
    }

    /// The products that exist among these.
    async fn products(
        &self,
        products: impl IntoIterator<Item = ProductId>,
    ) -> Result<HashMap<ProductId, Product>, StoreError> {
        let read = async |unseen: Vec<ProductId>| self.products.get_many(unseen).await;
        self.seen.look_up(products, read).await
    }

    async fn priced(&self, cart: &Cart) -> Result<Reply, ApiError> {
        let products = match &cart.state {
            CartState::Open(basket) => self.products(basket.products()).await?,
            CartState::Submitted { .. } => HashMap::new(),
        };
        Ok(api::personal(&CartView::new(cart, &products)))
    }
}
