//! The routes by which merchants see what is to be shipped, and report what was.

use api::routes::FulfilOrdersRoute;
use api::view::{OrderView, OrdersView};
use api::{ApiError, Caller, PageRequest, Reply};
use domain::{Carrier, TrackingNumber};
use lambda_http::Request;
use payments::PaymentProvider;
use serde::Deserialize;
use shop::FulfilmentService;
use shop::fulfilment::Parcel;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Shipped {
    carrier: Carrier,
    tracking_number: TrackingNumber,
}

pub(crate) async fn handle<P: PaymentProvider + Sync>(
    service: &FulfilmentService<P>,
    route: FulfilOrdersRoute,
    request: Request,
) -> Result<Reply, ApiError> {
    Caller::of(&request)?.merchant()?;
    let order = match route {
        FulfilOrdersRoute::List => return list(service, &request).await,
        FulfilOrdersRoute::Ship => {
            let shipped: Shipped = api::json(&request)?;
            let order_id = api::paid_order_id_in_path(&request)?;
            service.ship(order_id, &shipped.into()).await?
        }
        FulfilOrdersRoute::Complete => {
            let order_id = api::paid_order_id_in_path(&request)?;
            service.complete(order_id).await?
        }
    };
    Ok(api::personal(&OrderView::decided(&order)))
}

async fn list<P>(service: &FulfilmentService<P>, request: &Request) -> Result<Reply, ApiError> {
    let PageRequest { limit, after } = PageRequest::of(request)?;
    let page = service.orders.to_ship(limit, after.as_ref()).await?;
    Ok(api::personal(&OrdersView::of_page(&page)))
}

impl From<Shipped> for Parcel {
    fn from(shipped: Shipped) -> Parcel {
        Parcel {
            carrier: shipped.carrier,
            tracking_number: shipped.tracking_number,
        }
    }
}
