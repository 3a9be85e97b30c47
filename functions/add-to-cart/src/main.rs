//! Opens, shows and changes carts: the routes under `/carts` but for the checkout.

mod handler;

use handler::CartDesk;
use store::{Carts, Memory, Products};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_http::Error> {
    telemetry::init();
    let books = store::dynamodb_from_env()?;
    let desk = CartDesk {
        carts: Carts::from_env(&books)?,
        products: Products::from_env(&books)?,
        seen: Memory::default(),
    };
    api::serve(|request| handler::handle(&desk, request)).await
}
