//! Opens, shows and changes carts.

mod handler;

use shop::CartService;
use store::{Carts, ProductCache, Products};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_http::Error> {
    telemetry::init();
    let books = store::dynamodb_from_env()?;
    let service = CartService {
        carts: Carts::from_env(&books)?,
        products: Products::from_env(&books)?,
        seen: ProductCache::default(),
    };
    api::serve(|route, request| handler::handle(&service, route, request)).await
}
