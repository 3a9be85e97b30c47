//! What the functions behind the HTTP API share: routes, the caller, parsing, and answers. A handler
//! reads as plain sentences with `?`, since every [`ApiError`] has its answer in the table of
//! `problem.rs`.

mod body;
mod caller;
mod error;
mod etag;
mod fields;
mod idempotency;
mod invocation;
mod lines;
mod page;
mod path;
mod problem;
mod reply;
pub mod routes;
mod serve;
pub mod view;

pub use body::{json, json_if_any};
pub use caller::Caller;
pub use error::{ApiError, FieldError};
pub use etag::{expected_version, with_etag};
pub use fields::{JsonObject, if_given, price as read_price, price_if_given, product_id, quantity};
pub use idempotency::idempotency_key;
pub use lines::{RequestLine, basket, products, purchase};
pub use page::{PageRequest, next_cursor};
pub use path::{cart_id_in_path, order_id_in_path, paid_order_id_in_path, product_id_in_path};
pub use reply::{Reply, accepted, created, personal, public};
pub use serve::{deadline, serve};
