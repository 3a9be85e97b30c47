//! Ordering without a queue: the shopper waits while a batch of one is decided.

use std::time::Instant;

use api::view::OrderView;
use api::{ApiError, Caller, Identity, Purchase, Reply};
use domain::{Checkout, Order, OrderId, OrderState, UserId};
use jiff::Timestamp;
use lambda_http::Request;
use store::checkout_desk::Submission;
use store::{CheckoutDesk, ExpiryQueue, IdempotencyKeys, Orders, Products, StoreError};
use telemetry::METRICS;

/// Where shoppers order.
pub(crate) struct Counter {
    pub(crate) products: Products,
    pub(crate) keys: IdempotencyKeys,
    pub(crate) desk: CheckoutDesk,
    pub(crate) orders: Orders,
    pub(crate) expiries: ExpiryQueue,
}

const CREATE_ORDER: &str = "POST /orders";

pub(crate) async fn handle(counter: &Counter, request: Request) -> Result<Reply, ApiError> {
    match api::route(&request) {
        CREATE_ORDER => counter.order(&request).await,
        _ => Err(ApiError::NoSuchRoute),
    }
}

impl Counter {
    async fn order(&self, request: &Request) -> Result<Reply, ApiError> {
        let deadline = api::deadline(request);
        let Caller { user_id, .. } = Caller::of(request)?;
        let key = api::idempotency_key(request)?;
        let purchase = Purchase::of(request)?;
        let basket = &purchase.basket;
        let identity = Identity::claim(&self.keys, &user_id, key, CREATE_ORDER, basket).await?;
        let order_id = identity.id().into();
        tracing::Span::current().record("order_id", tracing::field::display(order_id));
        // A request that was cut off before it was decided goes on as if it were new.
        if identity.is_known()
            && let Some(order) = self.orders.get(&user_id, order_id).await?
        {
            return answer(&order);
        }
        let products = self.products.get_many(purchase.basket.products()).await?;
        let lines = purchase.price(&products)?;
        let order = self
            .decide(
                Checkout {
                    order_id,
                    user_id,
                    lines,
                    submitted_at: Timestamp::now(),
                },
                deadline,
            )
            .await?;
        answer(&order)
    }

    async fn decide(&self, checkout: Checkout, deadline: Instant) -> Result<Order, ApiError> {
        let key = checkout.key();
        let submission = Submission {
            checkout,
            seen_before: false,
        };
        let mut report = self.desk.decide(vec![submission], deadline).await;
        let order = match report.settled.pop() {
            Some(order) => tell(order),
            None if report.already_settled.is_empty() => return Err(report.why_not().into()),
            // The same request, sent twice at once, was faster; or the answer to it was lost.
            None => self.decided(&key.user_id, key.order_id).await?,
        };
        if let Err(error) = self.expiries.watch(std::slice::from_ref(&order)).await {
            tracing::warn!(order_id = %order.order_id(), %error, "the sweep must expire this order");
        }
        Ok(order)
    }

    async fn decided(&self, user_id: &UserId, order_id: OrderId) -> Result<Order, StoreError> {
        let order = self.orders.get(user_id, order_id).await?;
        order.ok_or_else(|| StoreError::Unavailable("a decided order is not there".into()))
    }
}

/// Counts a decision.
fn tell(order: Order) -> Order {
    let rejected = u64::from(matches!(order.state, OrderState::Rejected { .. }));
    tracing::info!(
        target: METRICS,
        accepted = 1 - rejected,
        rejected,
        order_id = %order.order_id(),
        status = %order.status(),
        "order decided"
    );
    order
}

fn answer(order: &Order) -> Result<Reply, ApiError> {
    if let OrderState::Rejected { short } = &order.state {
        return Err(ApiError::OutOfStock {
            short: short.clone(),
            order_id: Some(order.order_id()),
        });
    }
    let location = format!("/orders/{}", order.order_id());
    Ok(api::created(&location, &OrderView::decided(order)))
}
