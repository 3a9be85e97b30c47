//! How the shop tells its operators what happens: logs, metrics and traces, all from the same
//! `tracing` spans and events.
//!
//! - A **log** is an event: one JSON object a line on standard output ([`log`]).
//! - A **metric** is an event with the target [`METRICS`]: its line is also in CloudWatch's embedded
//!   metric format ([`metrics`]).
//! - A **trace** is made of spans, sent by OTLP to a collector if there is one ([`traces`]). A span of
//!   level debug is for traces alone, and costs nothing where they are off.

mod collector;
mod context;
mod invocation;
mod log;
mod log_lines;
mod metrics;
mod origin;
mod outbox;
mod traces;

use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;

pub use context::{TRACEPARENT, current_traceparent};
pub use invocation::{FlushLayer, Invocation, Kind, run};
pub use log_lines::BatchDecided;
pub use metrics::{METRICS, MOST_VALUES};
pub use origin::Origin;

/// Starts logs, metrics and, where a collector is named, traces.
///
/// Environment variables: `RUST_LOG` says how much is logged (`info` without it); those of
/// OpenTelemetry say where traces go, `OTEL_EXPORTER_OTLP_ENDPOINT` above all.
pub fn init() {
    let traces = traces::layer();
    let failure = traces.as_ref().err().map(ToString::to_string);
    tracing_subscriber::registry()
        .with(log::layer())
        .with(traces.ok().flatten())
        .init();
    log::panics();
    if let Some(error) = failure {
        tracing::warn!(
            error,
            "traces are off: the collector's settings are unusable"
        );
    }
}
