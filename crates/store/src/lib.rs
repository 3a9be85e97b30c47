//! The shop's books in DynamoDB and its queue in SQS: one module per table, one for the queue, one
//! for the checkout transaction. The only code that knows attribute names and condition expressions.

pub mod audit;
mod aws;
mod backoff;
mod batch_get;
pub mod carts;
pub mod checkout_desk;
mod checkout_queue;
mod error;
mod idempotency_keys;
mod item;
mod orders;
mod page;
mod products;
pub mod returns_desk;
mod settlement;
mod stock;

pub use aws::{
    MissingVariable, dynamodb_from_env, from_env, payment_window_from_env, sqs_from_env,
};
pub use carts::{CartError, Carts};
pub use checkout_desk::CheckoutDesk;
pub use checkout_queue::CheckoutQueue;
pub use error::StoreError;
pub use idempotency_keys::{Claim, IdempotencyKeys};
pub use orders::{AdvanceError, Orders};
pub use page::Page;
pub use products::{ProductPosition, Products};
pub use returns_desk::ReturnsDesk;
pub use settlement::Report;
pub use stock::{Stock, StockLevel};
