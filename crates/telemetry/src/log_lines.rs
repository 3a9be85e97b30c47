//! Log lines that other programs read, as types for both sides.

use serde::{Deserialize, Serialize};

/// The numbers in the line that is logged of each decided batch of checkouts. The emulator's page shows them.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct BatchDecided {
    /// Messages that the function itself received, beside those of its event.
    pub gathered: u64,
    /// Orders that got their stock.
    pub accepted: u64,
    /// Orders that did not.
    pub rejected: u64,
    /// Checkouts that were decided before.
    pub duplicates: u64,
}

impl BatchDecided {
    /// The line's message.
    pub const MESSAGE: &str = "batch decided";
}
