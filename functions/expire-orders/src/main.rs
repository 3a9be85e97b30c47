//! Puts the units of orders that were not paid in time back on the shelf: when their message comes,
//! and, for those whose message never does, once a minute.

mod handler;

use lambda_runtime::Error;
use shop::ExpiryService;
use store::{Orders, ReleaseSettlement};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    telemetry::init();
    let books = store::dynamodb_from_env()?;
    let service = ExpiryService {
        orders: Orders::from_env(&books)?,
        settlement: ReleaseSettlement::from_env(&books)?,
    };
    telemetry::run("expire orders", |event| handler::handle(&service, event)).await
}
