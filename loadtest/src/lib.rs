//! What `cargo loadtest` and the benchmark share: a local shop, products to sell in it, the emulator's meter, and
//! AWS's price list.

mod local_shop;
mod meter;
mod prices;
mod shelves;

pub use emulator_api::FunctionReport;
pub use local_shop::{LocalShop, Profile};
pub use meter::MeterReading;
pub use prices::{Bill, Prices, Usage};
pub use shelves::Shelves;
