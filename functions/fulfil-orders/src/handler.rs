//! Shipping: the provider captures the payment, then the books record the parcel, in this order, so
//! that nothing leaves the shop unpaid. Merchants see orders that were paid at some time; any other
//! is not there for them.

use api::view::{OrderView, OrdersView};
use api::{ApiError, Caller, PageRequest, Reply, Thing};
use domain::{
    Carrier, Forbidden, Order, OrderState, OrderStatus, Shipment, TrackingNumber, Transition,
};
use jiff::Timestamp;
use lambda_http::Request;
use payments::PaymentProvider;
use serde::Deserialize;
use store::{AdvanceError, Orders};

/// Where parcels leave the shop.
pub(crate) struct Dispatch<P> {
    pub(crate) orders: Orders,
    pub(crate) provider: P,
}

#[derive(Deserialize, PartialEq, Eq)]
#[serde(deny_unknown_fields)]
struct Parcel {
    carrier: Carrier,
    tracking_number: TrackingNumber,
}

pub(crate) async fn handle<P: PaymentProvider + Sync>(
    dispatch: &Dispatch<P>,
    request: Request,
) -> Result<Reply, ApiError> {
    Caller::of(&request)?.merchant()?;
    match api::route(&request) {
        "GET /fulfilment" => dispatch.list(&request).await,
        "POST /orders/{order_id}/shipment" => dispatch.ship(&request).await,
        "POST /orders/{order_id}/completion" => dispatch.complete(&request).await,
        _ => Err(ApiError::NoSuchRoute),
    }
}

impl<P: PaymentProvider + Sync> Dispatch<P> {
    async fn list(&self, request: &Request) -> Result<Reply, ApiError> {
        let PageRequest { limit, after } = PageRequest::of(request)?;
        let page = self.orders.to_ship(limit, after.as_ref()).await?;
        Ok(api::personal(&OrdersView {
            orders: page.items.iter().map(OrderView::decided).collect(),
            next_cursor: api::next_cursor(page.next.as_ref()),
        }))
    }

    async fn ship(&self, request: &Request) -> Result<Reply, ApiError> {
        let parcel: Parcel = api::json(request)?;
        let order = self.order(request).await?;
        let shipped = match &order.state {
            OrderState::Paid { .. } => self.hand_over(request, &order, parcel).await?,
            _ if parcel.carries(&order) => order,
            _ => return Err(cannot(&order, OrderStatus::Shipping)),
        };
        Ok(api::personal(&OrderView::decided(&shipped)))
    }

    /// Hands a paid order over to its carrier.
    async fn hand_over(
        &self,
        request: &Request,
        order: &Order,
        parcel: Parcel,
    ) -> Result<Order, ApiError> {
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
        let now = self.order(request).await?;
        if parcel.carries(&now) {
            return Ok(now);
        }
        if now.payment().is_none() {
            // Cancelled while the payment was captured.
            self.provider.give_back(&payment.payment_id).await?;
        }
        Err(cannot(&now, OrderStatus::Shipping))
    }

    async fn complete(&self, request: &Request) -> Result<Reply, ApiError> {
        let order = self.order(request).await?;
        let at = Timestamp::now();
        let arrived = match order.status() {
            OrderStatus::Completed => order,
            _ => match self
                .orders
                .advance(&order, Transition::Complete { at })
                .await
            {
                Ok(arrived) => {
                    tracing::info!(order_id = %order.order_id(), "order completed");
                    arrived
                }
                Err(AdvanceError::Forbidden(forbidden)) if forbidden.from == forbidden.to => {
                    self.order(request).await?
                }
                Err(error) => return Err(error.into()),
            },
        };
        Ok(api::personal(&OrderView::decided(&arrived)))
    }

    async fn order(&self, request: &Request) -> Result<Order, ApiError> {
        let none = || ApiError::NotFound(Thing::PaidOrder);
        let order_id = api::order_id_in_path(request).map_err(|_| none())?;
        self.orders.find_paid(order_id).await?.ok_or_else(none)
    }
}

impl Parcel {
    /// Whether this very parcel holds the order.
    fn carries(&self, order: &Order) -> bool {
        match &order.state {
            OrderState::Shipping { shipment, .. } | OrderState::Completed { shipment, .. } => {
                shipment.carrier == self.carrier && shipment.tracking_number == self.tracking_number
            }
            _ => false,
        }
    }
}

fn cannot(order: &Order, to: OrderStatus) -> ApiError {
    let from = order.status();
    Forbidden { from, to }.into()
}
