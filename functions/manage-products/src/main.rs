//! Lets merchants offer, change and stock their products: `POST /products`,
//! `PATCH /products/{product_id}`, `POST /products/{product_id}/stock`.

mod handler;

use handler::Backroom;
use store::{IdempotencyKeys, ProductNames, Products, Stock};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_http::Error> {
    telemetry::init();
    let books = store::dynamodb_from_env()?;
    let backroom = Backroom {
        products: Products::from_env(&books)?,
        names: ProductNames::from_env()?,
        stock: Stock::from_env(&books)?,
        keys: IdempotencyKeys::from_env(&books)?,
    };
    api::serve(|request| handler::handle(&backroom, request)).await
}
