//! Accepting a checkout: price it, submit its cart, queue it, in this order. A submitted cart keeps
//! its lines and prices for good, so whatever is cut off halfway may simply be sent again: the same
//! checkout goes into the queue, and the batch drops what was decided before.

use std::collections::HashMap;

use domain::{
    Basket, Cart, CartId, CartState, OrderId, Product, ProductId, Purchase, Shortage, UserId,
};
use jiff::Timestamp;
use store::{
    CartError, Carts, CheckoutMessage, CheckoutQueue, IdempotencyKeys, Offer, Offers, ProductCache,
};

use crate::error::{Resource, ShopError};
use crate::idempotency::{Action, Identity};

/// Accepts checkouts by queueing them.
#[derive(Debug)]
pub struct CheckoutService {
    /// Where carts are submitted.
    pub carts: Carts,
    /// The keys of requests that may be sent again.
    pub keys: IdempotencyKeys,
    /// Where checkouts wait for their decision.
    pub queue: CheckoutQueue,
    /// What is for sale, and what is left of it.
    pub offers: Offers,
    /// The offers read within the last second.
    pub seen: ProductCache<Offer>,
}

/// Whether a checkout's message may be the first of its kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Sent {
    /// The cart was submitted just now.
    First,
    /// It was submitted before: an earlier message may be decided, or on its way.
    Again,
}

/// How often a cart that keeps changing is priced again before its owner is asked to wait.
const SUBMIT_ATTEMPTS: usize = 4;

impl CheckoutService {
    /// Accepts the checkout of a cart, and returns the order that it will become. A cart that was
    /// submitted before is queued again.
    ///
    /// # Errors
    /// When the cart is empty, or holds what the shop does not have or has sold out.
    pub async fn check_out_cart(
        &self,
        user_id: &UserId,
        cart_id: CartId,
    ) -> Result<OrderId, ShopError> {
        for _ in 0..SUBMIT_ATTEMPTS {
            let cart = self.cart(user_id, cart_id).await?;
            let CartState::Open(basket) = &cart.state else {
                return self.queue(&cart, Sent::Again).await;
            };
            let purchase = Purchase::of_cart(basket)?;
            let lines = purchase.price(&self.products_on_the_shelf(basket).await?)?;
            match self.carts.submit(&cart, lines, Timestamp::now()).await {
                Ok(submitted) => return self.queue(&submitted, Sent::First).await,
                // It was changed or submitted since it was loaded: look again.
                Err(CartError::Changed | CartError::Submitted) => {}
                Err(error) => return Err(error.into()),
            }
        }
        Err(CartError::Changed.into())
    }

    /// Accepts a checkout without a cart, and returns the order that it will become. A request that
    /// is sent again with its key is the same checkout.
    ///
    /// # Errors
    /// When it asks for what the shop does not have or has sold out, or the key is another request's.
    pub async fn check_out_at_once(
        &self,
        user_id: UserId,
        key: Option<&str>,
        purchase: &Purchase,
    ) -> Result<OrderId, ShopError> {
        let basket = purchase.basket();
        let identity = Identity::claim(&self.keys, &user_id, key, Action::CheckOut, basket).await?;
        let cart_id = identity.id();
        // A request that was cut off before it made its cart goes on as if it were new.
        if identity.is_known()
            && let Some(cart) = self.carts.get(&user_id, cart_id).await?
        {
            return self.queue(&cart, Sent::Again).await;
        }
        let lines = purchase.price(&self.products_on_the_shelf(basket).await?)?;
        let cart = Cart::submitted(cart_id, user_id, lines, Timestamp::now());
        if self.carts.create(&cart).await? {
            return self.queue(&cart, Sent::First).await;
        }
        // The same request, sent twice at once, was faster: what it submitted stands.
        let submitted = self.cart(&cart.user_id, cart_id).await?;
        self.queue(&submitted, Sent::Again).await
    }

    async fn cart(&self, user_id: &UserId, cart_id: CartId) -> Result<Cart, ShopError> {
        let cart = self.carts.get(user_id, cart_id).await?;
        cart.ok_or(ShopError::NotFound(Resource::Cart))
    }

    /// The basket's products, as far as the shop has them. Spares a shopper the wait, and the shop the
    /// work, when something is sold out anyway. The batch decides all the rest, so this needs to be
    /// neither complete nor quite up to date.
    async fn products_on_the_shelf(
        &self,
        basket: &Basket,
    ) -> Result<HashMap<ProductId, Product>, ShopError> {
        let read = async |unseen: Vec<ProductId>| self.offers.get_many(&unseen).await;
        let offers = self.seen.look_up(basket.products(), read).await?;
        let short = sold_out(basket, &offers);
        if !short.is_empty() {
            let order_id = None;
            return Err(ShopError::OutOfStock { short, order_id });
        }
        let product = |(product_id, offer): (_, Offer)| (product_id, offer.product);
        Ok(offers.into_iter().map(product).collect())
    }

    async fn queue(&self, cart: &Cart, sent: Sent) -> Result<OrderId, ShopError> {
        let checkout = cart.checkout().expect("only a submitted cart is queued");
        let order_id = tracing::field::display(checkout.order_id);
        tracing::Span::current().record("order_id", &order_id);
        let traceparent = telemetry::current_traceparent();
        let message = CheckoutMessage::new(&checkout, sent == Sent::Again);
        self.queue.send(&message, traceparent).await?;
        tracing::info!("checkout queued");
        Ok(checkout.order_id)
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

#[cfg(test)]
mod tests {
    use domain::fixtures::{product, product_id};

    use super::*;

    /// A stock that is unknown, or not enough, is for the batch to decide.
    #[test]
    fn only_what_has_no_unit_left_is_sold_out() {
        let mut basket = Basket::default();
        let mut offers = HashMap::new();
        for (number, available) in [(1, Some(0)), (2, Some(1)), (3, None)] {
            let id = product_id(number);
            basket.add(id, 2.try_into().unwrap()).unwrap();
            let product = product(id);
            offers.insert(id, Offer { product, available });
        }
        basket.add(product_id(4), 2.try_into().unwrap()).unwrap();
        let short = Shortage {
            product_id: product_id(1),
            requested: 2.try_into().unwrap(),
            available: 0,
        };
        assert_eq!(sold_out(&basket, &offers), [short]);
    }
}
