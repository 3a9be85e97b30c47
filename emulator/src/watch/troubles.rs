//! What went wrong lately: warnings and errors that functions log, and what the emulator says of their processes.

use std::collections::VecDeque;
use std::sync::{Mutex, PoisonError};

use jiff::Timestamp;
use serde::Serialize;

/// Troubles that are remembered one by one.
const KEPT: usize = 50;
/// A longer message is cut, in bytes.
const MAX_TEXT_BYTES: usize = 1_024;

/// The last troubles.
#[derive(Debug, Default)]
pub(super) struct Troubles(Mutex<Seen>);

#[derive(Debug, Default)]
struct Seen {
    recent: VecDeque<Trouble>,
    errors: u64,
    warnings: u64,
}

/// Something that went wrong.
#[derive(Debug, Clone, Serialize)]
pub(super) struct Trouble {
    time: Timestamp,
    function: String,
    level: Level,
    message: String,
    error: Option<String>,
    order_id: Option<String>,
    /// How often it happened in a row.
    times: u64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Level {
    Warning,
    Error,
}

/// Troubles in the snapshot.
#[derive(Debug, Serialize)]
pub(super) struct TroublesReport {
    errors: u64,
    warnings: u64,
    /// Newest first.
    recent: Vec<Trouble>,
}

impl Troubles {
    /// Something that the emulator says of a function.
    pub(super) fn fault(&self, function: &str, text: &str) {
        self.add(function, Level::Error, text, None, None);
    }

    pub(super) fn add(
        &self,
        function: &str,
        level: Level,
        message: &str,
        error: Option<&str>,
        order_id: Option<&str>,
    ) {
        let trouble = Trouble {
            time: Timestamp::now(),
            function: function.to_owned(),
            level,
            message: cut(message),
            error: error.map(cut),
            order_id: order_id.map(cut),
            times: 1,
        };
        let mut seen = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match level {
            Level::Error => seen.errors += 1,
            Level::Warning => seen.warnings += 1,
        }
        match seen.recent.back_mut() {
            Some(last) if last.is_like(&trouble) => {
                last.times += 1;
                last.time = trouble.time;
                last.order_id = trouble.order_id;
            }
            _ => {
                if seen.recent.len() == KEPT {
                    seen.recent.pop_front();
                }
                seen.recent.push_back(trouble);
            }
        }
    }

    pub(super) fn report(&self) -> TroublesReport {
        let seen = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        TroublesReport {
            errors: seen.errors,
            warnings: seen.warnings,
            recent: seen.recent.iter().rev().cloned().collect(),
        }
    }
}

impl Trouble {
    fn is_like(&self, other: &Trouble) -> bool {
        self.function == other.function
            && self.level == other.level
            && self.message == other.message
            && self.error == other.error
    }
}

fn cut(text: &str) -> String {
    text[..text.floor_char_boundary(MAX_TEXT_BYTES)].to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_trouble_again_and_again_takes_one_place() {
        let troubles = Troubles::default();
        for order in ["o-1", "o-2", "o-3"] {
            troubles.add("F", Level::Warning, "throttled", None, Some(order));
        }
        troubles.fault("F", "process exited");
        let report = troubles.report();
        assert_eq!((report.errors, report.warnings), (1, 3));
        let [exit, throttled] = report.recent.as_slice() else {
            panic!("{report:?}");
        };
        assert_eq!(exit.message, "process exited");
        assert_eq!(
            (throttled.times, throttled.order_id.as_deref()),
            (3, Some("o-3"))
        );
    }

    #[test]
    fn memory_is_bounded() {
        let troubles = Troubles::default();
        for number in 0..1_000 {
            troubles.fault("F", &format!("{number} {}", "ü".repeat(10_000)));
        }
        let report = troubles.report();
        assert_eq!((report.errors, report.recent.len()), (1_000, KEPT));
        assert!(report.recent[0].message.starts_with("999 "));
        assert!(
            report
                .recent
                .iter()
                .all(|it| it.message.len() <= MAX_TEXT_BYTES)
        );
    }
}
