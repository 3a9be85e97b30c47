//! Cancelling an order: first the books change, then the provider gives the money back. The shopper
//! gets a success only when the provider has confirmed it, since the payment may have been captured by
//! a merchant who began to ship.

use std::time::Instant;

use domain::{Change, Order, OrderId, OrderState, OrderStatus, Transition, UserId};
use jiff::Timestamp;
use payments::PaymentProvider;
use store::{Carts, Orders, ReleaseSettlement};
use telemetry::METRICS;

use crate::decided_order::decided_order;
use crate::error::ShopError;

/// Cancels orders and puts their units back on the shelf.
#[derive(Debug)]
pub struct CancellationService<P> {
    /// Where orders are kept.
    pub orders: Orders,
    /// Where orders that are not decided yet are known by their submitted carts.
    pub carts: Carts,
    /// Commits a cancellation with its stock.
    pub settlement: ReleaseSettlement,
    /// Gives the money back.
    pub provider: P,
}

/// How often an order that keeps changing is looked at again. It can change twice before it can't be
/// cancelled any more.
const ATTEMPTS: usize = 3;

impl<P: PaymentProvider + Sync> CancellationService<P> {
    /// Cancels a user's order, and gives back what was paid for it. An order that was cancelled
    /// before stays so.
    ///
    /// # Errors
    /// When the order cannot be cancelled, or the provider does not confirm the refund.
    pub async fn cancel(
        &self,
        user_id: &UserId,
        order_id: OrderId,
        deadline: Instant,
    ) -> Result<Order, ShopError> {
        let order = self.cancelled(user_id, order_id, deadline).await?;
        give_back(&self.provider, &order).await?;
        Ok(order)
    }

    /// The order, cancelled now or before.
    async fn cancelled(
        &self,
        user_id: &UserId,
        order_id: OrderId,
        deadline: Instant,
    ) -> Result<Order, ShopError> {
        let (orders, carts, wanted) = (&self.orders, &self.carts, OrderStatus::Cancelled);
        for _ in 0..ATTEMPTS {
            let order = decided_order(orders, carts, user_id, order_id, wanted).await?;
            if order.status() == wanted {
                return Ok(order);
            }
            let at = Timestamp::now();
            let change = Change::new(&order, Transition::Cancel { at })?;
            let mut report = self.settlement.release(vec![change], deadline).await;
            if let Some(cancelled) = report.settled.pop() {
                let from = tracing::field::display(order.status());
                tracing::info!(target: METRICS, %order_id, from, cancelled = 1, "order cancelled");
                return Ok(cancelled);
            }
            if report.already_settled.is_empty() {
                return Err(report.into_error().into());
            }
            // It is no longer as it was loaded: look again.
        }
        Err(ShopError::keeps_changing("order"))
    }
}

/// Gives back the payment of a cancelled order, if it has one. It is asked of an order that was
/// cancelled before, too: the provider may not have answered then.
///
/// # Errors
/// When the provider gives no answer.
async fn give_back(provider: &impl PaymentProvider, order: &Order) -> Result<(), ShopError> {
    let OrderState::Cancelled {
        refund: Some(refund),
        ..
    } = &order.state
    else {
        return Ok(());
    };
    let payment_id = &refund.payment.payment_id;
    let given_back = provider.give_back(payment_id).await;
    given_back.map_err(|error| {
        let order_id = order.order_id();
        tracing::error!(%order_id, %payment_id, %error, "cancelled, and perhaps not given back");
        ShopError::RefundSilent
    })
}
