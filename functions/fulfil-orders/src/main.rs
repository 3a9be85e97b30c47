//! Lists paid orders to merchants, and records shipments and arrivals: `GET /fulfilment`,
//! `POST /orders/{order_id}/shipment`, `POST /orders/{order_id}/completion`.

mod handler;

use handler::Dispatch;
use payments::Simulator;
use store::Orders;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_http::Error> {
    telemetry::init();
    let books = store::dynamodb_from_env()?;
    let dispatch = Dispatch {
        orders: Orders::from_env(&books)?,
        provider: Simulator,
    };
    api::serve(|request| handler::handle(&dispatch, request)).await
}
