//! Logs: each event is one JSON object on one line, with flat fields under fixed names.
//!
//! Every line has `timestamp`, `level`, `message` and `function`; within an invocation also `request_id`
//! and `trace_id`; and `order_id`, `cart_id` or `product_id` where the event is about one. A line has the
//! fields of the spans around the event, then the event's own. If a name occurs twice, the innermost value
//! is written.

use std::io::{self, Write};
use std::sync::{Mutex, PoisonError};

use jiff::Timestamp;
use serde::ser::{SerializeMap as _, Serializer as _};
use serde_json::Value;
use tracing::level_filters::LevelFilter;
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Subscriber};
use tracing_subscriber::Layer;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::layer::Context;
use tracing_subscriber::registry::LookupSpan;

use crate::fields::Fields;
use crate::metrics::{self, METRICS};

/// Crates that log requests, headers or whole events at their lower levels. They log at `warn` even if the
/// general level is lower, so that no token and no request body gets into a log.
pub(crate) const THIRD_PARTIES: [&str; 8] = [
    "aws_",
    "h2",
    "hyper",
    "lambda_",
    "opentelemetry",
    "rustls",
    "tokio",
    "tower",
];

/// Writes each event as one line.
pub(crate) struct JsonLines<W> {
    function: String,
    out: Mutex<W>,
}

/// The layer that logs to standard output at the level that `RUST_LOG` sets.
pub(crate) fn layer<S>() -> impl Layer<S>
where
    S: Subscriber + for<'span> LookupSpan<'span>,
{
    let wanted = std::env::var("RUST_LOG").unwrap_or_default();
    JsonLines::new(function_name(), io::stdout()).with_filter(filter(&wanted))
}

/// The name of this Lambda function.
pub(crate) fn function_name() -> String {
    std::env::var("AWS_LAMBDA_FUNCTION_NAME").unwrap_or_else(|_| "unknown".to_owned())
}

/// Logs panics as lines, too: the default hook would write plain text.
pub(crate) fn log_panics() {
    std::panic::set_hook(Box::new(|panic| {
        let place = panic.location().map(ToString::to_string);
        let message = panic.payload_as_str().unwrap_or_default();
        tracing::error!(place, "panicked: {message}");
    }));
}

fn filter(wanted: &str) -> Targets {
    let wanted = if wanted.is_empty() { "info" } else { wanted };
    let wanted: Targets = wanted.parse().unwrap_or_default();
    let level = wanted.default_level().unwrap_or(LevelFilter::INFO);
    let quiet = THIRD_PARTIES.map(|name| (name, level.min(LevelFilter::WARN)));
    Targets::new()
        .with_default(level)
        .with_targets(quiet)
        .with_targets(wanted.iter().map(|(name, level)| (name.to_owned(), level)))
        // Alarms need the metrics, so they are written at every level.
        .with_target(METRICS, LevelFilter::INFO)
}

impl<W: Write> JsonLines<W> {
    pub(crate) fn new(function: String, out: W) -> Self {
        JsonLines {
            function,
            out: Mutex::new(out),
        }
    }

    fn write(&self, event: &Event<'_>, fields: &Fields, around: &Fields) {
        let Ok(mut line) = self.line(event, fields, around) else {
            return;
        };
        line.push(b'\n');
        let mut out = self.out.lock().unwrap_or_else(PoisonError::into_inner);
        // If standard output is closed, there is no other place to report it.
        let _ = out.write_all(&line);
    }

    fn line(
        &self,
        event: &Event<'_>,
        fields: &Fields,
        around: &Fields,
    ) -> Result<Vec<u8>, serde_json::Error> {
        let now = Timestamp::now();
        let mut line = Vec::with_capacity(512);
        let mut serializer = serde_json::Serializer::new(&mut line);
        let mut object = serializer.serialize_map(None)?;
        object.serialize_entry("timestamp", &format_args!("{now:.6}"))?;
        object.serialize_entry("level", event.metadata().level().as_str())?;
        let message = fields.get(MESSAGE).and_then(Value::as_str);
        object.serialize_entry(MESSAGE, message.unwrap_or_default())?;
        object.serialize_entry("function", &self.function)?;
        let overridden = |name: &str| fields.get(name).is_some();
        for (name, value) in around.iter().filter(|(name, _)| !overridden(name)) {
            object.serialize_entry(name, value)?;
        }
        for (name, value) in fields.iter().filter(|(name, _)| *name != MESSAGE) {
            object.serialize_entry(name, value)?;
        }
        if event.metadata().target() == METRICS {
            object.serialize_entry("_aws", &metrics::directive(now, fields))?;
        }
        object.end()?;
        Ok(line)
    }
}

const MESSAGE: &str = "message";

impl<S, W> Layer<S> for JsonLines<W>
where
    S: Subscriber + for<'span> LookupSpan<'span>,
    W: Write + 'static,
{
    fn on_new_span(&self, attributes: &Attributes<'_>, id: &Id, context: Context<'_, S>) {
        let span = context.span(id).expect("a new span is registered");
        let mut fields = Fields::default();
        attributes.record(&mut fields);
        span.extensions_mut().insert(fields);
    }

    fn on_record(&self, id: &Id, values: &Record<'_>, context: Context<'_, S>) {
        let span = context.span(id).expect("a recorded span is registered");
        if let Some(fields) = span.extensions_mut().get_mut::<Fields>() {
            values.record(fields);
        }
    }

    fn on_event(&self, event: &Event<'_>, context: Context<'_, S>) {
        let mut around = Fields::default();
        for span in context
            .event_scope(event)
            .into_iter()
            .flat_map(|scope| scope.from_root())
        {
            if let Some(fields) = span.extensions().get::<Fields>() {
                around.set_all(fields);
            }
        }
        let mut fields = Fields::default();
        event.record(&mut fields);
        self.write(event, &fields, &around);
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use serde_json::json;
    use tracing_subscriber::layer::SubscriberExt as _;

    use super::*;

    /// Keeps what is written to it.
    #[derive(Clone, Default)]
    struct Buffer(Arc<Mutex<Vec<u8>>>);

    impl Write for Buffer {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().write(bytes)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    /// The text that is logged while `act` runs, with `RUST_LOG` set to `wanted`.
    fn written(wanted: &str, act: impl FnOnce()) -> String {
        // Subscribers that come and go in other threads make `tracing` miss events in this one.
        static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());
        let _turn = ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner);
        let buffer = Buffer::default();
        let layer = JsonLines::new("checkout-batch".to_owned(), buffer.clone());
        let subscriber = tracing_subscriber::registry().with(layer.with_filter(filter(wanted)));
        tracing::subscriber::with_default(subscriber, act);
        let written = buffer.0.lock().unwrap().clone();
        String::from_utf8(written).unwrap()
    }

    /// The lines that are logged while `act` runs, with `RUST_LOG` set to `wanted`.
    fn lines(wanted: &str, act: impl FnOnce()) -> Vec<Value> {
        let written = written(wanted, act);
        let line = |line: &str| serde_json::from_str(line).unwrap_or_else(|_| panic!("{line}"));
        written.lines().map(line).collect()
    }

    #[test]
    fn a_line_is_a_flat_object_with_the_spans_fields() {
        let lines = lines("", || {
            let span = tracing::info_span!(
                "invocation",
                otel.name = "GET /orders/{order_id}",
                request_id = "r-1",
                order_id = tracing::field::Empty,
            );
            let _entered = span.enter();
            span.record("order_id", "o-1");
            tracing::warn!(error = %"\"no\"\nanswer", count = 3, "trouble {}", 7);
            tracing::info!(order_id = "o-2", "another order");
        });
        let [trouble, another] = lines.as_slice() else {
            panic!("{lines:?}");
        };
        let timestamp = trouble["timestamp"].as_str().unwrap();
        timestamp.parse::<Timestamp>().unwrap();
        let expected = json!({
            "timestamp": timestamp,
            "level": "WARN",
            "message": "trouble 7",
            "function": "checkout-batch",
            "request_id": "r-1",
            "order_id": "o-1",
            "error": "\"no\"\nanswer",
            "count": 3,
        });
        assert_eq!(*trouble, expected);
        assert_eq!(another["order_id"], "o-2");
    }

    #[test]
    fn no_name_comes_twice_in_a_line() {
        let written = written("", || {
            let _span = tracing::info_span!("outer", order_id = "o-1").entered();
            let _span = tracing::info_span!("inner", order_id = "o-2").entered();
            tracing::info!(order_id = "o-3", "mine");
        });
        assert_eq!(written.matches("order_id").count(), 1, "{written}");
        assert!(written.contains("o-3"), "{written}");
    }

    #[test]
    fn third_parties_log_details_only_if_rust_log_names_them() {
        let chatter = || {
            tracing::trace!(target: "hyper::proto", "authorization: Bearer secret");
            tracing::debug!(target: "aws_smithy_runtime::client", "request body");
            tracing::warn!(target: "aws_smithy_runtime::client", "retried");
            tracing::trace!(target: "store::carts", "ours");
        };
        let messages = |wanted| -> Vec<String> {
            lines(wanted, chatter)
                .iter()
                .map(|line| line["message"].as_str().unwrap().to_owned())
                .collect()
        };
        assert_eq!(messages("trace"), ["retried", "ours"]);
        assert_eq!(messages("error"), [""; 0]);
        assert_eq!(messages("info,aws_=debug"), ["request body", "retried"]);
    }

    #[test]
    fn metrics_are_written_however_little_is_logged() {
        let lines = lines("error", || {
            tracing::info!("unimportant");
            tracing::info!(target: METRICS, accepted = 2, "batch decided");
        });
        assert_eq!(lines.len(), 1, "{lines:?}");
        assert_eq!(lines[0]["accepted"], 2);
    }

    #[test]
    fn a_metric_line_is_in_the_embedded_metric_format() {
        let latencies: [u64; 2] = [12, 900];
        let lines = lines("", || {
            let _span = tracing::info_span!("invocation", request_id = "r-1", size = 5).entered();
            tracing::info!(
                target: METRICS,
                rejected = 2,
                ms = 8,
                decision_latency_ms = ?latencies,
                reason = "out_of_stock",
                "orders rejected"
            );
        });
        let line = &lines[0];
        assert_eq!(line["decision_latency_ms"], json!([12, 900]));
        let now: Timestamp = line["timestamp"].as_str().unwrap().parse().unwrap();
        let expected = json!({
            "Timestamp": now.as_millisecond(),
            "CloudWatchMetrics": [{
                "Namespace": "Hedonify",
                "Dimensions": [["function", "reason"]],
                "Metrics": [
                    {"Name": "rejected", "Unit": "Count"},
                    {"Name": "ms", "Unit": "Milliseconds"},
                    {"Name": "decision_latency_ms", "Unit": "Milliseconds"},
                ],
            }],
        });
        assert_eq!(line["_aws"], expected);
        // What the format refers to must be there, and an id must never be a dimension.
        assert_eq!(line["function"], "checkout-batch");
        assert_eq!(line["reason"], "out_of_stock");
    }
}
