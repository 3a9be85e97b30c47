//! Tells users what became of their orders: `GET /orders`, `GET /orders/{order_id}`.

mod handler;

use handler::Counter;
use store::{Carts, Orders};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_http::Error> {
    telemetry::init();
    let books = store::dynamodb_from_env()?;
    let counter = Counter {
        orders: Orders::from_env(&books)?,
        carts: Carts::from_env(&books)?,
    };
    api::serve(|request| handler::handle(&counter, request)).await
}
