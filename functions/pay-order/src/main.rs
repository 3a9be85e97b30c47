//! Takes the payment of an order.

mod handler;

use payments::Simulator;
use shop::PaymentService;
use store::{Carts, Orders};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_http::Error> {
    telemetry::init();
    let books = store::dynamodb_from_env()?;
    let service = PaymentService {
        orders: Orders::from_env(&books)?,
        carts: Carts::from_env(&books)?,
        provider: Simulator,
    };
    api::serve(|route, request| handler::handle(&service, route, request)).await
}
