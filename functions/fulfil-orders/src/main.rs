//! Lists paid orders to merchants, and records shipments and arrivals.

mod handler;

use payments::Simulator;
use shop::FulfilmentService;
use store::Orders;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_http::Error> {
    telemetry::init();
    let books = store::dynamodb_from_env()?;
    let service = FulfilmentService {
        orders: Orders::from_env(&books)?,
        provider: Simulator,
    };
    api::serve(|route, request| handler::handle(&service, route, request)).await
}
