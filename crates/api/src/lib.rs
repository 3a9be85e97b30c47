//! What the functions behind the HTTP API share: who calls, what was sent, how to answer. A handler
//! reads as plain sentences with `?`, since [`ApiError`] knows the answer to everything that fails.

mod body;
mod caller;
mod error;
mod fields;
mod invocation;
mod lines;
mod page;
mod path;
mod reply;
mod serve;
pub mod view;

pub use body::{json, json_if_any};
pub use caller::Caller;
pub use error::{ApiError, FieldError, Thing};
pub use fields::{Object, product_id, quantity};
pub use lines::{RequestLine, basket, for_sale, not_for_sale};
pub use page::{PageRequest, next_cursor};
pub use path::{cart_id_in_path, order_id_in_path, product_id_in_path};
pub use reply::{Reply, accepted, created, personal, public};
pub use serve::{new_cart_id, route, serve};
