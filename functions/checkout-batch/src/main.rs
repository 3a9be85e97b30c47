//! Decides checkouts: takes a batch of them from the queue and settles it in one transaction.

mod handler;

use lambda_runtime::{Error, run, service_fn};
use store::CheckoutDesk;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    telemetry::init();
    let desk = CheckoutDesk::from_env(
        &store::dynamodb_from_env()?,
        store::payment_window_from_env()?,
    )?;
    run(service_fn(|event| handler::decide_batch(&desk, event))).await
}
