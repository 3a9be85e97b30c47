//! The functions' log lines, as far as the page shows them.

use serde::Deserialize;
use telemetry::BatchDecided;

use super::problems::Level;

const WARNING: &str = "WARN";
const ERROR: &str = "ERROR";
/// Lines without one of these are not worth decoding, and most are without.
const SIGNS: [&str; 3] = [BatchDecided::MESSAGE, r#""WARN""#, r#""ERROR""#];

/// A log line in JSON.
#[derive(Debug, Deserialize)]
pub(super) struct Line {
    level: String,
    pub(super) message: String,
    #[serde(default)]
    pub(super) request_id: String,
    pub(super) order_id: Option<String>,
    pub(super) error: Option<String>,
    #[serde(flatten)]
    decided: BatchDecided,
}

impl Line {
    /// None for a line that the page has no use for, or that can't be decoded.
    pub(super) fn read(text: &str) -> Option<Line> {
        if !text.starts_with('{') || !SIGNS.iter().any(|sign| text.contains(sign)) {
            return None;
        }
        serde_json::from_str(text).ok()
    }

    pub(super) fn decided(&self) -> Option<BatchDecided> {
        (self.message == BatchDecided::MESSAGE).then_some(self.decided)
    }

    /// None if it is neither a warning nor an error.
    pub(super) fn level(&self) -> Option<Level> {
        match self.level.as_str() {
            WARNING => Some(Level::Warning),
            ERROR => Some(Level::Error),
            _ => None,
        }
    }
}
