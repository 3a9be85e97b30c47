//! A message of a queue, as plain data.

/// A message as a queue delivered it. What the queue did not say of it is `None`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct QueueMessage {
    /// The queue's own id of it: what must come again is named by it.
    pub message_id: String,
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
    /// Logs that the body is not what this queue carries: only the place in its JSON, since a body is
    /// never logged.
    pub(crate) fn log_unreadable(&self, error: &serde_json::Error, expected: &str) {
        let (line, column) = (error.line(), error.column());
        tracing::error!(message_id = self.message_id, line, column, "{expected}");
    }
}
