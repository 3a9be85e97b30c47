//! The shop's tables in DynamoDB and its queues in SQS: one module per table and queue, the
//! settlement of orders, and what they share. The only code that knows attribute names and condition
//! expressions.

#![warn(missing_docs)]

pub mod audit;
mod batch_get;
mod batch_settlement;
mod call_spans;
pub mod carts;
mod checkout_message;
mod checkout_queue;
mod clients;
mod decisions;
mod direct_settlement;
mod env;
mod error;
mod expiry_queue;
mod idempotency_keys;
mod item;
mod offers;
mod orders;
mod page;
mod patience;
mod product_cache;
mod product_names;
mod products;
mod queue_message;
mod release_settlement;
mod settlement;
mod stock;
mod transaction;

pub use batch_settlement::{BatchReport, BatchSettlement, Submission, SweepReport};
pub use carts::{CartError, Carts};
pub use checkout_message::{CheckoutMessage, UnreadableMessage};
pub use checkout_queue::{CheckoutQueue, Gathering, TRACEPARENT};
pub use clients::{dynamodb_from_env, sqs_from_env};
pub use decisions::{Decisions, OpenDecision};
pub use direct_settlement::DirectSettlement;
pub use env::{MissingVariable, from_env, payment_window_from_env};
pub use error::StoreError;
pub use expiry_queue::{ExpiryQueue, TimeToPayIsOver};
pub use idempotency_keys::{Claim, IdempotencyKeys, KeyClaim};
pub use offers::{Offer, Offers};
pub use orders::{AdvanceError, Orders};
pub use page::Page;
pub use patience::{DECISION_GRACE, deadline};
pub use product_cache::ProductCache;
pub use product_names::ProductNames;
pub use products::{ProductError, ProductPosition, Products};
pub use queue_message::QueueMessage;
pub use release_settlement::ReleaseSettlement;
pub use settlement::Report;
pub use stock::{RestockError, Stock, StockLevel};
