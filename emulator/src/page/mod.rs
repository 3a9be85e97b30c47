//! Records the work that the page at `/_local/` shows: requests, batches, problems and traces.
//!
//! Other parts of the emulator report to it; it calls none of them. Memory is bounded: the oldest entries are dropped,
//! and counted.

mod batches;
mod clock;
mod lines;
mod order_trace;
mod otlp;
mod per_second;
mod problems;
mod requests;
mod traces;

use axum::body::Bytes;
use axum::http::HeaderMap;
use axum::response::Response;
use serde::Serialize;

pub(crate) use batches::{BatchEnd, Batches};
pub(crate) use order_trace::OrderTrace;
pub(crate) use requests::Requests;

use crate::template::HttpApi;
use batches::BatchesReport;
use clock::{Clock, Second};
use lines::Line;
use problems::{Level, Problems, ProblemsReport};
use requests::RequestsReport;
use traces::{Traces, TracesReport};

#[derive(Debug)]
pub(crate) struct Page {
    clock: Clock,
    pub(crate) requests: Requests,
    pub(crate) batches: Batches,
    problems: Problems,
    traces: Traces,
    /// Whether the functions send their traces here.
    pub(crate) traces_are_on: bool,
}

/// The page's part of a snapshot.
#[derive(Debug, Serialize)]
pub(crate) struct PageReport {
    uptime_seconds: Second,
    requests: RequestsReport,
    batches: BatchesReport,
    problems: ProblemsReport,
    traces: TracesReport,
}

impl Page {
    pub(crate) fn new(api: &HttpApi, traces_are_on: bool) -> Self {
        let clock = Clock::default();
        Page {
            clock,
            requests: Requests::new(&api.routes, clock),
            batches: Batches::new(clock),
            problems: Problems::default(),
            traces: Traces::default(),
            traces_are_on,
        }
    }

    /// Records a problem with a function's process: it can't start, was killed, or crashed.
    pub(crate) fn record_problem(&self, function: &str, text: &str) {
        self.problems.add(function, Level::Error, text, None, None);
    }

    /// Reads a line that a function printed, for decided batches, warnings and errors. Other lines are ignored.
    pub(crate) fn read_line(&self, function: &str, text: &str) {
        let Some(line) = Line::read(text) else {
            return;
        };
        if let Some(decided) = line.decided() {
            self.batches.record_decision(&line.request_id, decided);
        }
        if let Some(level) = line.level() {
            let (error, order_id) = (line.error.as_deref(), line.order_id.as_deref());
            self.problems
                .add(function, level, &line.message, error, order_id);
        }
    }

    /// Takes traces by OTLP, and returns the answer to their sender.
    pub(crate) fn receive_traces(&self, headers: &HeaderMap, body: &Bytes) -> Response {
        otlp::receive(&self.traces, headers, body)
    }

    /// The order's trace; none if no trace mentions the order.
    pub(crate) fn order_trace(&self, order_id: &str) -> Option<OrderTrace> {
        OrderTrace::find(&self.traces, order_id)
    }

    pub(crate) fn dropped_traces(&self) -> u64 {
        self.traces.kept().dropped_traces()
    }

    pub(crate) fn report(&self) -> PageReport {
        PageReport {
            uptime_seconds: self.clock.now(),
            requests: self.requests.report(),
            batches: self.batches.report(),
            problems: self.problems.report(),
            traces: self.traces.report(self.traces_are_on),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn lines_are_read_for_batches_and_problems() {
        let page = Page::new(&HttpApi::default(), false);
        page.batches.record_start("Decide", "r-1", 4, 0);
        let lines = [
            json!({"level": "INFO", "message": "batch decided", "request_id": "r-1", "size": 9, "gathered": 5,
                "accepted": 8, "rejected": 1, "duplicates": 0, "ms": 9}),
            json!({"level": "ERROR", "message": "no answer", "error": "timeout", "order_id": "o-1"}),
            json!({"level": "INFO", "message": "they said \"WARN\""}),
            json!({"level": "WARN"}),
            json!({"level": "INFO", "message": "batch decided", "accepted": -1, "request_id": "r-1"}),
        ];
        for line in lines {
            page.read_line("Decide", &line.to_string());
        }
        page.read_line("Decide", "{ \"WARN\" and no more");
        page.read_line("Decide", "batch decided");
        let report = serde_json::to_value(page.report()).expect("JSON");
        let batches = &report["batches"];
        assert_eq!(
            batches["recent"][0]["decided"],
            json!({"gathered": 5, "accepted": 8, "rejected": 1, "duplicates": 0})
        );
        assert_eq!(
            (&batches["recent"][0]["size"], &batches["messages"]),
            (&json!(9), &json!(9))
        );
        assert_eq!(batches["decided"]["accepted"], 8);
        let problems = &report["problems"];
        assert_eq!(
            (&problems["errors"], &problems["warnings"]),
            (&json!(1), &json!(0))
        );
        assert_eq!(problems["recent"][0]["error"], "timeout");
        assert_eq!(problems["recent"][0]["order_id"], "o-1");
    }
}
