//! The use cases of the shop, one file each: what a shopper, a merchant, a queue and the clock ask of
//! it. They know no HTTP and no Lambda; the functions decode, call one of these, and encode.
//!
//! | a shopper … | a merchant … | a queue or the clock … |
//! | --- | --- | --- |
//! | fills a cart: [`CartService`] | offers products: [`CatalogueService`] | decides checkouts: [`BatchService`] |
//! | checks out: [`CheckoutService`] | ships orders: [`FulfilmentService`] | expires orders: [`ExpiryService`] |
//! | orders at once: [`DirectOrderService`] | | |
//! | pays: [`PaymentService`] | | |
//! | cancels: [`CancellationService`] | | |

#![warn(missing_docs)]

pub mod batch;
mod batch_log;
pub mod cancellation;
pub mod carts;
pub mod catalogue;
pub mod checkout;
mod decided_order;
pub mod direct_order;
mod error;
pub mod expiry;
pub mod fulfilment;
mod idempotency;
pub mod payment;

pub use batch::BatchService;
pub use cancellation::CancellationService;
pub use carts::CartService;
pub use catalogue::CatalogueService;
pub use checkout::CheckoutService;
pub use direct_order::DirectOrderService;
pub use error::{Resource, ShopError};
pub use expiry::ExpiryService;
pub use fulfilment::FulfilmentService;
pub use payment::PaymentService;
