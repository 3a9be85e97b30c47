use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// `GET /_local/functions`.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Functions {
    pub functions: Vec<FunctionReport>,
}

/// A function's processes, and what was counted since the start.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct FunctionReport {
    pub logical_id: String,
    pub name: String,
    pub binary: String,
    /// The ids of its processes.
    pub pids: Vec<u32>,
    pub invocations: u64,
    pub errors: u64,
    pub throttles: u64,
    pub timeouts: u64,
    pub crashes: u64,
    pub cold_starts: u64,
    /// Time that invocations kept processes busy.
    pub busy_milliseconds: u64,
    /// The same, with each invocation rounded up.
    pub billed_milliseconds: u64,
    pub memory_mb: u64,
}

/// `GET /_local/logs`.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Logs {
    /// Oldest first.
    pub lines: Vec<LogLine>,
}

/// One line that a function printed.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct LogLine {
    pub time: Timestamp,
    /// The function's logical id.
    pub function: String,
    pub text: String,
}
