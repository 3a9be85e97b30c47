//! What the functions behind the HTTP API share: who calls, what was sent, how to answer. A handler
//! reads as plain sentences with `?`, since [`ApiError`] knows the answer to everything that fails.

mod body;
mod caller;
mod error;
mod etag;
mod fields;
mod idempotency;
mod invocation;
mod lines;
mod orders;
mod page;
mod path;
mod reply;
mod serve;
pub mod view;

pub use body::{json, json_if_any};
pub use caller::Caller;
pub use error::{ApiError, FieldError, Thing};
pub use etag::{check_version, with_etag};
pub use fields::{Object, if_given, price as read_price, price_if_given, product_id, quantity};
pub use idempotency::{Identity, digest, idempotency_key};
pub use lines::{Purchase, RequestLine, basket, for_sale, not_for_sale, price};
pub use orders::decided_order;
pub use page::{PageRequest, next_cursor};
pub use path::{cart_id_in_path, order_id_in_path, product_id_in_path};
pub use reply::{Reply, accepted, created, personal, public};
pub use serve::{deadline, new_cart_id, route, serve};
