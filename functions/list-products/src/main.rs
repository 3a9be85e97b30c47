//! Lists the products with what is left of each: `GET /products`, `GET /products/{product_id}`.

mod handler;

use handler::Showroom;
use store::{Products, Stock};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_http::Error> {
    telemetry::init();
    let books = store::dynamodb_from_env()?;
    let showroom = Showroom {
        products: Products::from_env(&books)?,
        stock: Stock::from_env(&books)?,
    };
    api::serve(|request| handler::handle(&showroom, request)).await
}
