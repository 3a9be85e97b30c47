//! Accepting a checkout: price it, submit its cart, queue it, in this order. A submitted cart keeps
//! its lines and prices for good, so whatever is cut off halfway may simply be sent again: the same
//! checkout goes into the queue, and whoever decides it drops what was decided before.

use std::collections::HashMap;

use api::{ApiError, Caller, Identity, Purchase, Reply, Thing};
use domain::{Basket, Cart, CartId, CartState, Product, ProductId, Shortage, UserId};
use jiff::Timestamp;
use lambda_http::Request;
use store::{CartError, Carts, CheckoutQueue, IdempotencyKeys, Memory, Offer, Offers};

/// Where shoppers check out.
pub(crate) struct Till {
    pub(crate) carts: Carts,
    pub(crate) keys: IdempotencyKeys,
    pub(crate) queue: CheckoutQueue,
    pub(crate) offers: Offers,
    pub(crate) seen: Memory<Offer>,
}

const CHECK_OUT_AT_ONCE: &str = "POST /checkouts";

/// How often a cart that somebody keeps changing is priced again before its owner is asked to wait.
const SUBMIT_ATTEMPTS: usize = 4;

pub(crate) async fn handle(till: &Till, request: Request) -> Result<Reply, ApiError> {
    let caller = Caller::of(&request)?;
    match api::route(&request) {
        "POST /carts/{cart_id}/checkout" => till.check_out_cart(caller, &request).await,
        CHECK_OUT_AT_ONCE => till.check_out_at_once(caller, &request).await,
        _ => Err(ApiError::NoSuchRoute),
    }
}

impl Till {
    async fn check_out_cart(&self, caller: Caller, request: &Request) -> Result<Reply, ApiError> {
        let cart_id = api::cart_id_in_path(request)?;
        for _ in 0..SUBMIT_ATTEMPTS {
            let cart = self.cart(&caller.user_id, cart_id).await?;
            let CartState::Open(basket) = &cart.state else {
                return self.queue(&cart).await;
            };
            if basket.is_empty() {
                return Err(ApiError::CartEmpty);
            }
            let products = self.products_on_the_shelf(basket).await?;
            let lines = api::price(&products, basket, basket.products())?;
            match self.carts.submit(&cart, lines, Timestamp::now()).await {
                Ok(submitted) => return self.queue(&submitted).await,
                // Somebody changed or submitted it since it was loaded: look again.
                Err(CartError::Changed | CartError::Submitted) => {}
                Err(error) => return Err(error.into()),
            }
        }
        Err(CartError::Changed.into())
    }

    async fn check_out_at_once(
        &self,
        caller: Caller,
        request: &Request,
    ) -> Result<Reply, ApiError> {
        let key = api::idempotency_key(request)?;
        let purchase = Purchase::of(request)?;
        let basket = &purchase.basket;
        let (keys, user_id) = (&self.keys, &caller.user_id);
        let identity = Identity::claim(keys, user_id, key, CHECK_OUT_AT_ONCE, basket).await?;
        let cart_id = identity.id();
        // A request that was cut off before it made its cart goes on as if it were new.
        if identity.is_known()
            && let Some(cart) = self.carts.get(&caller.user_id, cart_id).await?
        {
            return self.queue(&cart).await;
        }
        let lines = purchase.price(&self.products_on_the_shelf(basket).await?)?;
        let cart = Cart::submitted(cart_id, caller.user_id, lines, Timestamp::now());
        if self.carts.create(&cart).await? {
            return self.queue(&cart).await;
        }
        // The same request, sent twice at once, was faster: what it submitted stands.
        let submitted = self.cart(&cart.user_id, cart_id).await?;
        self.queue(&submitted).await
    }

    async fn cart(&self, user_id: &UserId, cart_id: CartId) -> Result<Cart, ApiError> {
        let cart = self.carts.get(user_id, cart_id).await?;
        cart.ok_or(ApiError::NotFound(Thing::Cart))
    }

    /// The basket's products, as far as the shop has them. Spares a shopper the wait, and the shop the
    /// work, when something is sold out anyway. The books decide all the rest, so this needs to be
    /// neither complete nor quite up to date.
    async fn products_on_the_shelf(
        &self,
        basket: &Basket,
    ) -> Result<HashMap<ProductId, Product>, ApiError> {
        let read = async |unseen: Vec<ProductId>| self.offers.get_many(&unseen).await;
        let offers = self.seen.look_up(basket.products(), read).await?;
        let short = sold_out(basket, &offers);
        if !short.is_empty() {
            let order_id = None;
            return Err(ApiError::OutOfStock { short, order_id });
        }
        let product = |(product_id, offer): (_, Offer)| (product_id, offer.product);
        Ok(offers.into_iter().map(product).collect())
    }

    async fn queue(&self, cart: &Cart) -> Result<Reply, ApiError> {
        let checkout = cart.checkout().expect("only a submitted cart is queued");
        let order_id = tracing::field::display(checkout.order_id);
        tracing::Span::current().record("order_id", &order_id);
        let traceparent = telemetry::current_traceparent();
        self.queue.send(&checkout, traceparent).await?;
        tracing::info!("checkout queued");
        Ok(api::accepted(checkout.order_id))
    }
}

/// Those of the basket's products that have no unit left at all.
fn sold_out(basket: &Basket, offers: &HashMap<ProductId, Offer>) -> Vec<Shortage> {
    let is_sold_out = |(product_id, _): &(ProductId, _)| {
        let offer = offers.get(product_id);
        offer.is_some_and(|offer| offer.available == Some(0))
    };
    let short = |(product_id, requested)| Shortage {
        product_id,
        requested,
        available: 0,
    };
    basket.iter().filter(is_sold_out).map(short).collect()
}
