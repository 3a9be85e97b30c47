//! A shop of a test's own: the local cloud with real function processes, real HTTP, its own tables
//! and queues in memory, on free ports. It is gone when the test is.

mod answer;
mod books;
mod collector;
mod permissions;
mod shop;
mod shopper;
mod side;
mod wait;

pub use answer::Answer;
pub use books::{Books, OrderRecord};
pub use collector::{Collector, Spans};
pub use shop::{Shop, Template};
pub use shopper::{PATIENCE, Shopper, line, lines};
pub use wait::eventually;
