//! Accepts checkouts by queueing them: `POST /carts/{cart_id}/checkout`, `POST /checkouts`.

mod handler;
mod shelf_memory;

use handler::Till;
use shelf_memory::ShelfMemory;
use store::{Carts, CheckoutQueue, IdempotencyKeys, Products, Stock};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_http::Error> {
    telemetry::init();
    let books = store::dynamodb_from_env()?;
    let till = Till {
        carts: Carts::from_env(&books)?,
        keys: IdempotencyKeys::from_env(&books)?,
        queue: CheckoutQueue::from_env(&store::sqs_from_env()?)?,
        shelves: ShelfMemory::of(Products::from_env(&books)?, Stock::from_env(&books)?),
    };
    api::serve(|request| handler::handle(&till, request)).await
}
