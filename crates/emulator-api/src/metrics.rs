use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// `GET /_local/metrics`: what was counted since the start or the last reset.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Metrics {
    pub since: Timestamp,
    /// What AWS would bill for the template's resources: the HTTP API, functions and event sources.
    pub totals: Totals,
    pub functions: Vec<FunctionUsage>,
    /// The polling and deleting that Lambda does for queues, on the bill as well.
    pub event_sources: CallerUsage,
    /// Tests, tools and people. Not in the totals.
    pub others: CallerUsage,
}

#[derive(Debug, Default, Clone, Serialize, Deserialize)]
pub struct Totals {
    pub http_requests: u64,
    pub invocations: u64,
    pub cold_starts: u64,
    pub gb_seconds: f64,
    pub sqs_requests: u64,
    pub read_units: f64,
    pub write_units: f64,
    /// Transactions that were tried, with those that were cancelled.
    pub transactions: u64,
    pub cancelled_transactions: u64,
    pub conflicts: u64,
    pub throttles: u64,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct FunctionUsage {
    /// The logical id.
    pub function: String,
    pub invocations: u64,
    pub errors: u64,
    pub throttles: u64,
    pub timeouts: u64,
    pub crashes: u64,
    pub cold_starts: u64,
    /// Each invocation's time, its cold start with it, rounded up to a millisecond.
    pub billed_milliseconds: u64,
    pub memory_mb: u64,
    pub gb_seconds: f64,
    #[serde(flatten)]
    pub usage: CallerUsage,
}

#[derive(Debug, Default, Clone, Serialize, Deserialize)]
pub struct CallerUsage {
    pub calls: Vec<OperationUsage>,
    /// The permissions that these calls needed.
    pub permissions: Vec<UsedPermission>,
}

/// The calls of one operation.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct OperationUsage {
    /// As IAM policies name it: `dynamodb`.
    pub service: String,
    pub operation: String,
    pub calls: u64,
    /// Calls that failed, for any reason.
    pub errors: u64,
    pub cancelled_transactions: u64,
    /// Calls that met a transaction under way.
    pub conflicts: u64,
    pub throttles: u64,
    pub read_units: f64,
    pub write_units: f64,
    pub billed_requests: u64,
    /// Time that callers waited, altogether.
    pub milliseconds: f64,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct UsedPermission {
    /// As IAM policies name it: `dynamodb:PutItem`.
    pub action: String,
    /// A table, `table/index/name` or queue, without the ARN around it.
    pub resource: String,
}
