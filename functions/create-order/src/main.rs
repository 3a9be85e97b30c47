//! Decides one order within its request: `POST /orders`.

mod handler;

use handler::Counter;
use store::{CheckoutDesk, ExpiryQueue, IdempotencyKeys, Orders, Products};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_http::Error> {
    telemetry::init();
    let books = store::dynamodb_from_env()?;
    let counter = Counter {
        products: Products::from_env(&books)?,
        keys: IdempotencyKeys::from_env(&books)?,
        desk: CheckoutDesk::from_env(&books, store::payment_window_from_env()?)?,
        orders: Orders::from_env(&books)?,
        expiries: ExpiryQueue::from_env(&store::sqs_from_env()?)?,
    };
    api::serve(|request| handler::handle(&counter, request)).await
}
