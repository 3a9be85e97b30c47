//! Paying: the provider authorises, then the books record it, in this order. A payment that no order
//! records is never captured, so a request that is cut off halfway costs its shopper nothing.

use domain::{Forbidden, Order, OrderId, OrderStatus, Payment, PaymentId, Transition, UserId};
use jiff::Timestamp;
use payments::{CardNumber, PaymentError, PaymentProvider};
use store::{AdvanceError, Carts, Orders};
use telemetry::METRICS;

use crate::decided_order::decided_order;
use crate::error::{Resource, ShopError};

/// Takes the payment of orders.
#[derive(Debug)]
pub struct PaymentService<P> {
    /// Where orders are kept.
    pub orders: Orders,
    /// Where orders that are not decided yet are known by their submitted carts.
    pub carts: Carts,
    /// Holds the money.
    pub provider: P,
}

impl<P: PaymentProvider + Sync> PaymentService<P> {
    /// Pays a user's order with a card. An order that is paid already stays as it is.
    ///
    /// # Errors
    /// When the order cannot be paid, or the provider does not authorise the payment.
    pub async fn pay(
        &self,
        user_id: &UserId,
        order_id: OrderId,
        card: &CardNumber,
    ) -> Result<Order, ShopError> {
        let (orders, carts, to) = (&self.orders, &self.carts, OrderStatus::Paid);
        let order = decided_order(orders, carts, user_id, order_id, to).await?;
        if order.payment().is_some() {
            return Ok(order);
        }
        let from = order.status();
        if !from.may_become(to) {
            return Err(Forbidden { from, to }.into());
        }
        let payment_id = self.provider.authorise(&order, card).await;
        let payment_id = payment_id.inspect_err(count_decline)?;
        self.record(&order, payment_id, Timestamp::now()).await
    }

    async fn record(
        &self,
        order: &Order,
        payment_id: PaymentId,
        paid_at: Timestamp,
    ) -> Result<Order, ShopError> {
        let payment = Payment {
            payment_id,
            paid_at,
        };
        let pay = Transition::Pay(payment.clone());
        match self.orders.advance(order, pay).await {
            Ok(paid) => {
                let order_id = tracing::field::display(order.order_id());
                tracing::info!(target: METRICS, order_id, payments = 1, "order paid");
                Ok(paid)
            }
            Err(AdvanceError::Forbidden(_)) => self.overtaken(order, &payment).await,
            Err(AdvanceError::Store(error)) => Err(error.into()),
        }
    }

    /// Something happened to the order while the provider was asked.
    async fn overtaken(&self, order: &Order, payment: &Payment) -> Result<Order, ShopError> {
        let now = self.orders.get(order.user_id(), order.order_id()).await?;
        let now = now.ok_or(ShopError::NotFound(Resource::Order))?;
        let recorded = now.payment().map(|recorded| &recorded.payment_id);
        if recorded == Some(&payment.payment_id) {
            // The same payment, asked for twice at once; or the answer to the write was lost.
            return Ok(now);
        }
        let (order_id, payment_id) = (order.order_id(), &payment.payment_id);
        match self.provider.give_back(payment_id).await {
            Ok(()) => tracing::info!(%order_id, %payment_id, "paid too late, given back"),
            Err(error) => {
                tracing::error!(%order_id, %payment_id, %error, "paid too late, the hold must lapse");
            }
        }
        match recorded {
            Some(_) => Ok(now),
            None => Err(ShopError::PaidTooLate(now.status())),
        }
    }
}

/// Counts the payments that banks decline; all other failures are logged where they are answered.
fn count_decline(error: &PaymentError) {
    if let PaymentError::Declined(decline) = error {
        tracing::info!(target: METRICS, declined = 1, reason = decline.as_str(), "payment declined");
    }
}
