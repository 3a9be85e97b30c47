//! Decides checkouts: takes a batch of them from the queue, commits the decision in one transaction,
//! and enters the orders.

mod handler;

use lambda_runtime::Error;
use shop::BatchService;
use store::{BatchSettlement, CheckoutQueue, ExpiryQueue, Gathering};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    telemetry::init();
    let (tables, queues) = (store::dynamodb_from_env()?, store::sqs_from_env()?);
    let service = BatchService {
        settlement: BatchSettlement::from_env(&tables, store::payment_window_from_env()?)?,
        queue: CheckoutQueue::from_env(&queues)?,
        gathering: Gathering::from_env()?,
        expiries: ExpiryQueue::from_env(&queues)?,
    };
    telemetry::run("decide checkouts", |event| handler::handle(&service, event)).await
}
