//! Paying: the provider authorises, then the books record it, in this order. A payment that no order
//! records is never captured, so whatever is cut off halfway has cost nobody anything.

use api::view::OrderView;
use api::{ApiError, Caller, Reply};
use domain::{Forbidden, Order, OrderStatus, Payment, Transition};
use jiff::Timestamp;
use lambda_http::Request;
use payments::{CardNumber, PaymentError, PaymentProvider};
use serde::Deserialize;
use store::{AdvanceError, Carts, Orders};
use telemetry::METRICS;

/// Where shoppers pay.
pub(crate) struct Cashier<P> {
    pub(crate) orders: Orders,
    pub(crate) carts: Carts,
    pub(crate) provider: P,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Card {
    card_number: CardNumber,
}

pub(crate) async fn handle<P: PaymentProvider + Sync>(
    cashier: &Cashier<P>,
    request: Request,
) -> Result<Reply, ApiError> {
    match api::route(&request) {
        "POST /orders/{order_id}/payment" => cashier.pay(&request).await,
        _ => Err(ApiError::NoSuchRoute),
    }
}

impl<P: PaymentProvider + Sync> Cashier<P> {
    async fn pay(&self, request: &Request) -> Result<Reply, ApiError> {
        let Caller { user_id, .. } = Caller::of(request)?;
        let order_id = api::order_id_in_path(request)?;
        let Card { card_number } = api::json(request)?;
        let (orders, carts) = (&self.orders, &self.carts);
        let wanted = OrderStatus::Paid;
        let order = api::decided_order(orders, carts, &user_id, order_id, wanted).await?;
        if order.payment().is_some() {
            return Ok(api::personal(&OrderView::decided(&order)));
        }
        let (from, to) = (order.status(), wanted);
        if !from.may_become(to) {
            return Err(Forbidden { from, to }.into());
        }
        let payment_id = self.provider.authorise(&order, &card_number).await;
        let payment_id = payment_id.inspect_err(tell)?;
        let paid = self.record(&order, payment_id, Timestamp::now()).await?;
        Ok(api::personal(&OrderView::decided(&paid)))
    }

    async fn record(
        &self,
        order: &Order,
        payment_id: domain::PaymentId,
        paid_at: Timestamp,
    ) -> Result<Order, ApiError> {
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
    async fn overtaken(&self, order: &Order, payment: &Payment) -> Result<Order, ApiError> {
        let now = self.orders.get(order.user_id(), order.order_id()).await?;
        let now = now.ok_or(ApiError::NotFound(api::Thing::Order))?;
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
            None => Err(ApiError::PaidTooLate(now.status())),
        }
    }
}

/// Counts the payments that banks decline; all other failures are logged where they are answered.
fn tell(error: &PaymentError) {
    if let PaymentError::Declined(decline) = error {
        tracing::info!(target: METRICS, declined = 1, reason = decline.as_str(), "payment declined");
    }
}
