//! Proves from the tables alone that the shop sold nothing twice and lost nothing.
//!
//! These rules are checked for every product and every order:
//!
//! - I1: no stock is negative.
//! - I2: every unit ever stocked is available, held by an order, or taken by an open decision for an order that is
//!   not entered yet.
//! - I3: every submitted cart has its decision, every decision is closed soon, and the orders that it accepted exist.
//! - I4: an order holds all its lines, and its total is theirs.
//!
//! I2 and I3 hold only while nothing changes, and DynamoDB has no snapshot of whole tables. So the audit reads the
//! stock and the open decisions before and after everything else and asks the queue for its length. An imbalance
//! counts only if neither changed and the queue was empty, and it is reported only after a second reading shows it
//! again.

mod audit;
mod books;
mod fault;
mod reading;
mod report;
mod shop;

pub use audit::{WaitLimits, audit};
pub use books::{Balance, BooksRead, OpenRead, OrdersRead, StockRead};
pub use fault::{Fault, Faults};
pub use reading::Progress;
pub use report::{Report, Verdict};
pub use shop::{ResourceNames, Shop};
