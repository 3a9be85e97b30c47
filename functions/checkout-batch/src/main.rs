//! Decides checkouts: takes a batch of them from the queue and settles it in one transaction.

mod account;
mod handler;

use lambda_runtime::Error;
use store::{CheckoutDesk, ExpiryQueue};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    telemetry::init();
    let desk = CheckoutDesk::from_env(
        &store::dynamodb_from_env()?,
        store::payment_window_from_env()?,
    )?;
    let expiries = ExpiryQueue::from_env(&store::sqs_from_env()?)?;
    telemetry::run("decide checkouts", |event| {
        handler::decide_batch(&desk, &expiries, event)
    })
    .await
}
