//! Takes the payment of an order: `POST /orders/{order_id}/payment`.

mod handler;

use handler::Cashier;
use payments::Simulator;
use store::{Carts, Orders};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_http::Error> {
    telemetry::init();
    let books = store::dynamodb_from_env()?;
    let cashier = Cashier {
        orders: Orders::from_env(&books)?,
        carts: Carts::from_env(&books)?,
        provider: Simulator,
    };
    api::serve(|request| handler::handle(&cashier, request)).await
}
