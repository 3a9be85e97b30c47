//! The batches of messages that functions were invoked with, and how they ended.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use jiff::Timestamp;
use serde::Serialize;
use telemetry::BatchDecided;

use super::clock::Clock;
use super::per_second::PerSecond;

/// The last batches are kept one by one.
const KEPT: usize = 120;

#[derive(Debug)]
pub(crate) struct Batches {
    clock: Clock,
    seen: Mutex<Seen>,
}

#[derive(Debug, Default)]
struct Seen {
    /// The latest, oldest first.
    recent: VecDeque<Batch>,
    total: u64,
    messages: u64,
    failed: u64,
    undone_messages: u64,
    accepted: u64,
    rejected: u64,
    per_second: PerSecond,
    accepted_per_second: PerSecond,
    rejected_per_second: PerSecond,
}

/// One batch.
#[derive(Debug, Clone, Serialize)]
struct Batch {
    number: u64,
    function: String,
    request_id: String,
    began: Timestamp,
    #[serde(skip)]
    began_at: Instant,
    /// Messages in it: those of the event, and with the function's decision those too that it gathered itself.
    size: u64,
    /// Messages that were delivered before.
    redelivered: usize,
    state: State,
    /// Messages that will come again.
    undone: usize,
    ms: Option<f64>,
    /// From the function's log line.
    decided: Option<BatchDecided>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
enum State {
    Running,
    Done,
    Failed,
}

/// How an invocation with a batch ended.
#[derive(Debug, Clone, Copy)]
pub(crate) enum BatchEnd {
    /// The function answered; so many messages are not done.
    Answered {
        /// Messages that will come again.
        undone: usize,
    },
    /// The function failed, so all messages will come again.
    Failed,
}

/// Batches in the snapshot.
#[derive(Debug, Serialize)]
pub(super) struct BatchesReport {
    total: u64,
    messages: u64,
    failed: u64,
    undone_messages: u64,
    per_second: f64,
    /// Begun in each of the last 60 complete seconds, oldest first.
    history: Vec<u32>,
    decided: DecidedReport,
    recent: Vec<Batch>,
}

#[derive(Debug, Serialize)]
struct DecidedReport {
    accepted: u64,
    rejected: u64,
    accepted_per_second: f64,
    rejected_per_second: f64,
    accepted_history: Vec<u32>,
    rejected_history: Vec<u32>,
}

impl Batches {
    pub(super) fn new(clock: Clock) -> Self {
        Batches {
            clock,
            seen: Mutex::default(),
        }
    }

    pub(crate) fn record_start(
        &self,
        function: &str,
        request_id: &str,
        size: usize,
        redelivered: usize,
    ) {
        let mut seen = self.seen();
        seen.total += 1;
        seen.messages += size as u64;
        seen.per_second.add(self.clock.now(), 1);
        if seen.recent.len() == KEPT {
            seen.recent.pop_front();
        }
        let batch = Batch {
            number: seen.total,
            function: function.to_owned(),
            request_id: request_id.to_owned(),
            began: Timestamp::now(),
            began_at: Instant::now(),
            size: size as u64,
            redelivered,
            state: State::Running,
            undone: 0,
            ms: None,
            decided: None,
        };
        seen.recent.push_back(batch);
    }

    pub(crate) fn record_end(&self, request_id: &str, size: usize, end: BatchEnd) {
        let (state, undone) = match end {
            BatchEnd::Answered { undone } => (State::Done, undone),
            BatchEnd::Failed => (State::Failed, size),
        };
        let mut seen = self.seen();
        seen.failed += u64::from(state == State::Failed);
        seen.undone_messages += undone as u64;
        if let Some(batch) = seen.find(request_id) {
            batch.state = state;
            batch.undone = undone;
            batch.ms = Some(batch.began_at.elapsed().as_secs_f64() * 1_000.0);
        }
    }

    /// Messages that the function gathered itself count from now on.
    pub(super) fn record_decision(&self, request_id: &str, decided: BatchDecided) {
        let now = self.clock.now();
        let mut seen = self.seen();
        seen.messages = seen.messages.saturating_add(decided.gathered);
        seen.accepted = seen.accepted.saturating_add(decided.accepted);
        seen.rejected = seen.rejected.saturating_add(decided.rejected);
        seen.accepted_per_second.add(now, decided.accepted);
        seen.rejected_per_second.add(now, decided.rejected);
        if let Some(batch) = seen.find(request_id) {
            batch.size = batch.size.saturating_add(decided.gathered);
            batch.decided = Some(decided);
        }
    }

    pub(super) fn report(&self) -> BatchesReport {
        let now = self.clock.now();
        let mut seen = self.seen();
        BatchesReport {
            total: seen.total,
            messages: seen.messages,
            failed: seen.failed,
            undone_messages: seen.undone_messages,
            per_second: seen.per_second.rate(now),
            history: seen.per_second.history(now),
            decided: DecidedReport {
                accepted: seen.accepted,
                rejected: seen.rejected,
                accepted_per_second: seen.accepted_per_second.rate(now),
                rejected_per_second: seen.rejected_per_second.rate(now),
                accepted_history: seen.accepted_per_second.history(now),
                rejected_history: seen.rejected_per_second.history(now),
            },
            recent: seen.recent.iter().cloned().collect(),
        }
    }

    fn seen(&self) -> MutexGuard<'_, Seen> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Seen {
    fn find(&mut self, request_id: &str) -> Option<&mut Batch> {
        let mut latest_first = self.recent.iter_mut().rev();
        latest_first.find(|batch| batch.request_id == request_id)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_batch_is_shown_from_its_start_to_its_decision() {
        let batches = Batches::new(Clock::default());
        batches.record_start("Decide", "r-1", 5, 1);
        assert_eq!(batches.report().recent[0].state, State::Running);
        let decided = BatchDecided {
            accepted: 3,
            rejected: 1,
            ..BatchDecided::default()
        };
        batches.record_decision("r-1", decided);
        batches.record_end("r-1", 5, BatchEnd::Answered { undone: 1 });
        batches.record_start("Decide", "r-2", 2, 0);
        batches.record_end("r-2", 2, BatchEnd::Failed);
        let report = batches.report();
        assert_eq!(report.recent[0].decided, Some(decided));
        assert_eq!(report.recent[0].undone, 1);
        assert_eq!(report.recent[1].state, State::Failed);
        assert_eq!((report.total, report.messages, report.failed), (2, 7, 1));
        assert_eq!(report.undone_messages, 3);
        assert_eq!((report.decided.accepted, report.decided.rejected), (3, 1));
    }

    #[test]
    fn messages_that_the_function_gathered_belong_to_its_batch() {
        let batches = Batches::new(Clock::default());
        batches.record_start("Decide", "r-1", 10, 0);
        // The line of a function may be read after its answer.
        batches.record_end("r-1", 10, BatchEnd::Answered { undone: 0 });
        let decided = BatchDecided {
            gathered: 690,
            accepted: 500,
            rejected: 200,
            duplicates: 0,
        };
        batches.record_decision("r-1", decided);
        batches.record_start("Decide", "r-2", 10, 0);
        let report = batches.report();
        let sizes: Vec<u64> = report.recent.iter().map(|batch| batch.size).collect();
        assert_eq!(sizes, [700, 10]);
        assert_eq!(report.messages, 710);
    }

    #[test]
    fn the_oldest_are_dropped_and_still_count() {
        let batches = Batches::new(Clock::default());
        for number in 0..1_000 {
            batches.record_start("Decide", &number.to_string(), 1, 0);
        }
        // A batch that is no longer kept may still end.
        batches.record_end("0", 1, BatchEnd::Failed);
        batches.record_decision("0", BatchDecided::default());
        let report = batches.report();
        assert_eq!((report.total, report.failed), (1_000, 1));
        assert_eq!(report.recent.len(), KEPT);
        assert_eq!(report.recent.last().map(|batch| batch.number), Some(1_000));
    }
}
