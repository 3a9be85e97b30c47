//! Shows users what became of their orders.

mod handler;

use handler::Context;
use store::{Carts, Orders};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_http::Error> {
    telemetry::init();
    let books = store::dynamodb_from_env()?;
    let context = Context {
        orders: Orders::from_env(&books)?,
        carts: Carts::from_env(&books)?,
    };
    api::serve(|route, request| handler::handle(&context, route, request)).await
}
