//! Logs, metrics and traces for the shop's operators, all made from the same `tracing` spans and events.
//!
//! - A **log** line is an event: one JSON object on one line of standard output ([`log`]).
//! - A **metric** is a number in an event with the target [`METRICS`]: its line is also in CloudWatch's
//!   embedded metric format ([`metrics`]).
//! - A **trace** is made of spans and sent by OTLP to a collector, if one is configured ([`traces`]). Spans of
//!   level debug exist for traces only, and cost nothing where traces are off.

mod collector;
mod context;
mod fields;
mod invocation;
mod log;
mod log_lines;
mod metrics;
mod origin;
mod span_buffer;
mod traces;

use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;

pub use context::{TRACEPARENT, current_traceparent};
pub use fields::MOST_VALUES;
pub use invocation::{FlushLayer, Invocation, Kind, run};
pub use log_lines::BatchDecided;
pub use metrics::METRICS;
pub use origin::Origin;

/// Starts logs, metrics and, if a collector is configured, traces.
///
/// Environment variables: `RUST_LOG` sets the level of the log (default `info`); OpenTelemetry's variables,
/// mainly `OTEL_EXPORTER_OTLP_ENDPOINT`, say where traces are sent.
pub fn init() {
    let traces = traces::layer();
    let failure = traces.as_ref().err().map(ToString::to_string);
    tracing_subscriber::registry()
        .with(log::layer())
        .with(traces.ok().flatten())
        .init();
    log::log_panics();
    if let Some(error) = failure {
        tracing::warn!(
            error,
            "traces are off: the collector's settings are unusable"
        );
    }
}
