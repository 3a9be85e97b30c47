//! Paths at the AWS endpoint that AWS doesn't have.

/// The page that shows what goes on.
pub const PAGE: &str = "/_local/";
/// What the page shows, as JSON.
pub const LIVE: &str = "/_local/live";
/// `GET PATH/{order_id}`: what happened to an order.
pub const TRACES: &str = "/_local/traces";
/// Answers [`Health`](crate::Health).
pub const HEALTH: &str = "/_local/health";
/// Answers [`Functions`](crate::Functions).
pub const FUNCTIONS: &str = "/_local/functions";
/// Answers [`Logs`](crate::Logs).
pub const LOGS: &str = "/_local/logs";
/// Answers [`Metrics`](crate::Metrics); a DELETE begins to count anew.
pub const METRICS: &str = "/_local/metrics";
/// A POST begins to count anew.
pub const METRICS_RESET: &str = "/_local/metrics/reset";
/// Takes a [`Grant`](crate::Grant), answers a [`Token`](crate::Token).
pub const TOKEN: &str = "/_local/token";
