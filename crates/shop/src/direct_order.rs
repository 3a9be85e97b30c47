//! Ordering without a queue: the shopper waits while a batch of one is decided.

use std::time::Instant;

use domain::{Checkout, Order, OrderId, OrderState, Purchase, Rejection, UserId};
use jiff::Timestamp;
use store::{DirectSettlement, ExpiryQueue, IdempotencyKeys, Orders, Products, StoreError};
use telemetry::METRICS;

use crate::error::ShopError;
use crate::idempotency::{Action, Identity};

/// Decides one order within its request.
#[derive(Debug)]
pub struct DirectOrderService {
    /// What is for sale.
    pub products: Products,
    /// The keys of requests that may be sent again.
    pub keys: IdempotencyKeys,
    /// Decides and commits.
    pub settlement: DirectSettlement,
    /// Where decided orders are found.
    pub orders: Orders,
    /// Where a message waits until the time to pay of accepted orders is over.
    pub expiries: ExpiryQueue,
}

impl DirectOrderService {
    /// Decides an order at once, and returns it if it is accepted. A request that is sent again with
    /// its key is the same order.
    ///
    /// # Errors
    /// When there is not enough in stock: then the order is rejected. When it asks for what the shop
    /// does not have, or the key is another request's.
    pub async fn order(
        &self,
        user_id: UserId,
        key: Option<&str>,
        purchase: &Purchase,
        deadline: Instant,
    ) -> Result<Order, ShopError> {
        let basket = purchase.basket();
        let identity = Identity::claim(&self.keys, &user_id, key, Action::Order, basket).await?;
        let order_id = identity.id().into();
        tracing::Span::current().record("order_id", tracing::field::display(order_id));
        // A request that was cut off before it was decided goes on as if it were new.
        if identity.is_known()
            && let Some(order) = self.orders.get(&user_id, order_id).await?
        {
            return accepted(order);
        }
        let products = self.products.get_many(basket.products()).await?;
        let checkout = Checkout {
            order_id,
            user_id,
            lines: purchase.price(&products)?,
            submitted_at: Timestamp::now(),
        };
        accepted(self.decide(checkout, deadline).await?)
    }

    async fn decide(&self, checkout: Checkout, deadline: Instant) -> Result<Order, ShopError> {
        let key = checkout.key();
        let mut report = self.settlement.decide(checkout, deadline).await;
        let order = match report.settled.pop() {
            Some(order) => {
                log_decision(&order);
                order
            }
            None if report.already_settled.is_empty() => return Err(report.into_error().into()),
            // The same request, sent twice at once, was faster; or the answer to it was lost.
            None => self.decided(&key.user_id, key.order_id).await?,
        };
        if let Err(error) = self.expiries.watch([&order]).await {
            tracing::warn!(order_id = %order.order_id(), %error, "the sweep must expire this order");
        }
        Ok(order)
    }

    async fn decided(&self, user_id: &UserId, order_id: OrderId) -> Result<Order, StoreError> {
        let order = self.orders.get(user_id, order_id).await?;
        order.ok_or_else(|| StoreError::Unavailable("a decided order is not there".into()))
    }
}

/// Logs and counts a decision.
fn log_decision(order: &Order) {
    let rejected = u64::from(matches!(order.state, OrderState::Rejected(_)));
    tracing::info!(
        target: METRICS,
        accepted = 1 - rejected,
        rejected,
        order_id = %order.order_id(),
        status = %order.status(),
        "order decided"
    );
}

/// The order, unless it was rejected.
fn accepted(order: Order) -> Result<Order, ShopError> {
    match order.state {
        OrderState::Rejected(Rejection::OutOfStock { short }) => Err(ShopError::OutOfStock {
            short,
            order_id: Some(order.checkout.order_id),
        }),
        OrderState::WaitingPayment { .. }
        | OrderState::Paid { .. }
        | OrderState::Shipping { .. }
        | OrderState::Completed { .. }
        | OrderState::Cancelled { .. }
        | OrderState::Expired { .. } => Ok(order),
    }
}
