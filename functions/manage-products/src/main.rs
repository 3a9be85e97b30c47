//! Lets merchants offer, change and stock their products.

mod handler;

use shop::CatalogueService;
use store::{IdempotencyKeys, ProductNames, Products, Stock};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_http::Error> {
    telemetry::init();
    let books = store::dynamodb_from_env()?;
    let service = CatalogueService {
        products: Products::from_env(&books)?,
        names: ProductNames::from_env()?,
        stock: Stock::from_env(&books)?,
        keys: IdempotencyKeys::from_env(&books)?,
    };
    api::serve(|route, request| handler::handle(&service, route, request)).await
}
