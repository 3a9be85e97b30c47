//! A message as a queue delivered it.

use std::fmt::Display;

/// A message as a queue delivered it. What the queue did not say of it is `None`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct QueueMessage {
    /// The queue's own id of it: what must come again is named by it.
    pub message_id: String,
    /// By which this delivery is deleted, or made visible again.
    pub receipt_handle: String,
    /// The text that was sent.
    pub body: String,
    /// When it was sent, in milliseconds since the Unix epoch.
    pub sent_at: Option<u64>,
    /// How often it was delivered, this time included.
    pub receive_count: Option<u64>,
    /// The traced request that sent it, as W3C's Trace Context writes it.
    pub traceparent: Option<String>,
}

impl QueueMessage {
    /// Logs that the body is not what this queue carries. `problem` must not quote it, since a body
    /// is never logged.
    pub fn log_unreadable(&self, expected: &str, problem: impl Display) {
        tracing::error!(message_id = self.message_id, %problem, "{expected}");
    }
}
