//! The last problems: warnings and errors that functions log, and the emulator's own errors about their processes.

use std::collections::VecDeque;
use std::sync::{Mutex, PoisonError};

use jiff::Timestamp;
use serde::Serialize;

/// The last problems are kept one by one.
const KEPT: usize = 50;
/// A longer message is cut, in bytes.
const MAX_TEXT_BYTES: usize = 1_024;

#[derive(Debug, Default)]
pub(super) struct Problems(Mutex<Seen>);

#[derive(Debug, Default)]
struct Seen {
    recent: VecDeque<Problem>,
    errors: u64,
    warnings: u64,
}

#[derive(Debug, Clone, Serialize)]
pub(super) struct Problem {
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

/// Problems in the snapshot.
#[derive(Debug, Serialize)]
pub(super) struct ProblemsReport {
    errors: u64,
    warnings: u64,
    /// Newest first.
    recent: Vec<Problem>,
}

impl Problems {
    pub(super) fn add(
        &self,
        function: &str,
        level: Level,
        message: &str,
        error: Option<&str>,
        order_id: Option<&str>,
    ) {
        let problem = Problem {
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
            Some(last) if last.is_like(&problem) => {
                last.times += 1;
                last.time = problem.time;
                last.order_id = problem.order_id;
            }
            _ => {
                if seen.recent.len() == KEPT {
                    seen.recent.pop_front();
                }
                seen.recent.push_back(problem);
            }
        }
    }

    pub(super) fn report(&self) -> ProblemsReport {
        let seen = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        ProblemsReport {
            errors: seen.errors,
            warnings: seen.warnings,
            recent: seen.recent.iter().rev().cloned().collect(),
        }
    }
}

impl Problem {
    fn is_like(&self, other: &Problem) -> bool {
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
    fn a_repeated_problem_is_kept_once() {
        let problems = Problems::default();
        for order in ["o-1", "o-2", "o-3"] {
            problems.add("F", Level::Warning, "throttled", None, Some(order));
        }
        problems.add("F", Level::Error, "process exited", None, None);
        let report = problems.report();
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
        let problems = Problems::default();
        for number in 0..1_000 {
            let text = format!("{number} {}", "ü".repeat(10_000));
            problems.add("F", Level::Error, &text, None, None);
        }
        let report = problems.report();
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
