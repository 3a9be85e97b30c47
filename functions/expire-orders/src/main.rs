//! Puts the units of orders that were not paid in time back on the shelf: when their message comes,
//! and, for those whose message never does, once a minute.

mod handler;

use handler::Steward;
use lambda_runtime::Error;
use store::{Orders, ReturnsDesk};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    telemetry::init();
    let books = store::dynamodb_from_env()?;
    let steward = Steward {
        orders: Orders::from_env(&books)?,
        returns: ReturnsDesk::from_env(&books)?,
    };
    telemetry::run("expire orders", |event| handler::handle(&steward, event)).await
}
