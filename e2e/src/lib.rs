//! A shop for one test: an emulator on free ports with real function processes, real HTTP, and its own tables and
//! queues in memory. It stops when the test ends.

mod answer;
mod backend;
mod books;
mod collector;
mod permissions;
mod process;
mod proxy;
mod shop;
mod shopper;
mod wait;

pub use answer::Answer;
pub use books::{Books, DecisionRecord, Lines, OrderRecord};
pub use collector::{Collector, Spans};
pub use process::kill;
pub use proxy::{Moment, Proxy, Write};
pub use shop::{Shop, Template};
pub use shopper::{Shopper, WAIT_TIMEOUT, line, lines};
pub use wait::eventually;
