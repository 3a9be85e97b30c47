//! Accepts checkouts by queueing them.

mod handler;

use shop::CheckoutService;
use store::{Carts, CheckoutQueue, IdempotencyKeys, Offers, ProductCache};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_http::Error> {
    telemetry::init();
    let books = store::dynamodb_from_env()?;
    let service = CheckoutService {
        carts: Carts::from_env(&books)?,
        keys: IdempotencyKeys::from_env(&books)?,
        queue: CheckoutQueue::from_env(&store::sqs_from_env()?)?,
        offers: Offers::from_env(&books)?,
        seen: ProductCache::default(),
    };
    api::serve(|route, request| handler::handle(&service, route, request)).await
}
