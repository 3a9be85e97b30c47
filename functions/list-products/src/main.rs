//! Lists the products with what is left of each.

mod handler;

use handler::Context;
use store::{Products, Stock};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_http::Error> {
    telemetry::init();
    let books = store::dynamodb_from_env()?;
    let context = Context {
        products: Products::from_env(&books)?,
        stock: Stock::from_env(&books)?,
    };
    api::serve(|route, request| handler::handle(&context, route, request)).await
}
