//! The shop's books in DynamoDB and its queues in SQS: one module per table, one per queue, one for
//! each desk, and what they share. The only code that knows attribute names and condition expressions.

#![warn(missing_docs)]

pub mod audit;
mod aws;
mod backoff;
mod batch_get;
mod calls;
pub mod carts;
pub mod checkout_desk;
mod checkout_queue;
mod deadline;
mod error;
mod expiry_queue;
mod idempotency_keys;
mod item;
mod memory;
mod offers;
mod orders;
mod page;
mod product_names;
mod products;
pub mod returns_desk;
mod settlement;
mod stock;
mod transaction;

pub use aws::{
    MissingVariable, dynamodb_from_env, from_env, payment_window_from_env, sqs_from_env,
};
pub use carts::{CartError, Carts};
pub use checkout_desk::CheckoutDesk;
pub use checkout_queue::{CheckoutQueue, TRACEPARENT};
pub use deadline::deadline;
pub use error::StoreError;
pub use expiry_queue::{ExpiryQueue, TimeToPayIsOver};
pub use idempotency_keys::{Claim, IdempotencyKeys, Once};
pub use memory::Memory;
pub use offers::{Offer, Offers};
pub use orders::{AdvanceError, Orders};
pub use page::Page;
pub use product_names::ProductNames;
pub use products::{ProductError, ProductPosition, Products};
pub use returns_desk::ReturnsDesk;
pub use settlement::Report;
pub use stock::{RestockError, Stock, StockLevel};
