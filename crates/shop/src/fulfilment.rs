//! Shipping: the provider captures the payment, then the books record the parcel, in this order, so
//! that nothing leaves the shop unpaid. Merchants see orders that were paid at some time; for them
//! there are no others.

use domain::{
    Carrier, Forbidden, Order, OrderId, OrderState, OrderStatus, Shipment, TrackingNumber,
    Transition,
};
use jiff::Timestamp;
use payments::PaymentProvider;
use store::{AdvanceError, Orders};

use crate::error::{Resource, ShopError};

/// Records what leaves the shop and what arrives.
#[derive(Debug)]
pub struct FulfilmentService<P> {
    /// Where orders are kept.
    pub orders: Orders,
    /// Takes the money that it holds.
    pub provider: P,
}

/// What a merchant hands over for an order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Parcel {
    /// The company that carries it.
    pub carrier: Carrier,
    /// The carrier's number for it.
    pub tracking_number: TrackingNumber,
}

impl<P: PaymentProvider + Sync> FulfilmentService<P> {
    /// Ships a paid order. The same parcel may be reported again.
    ///
    /// # Errors
    /// When the order cannot be shipped, or its payment cannot be captured.
    pub async fn ship(&self, order_id: OrderId, parcel: &Parcel) -> Result<Order, ShopError> {
        let order = self.order(order_id).await?;
        match &order.state {
            OrderState::Paid { .. } => self.hand_over(&order, parcel).await,
            _ if parcel.carries(&order) => Ok(order),
            _ => Err(cannot_ship(&order)),
        }
    }

    /// Hands a paid order over to its carrier.
    async fn hand_over(&self, order: &Order, parcel: &Parcel) -> Result<Order, ShopError> {
        let payment = order.payment().expect("a paid order has a payment");
        self.provider.capture(&payment.payment_id).await?;
        let shipment = Shipment {
            carrier: parcel.carrier.clone(),
            tracking_number: parcel.tracking_number.clone(),
            shipped_at: Timestamp::now(),
        };
        match self.orders.advance(order, Transition::Ship(shipment)).await {
            Ok(shipped) => {
                tracing::info!(order_id = %order.order_id(), "order shipped");
                return Ok(shipped);
            }
            Err(AdvanceError::Forbidden(_)) => {}
            Err(AdvanceError::Store(error)) => return Err(error.into()),
        }
        let now = self.order(order.order_id()).await?;
        if parcel.carries(&now) {
            return Ok(now);
        }
        if now.payment().is_none() {
            // Cancelled while the payment was captured.
            self.provider.give_back(&payment.payment_id).await?;
        }
        Err(cannot_ship(&now))
    }

    /// Records that a shipped order has arrived. It may be reported again.
    ///
    /// # Errors
    /// When the order was not shipped.
    pub async fn complete(&self, order_id: OrderId) -> Result<Order, ShopError> {
        let order = self.order(order_id).await?;
        if order.status() == OrderStatus::Completed {
            return Ok(order);
        }
        let at = Timestamp::now();
        match self
            .orders
            .advance(&order, Transition::Complete { at })
            .await
        {
            Ok(arrived) => {
                tracing::info!(%order_id, "order completed");
                Ok(arrived)
            }
            Err(AdvanceError::Forbidden(forbidden)) if forbidden.from == forbidden.to => {
                self.order(order_id).await
            }
            Err(error) => Err(error.into()),
        }
    }

    async fn order(&self, order_id: OrderId) -> Result<Order, ShopError> {
        let order = self.orders.find_paid(order_id).await?;
        order.ok_or(ShopError::NotFound(Resource::PaidOrder))
    }
}

impl Parcel {
    /// Whether this very parcel holds the order.
    fn carries(&self, order: &Order) -> bool {
        match &order.state {
            OrderState::Shipping { shipment, .. } | OrderState::Completed { shipment, .. } => {
                shipment.carrier == self.carrier && shipment.tracking_number == self.tracking_number
            }
            OrderState::WaitingPayment { .. }
            | OrderState::Rejected(_)
            | OrderState::Paid { .. }
            | OrderState::Cancelled { .. }
            | OrderState::Expired { .. } => false,
        }
    }
}

fn cannot_ship(order: &Order) -> ShopError {
    let (from, to) = (order.status(), OrderStatus::Shipping);
    Forbidden { from, to }.into()
}
