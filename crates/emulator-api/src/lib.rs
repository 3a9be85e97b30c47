//! What the emulator and the programs that use it agree on: the answers at `/_local/`, and the lines that are
//! printed when it is ready.

mod functions;
mod health;
mod metrics;
pub mod paths;
mod ready;
mod token;

pub use functions::{FunctionReport, Functions, LogLine, Logs};
pub use health::Health;
pub use metrics::{CallerUsage, FunctionUsage, Metrics, OperationUsage, Totals, UsedPermission};
pub use ready::ReadyLines;
pub use token::{Grant, Token};

use serde::{Deserialize, Serialize};

/// Why a request to `/_local/` has no other answer.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Problem {
    pub message: String,
}
