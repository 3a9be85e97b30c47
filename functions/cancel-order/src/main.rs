//! Calls an order off and puts its units back on the shelf: `POST /orders/{order_id}/cancellation`.

mod handler;

use handler::ServiceDesk;
use payments::Simulator;
use store::{Carts, Orders, ReturnsDesk};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_http::Error> {
    telemetry::init();
    let books = store::dynamodb_from_env()?;
    let desk = ServiceDesk {
        orders: Orders::from_env(&books)?,
        carts: Carts::from_env(&books)?,
        returns: ReturnsDesk::from_env(&books)?,
        provider: Simulator,
    };
    api::serve(|request| handler::handle(&desk, request)).await
}
