//! Calling an order off: the books first, then the provider. A payment that the provider never
//! hears was given back is not captured either, since the order can't be shipped any more.

use api::view::OrderView;
use api::{ApiError, Caller, Reply};
use domain::{Change, Order, OrderState, OrderStatus, Transition};
use jiff::Timestamp;
use lambda_http::Request;
use payments::PaymentProvider;
use store::{Carts, Orders, ReturnsDesk, StoreError};
use telemetry::METRICS;

/// Where shoppers change their minds.
pub(crate) struct ServiceDesk<P> {
    pub(crate) orders: Orders,
    pub(crate) carts: Carts,
    pub(crate) returns: ReturnsDesk,
    pub(crate) provider: P,
}

/// How often an order that keeps changing is looked at again. It can change twice before it can't be
/// cancelled any more.
const ATTEMPTS: usize = 3;

pub(crate) async fn handle<P: PaymentProvider + Sync>(
    desk: &ServiceDesk<P>,
    request: Request,
) -> Result<Reply, ApiError> {
    match api::route(&request) {
        "POST /orders/{order_id}/cancellation" => desk.cancel(&request).await,
        _ => Err(ApiError::NoSuchRoute),
    }
}

impl<P: PaymentProvider + Sync> ServiceDesk<P> {
    async fn cancel(&self, request: &Request) -> Result<Reply, ApiError> {
        let order = self.cancelled(request).await?;
        self.give_back(&order).await;
        Ok(api::personal(&OrderView::decided(&order)))
    }

    /// The order, cancelled now or before.
    async fn cancelled(&self, request: &Request) -> Result<Order, ApiError> {
        let deadline = api::deadline(request);
        let Caller { user_id, .. } = Caller::of(request)?;
        let order_id = api::order_id_in_path(request)?;
        let (orders, carts) = (&self.orders, &self.carts);
        let wanted = OrderStatus::Cancelled;
        for _ in 0..ATTEMPTS {
            let order = api::decided_order(orders, carts, &user_id, order_id, wanted).await?;
            if order.status() == wanted {
                return Ok(order);
            }
            let at = Timestamp::now();
            let change = Change::new(&order, Transition::Cancel { at })?;
            let mut report = self.returns.take_back(vec![change], deadline).await;
            if let Some(cancelled) = report.settled.pop() {
                let from = tracing::field::display(order.status());
                tracing::info!(target: METRICS, %order_id, from, cancelled = 1, "order cancelled");
                return Ok(cancelled);
            }
            if report.already_settled.is_empty() {
                return Err(report.why_not().into());
            }
            // It is no longer as it was loaded: look again.
        }
        Err(StoreError::Unavailable("the order keeps changing".into()).into())
    }

    /// Gives back what was paid. Also of an order that was cancelled before: should the provider not
    /// have been heard then, asking again heals it.
    async fn give_back(&self, order: &Order) {
        let OrderState::Cancelled {
            refund: Some(refund),
            ..
        } = &order.state
        else {
            return;
        };
        let payment_id = &refund.payment.payment_id;
        if let Err(error) = self.provider.give_back(payment_id).await {
            let order_id = order.order_id();
            tracing::error!(%order_id, %payment_id, %error, "cancelled, the hold must lapse");
        }
    }
}
