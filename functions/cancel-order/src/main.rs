//! Cancels orders and puts their units back on the shelf.

mod handler;

use payments::Simulator;
use shop::CancellationService;
use store::{Carts, Orders, ReleaseSettlement};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_http::Error> {
    telemetry::init();
    let books = store::dynamodb_from_env()?;
    let service = CancellationService {
        orders: Orders::from_env(&books)?,
        carts: Carts::from_env(&books)?,
        settlement: ReleaseSettlement::from_env(&books)?,
        provider: Simulator,
    };
    api::serve(|route, request| handler::handle(&service, route, request)).await
}
