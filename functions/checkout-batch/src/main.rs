//! Decides checkouts: takes a batch of them from the queue and settles it in one transaction.

mod handler;

use lambda_runtime::Error;
use shop::BatchService;
use store::{CheckoutDesk, ExpiryQueue};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    telemetry::init();
    let books = store::dynamodb_from_env()?;
    let service = BatchService {
        settlement: CheckoutDesk::from_env(&books, store::payment_window_from_env()?)?,
        expiries: ExpiryQueue::from_env(&store::sqs_from_env()?)?,
    };
    telemetry::run("decide checkouts", |event| handler::handle(&service, event)).await
}
