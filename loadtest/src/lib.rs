//! A shop to put under load: started for the purpose or found running, with full shelves, a meter
//! and a price list. For `cargo loadtest` and for the benchmark.

mod cargo;
mod local_shop;
mod meter;
mod prices;
mod shelves;

pub use cargo::cargo;
pub use local_shop::{FunctionReport, LocalShop, Profile};
pub use meter::MeterReading;
pub use prices::{Bill, Prices, Usage};
pub use shelves::Shelves;
