//! Calling an order off: the books first, then the provider. Nobody is told that it is done before the
//! provider has said so: the payment may have been captured, by a merchant who began to ship.

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
        give_back(&self.provider, &order).await?;
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
}

/// Gives back what was paid. Also of an order that was cancelled before: should the provider not have
/// been heard then, asking again heals it.
///
/// # Errors
/// 504 when the provider gives no answer.
async fn give_back(provider: &impl PaymentProvider, order: &Order) -> Result<(), ApiError> {
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
        ApiError::RefundSilent
    })
}

#[cfg(test)]
mod tests {
    use domain::{Checkout, Money, OrderLine, Payment, PaymentId, Refund};
    use payments::{CaptureError, CardNumber, PaymentError, ProviderError};
    use uuid::Uuid;

    use super::*;

    /// A provider that never answers.
    struct Silent;

    impl PaymentProvider for Silent {
        async fn authorise(&self, _: &Order, _: &CardNumber) -> Result<PaymentId, PaymentError> {
            Err(ProviderError.into())
        }

        async fn capture(&self, _: &PaymentId) -> Result<(), CaptureError> {
            Err(ProviderError.into())
        }

        async fn give_back(&self, _: &PaymentId) -> Result<(), ProviderError> {
            Err(ProviderError)
        }
    }

    fn cancelled(refund: Option<Refund>) -> Order {
        let now = Timestamp::UNIX_EPOCH;
        let line = OrderLine {
            product_id: Uuid::from_u128(1).try_into().unwrap(),
            name: "Tea".parse().unwrap(),
            quantity: 1.try_into().unwrap(),
            unit_price: Money::ZERO,
        };
        Order {
            checkout: Checkout {
                order_id: Uuid::now_v7().try_into().unwrap(),
                user_id: "ada".parse().unwrap(),
                lines: vec![line].try_into().unwrap(),
                submitted_at: now,
            },
            decided_at: now,
            state: OrderState::Cancelled {
                cancelled_at: now,
                refund,
            },
        }
    }

    #[tokio::test(flavor = "current_thread")]
    async fn nobody_is_told_of_a_refund_that_the_provider_has_not_confirmed() {
        let refund = Refund {
            payment: Payment {
                payment_id: "payment-1".parse().unwrap(),
                paid_at: Timestamp::UNIX_EPOCH,
            },
            refunded_at: Timestamp::UNIX_EPOCH,
        };
        let refused = give_back(&Silent, &cancelled(Some(refund))).await;
        let reply = Reply::from(refused.unwrap_err());
        assert_eq!(reply.status(), 504);
        assert_eq!(reply.headers()["retry-after"], "1");
        let unpaid = give_back(&Silent, &cancelled(None)).await;
        assert!(unpaid.is_ok(), "there is nothing to give back");
    }
}
