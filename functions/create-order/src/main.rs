//! Decides one order within its request.

mod handler;

use shop::DirectOrderService;
use store::{DirectSettlement, ExpiryQueue, IdempotencyKeys, Orders, Products};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_http::Error> {
    telemetry::init();
    let books = store::dynamodb_from_env()?;
    let service = DirectOrderService {
        products: Products::from_env(&books)?,
        keys: IdempotencyKeys::from_env(&books)?,
        settlement: DirectSettlement::from_env(&books, store::payment_window_from_env()?)?,
        orders: Orders::from_env(&books)?,
        expiries: ExpiryQueue::from_env(&store::sqs_from_env()?)?,
    };
    api::serve(|route, request| handler::handle(&service, route, request)).await
}
