//! Proves, from the tables alone, that the shop sold nothing twice and lost nothing.
//!
//! These are checked for every product and every order:
//!
//! - I1: no stock is negative.
//! - I2: every unit ever stocked is on the shelf or held by an order.
//! - I3: every submitted cart has its decision.
//! - I4: an order holds all its lines, and its total is theirs.
//!
//! I2 and I3 are only true of books at rest, and DynamoDB has no snapshot of whole tables. So the
//! audit reads the stock before and after everything else and looks at the queue: only when neither
//! moved is an imbalance real, and even then it is read a second time before it is claimed.

mod books;
mod fault;
mod reading;
mod report;
mod session;
mod shop;

pub use books::{Balance, BooksRead, OrdersRead, StockRead};
pub use fault::{Fault, Faults};
pub use reading::Progress;
pub use report::{Report, Verdict};
pub use session::{Patience, audit};
pub use shop::{Names, Shop};
