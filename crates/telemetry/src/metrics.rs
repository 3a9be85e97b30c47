//! Metrics: events that CloudWatch also counts.
//!
//! Every number of an event with the target [`METRICS`] is a metric, by the field's name, in the
//! namespace `Hedonify`. Names that end in `ms` are milliseconds, all others counts. The only
//! dimensions are `function` and, where the event has it, `reason`: a fixed few values, never an id.
//! A list of numbers, given by its debug form, is one metric with many values.
//!
//! Crates for this format write lines of their own from structs of their own; here the log line that
//! an operator reads is the metric, and the two can't disagree.
//! Source: "Specification: Embedded metric format", Amazon CloudWatch User Guide.

use jiff::Timestamp;
use serde_json::{Value, json};

use crate::log::Fields;

/// The target of events whose numbers are metrics.
pub const METRICS: &str = "metrics";

/// Values that one metric of an event may have.
/// Source: as above, "Target members".
pub const MOST_VALUES: usize = 100;

const NAMESPACE: &str = "Hedonify";

/// The member `_aws`, which makes a log line a record of metrics.
pub(crate) fn directive(now: Timestamp, fields: &Fields) -> Value {
    let metrics: Vec<Value> = fields
        .iter()
        .filter(|(_, value)| value.is_number() || value.is_array())
        .map(|(name, _)| json!({ "Name": name, "Unit": unit(name) }))
        .collect();
    let mut dimensions = vec!["function"];
    if fields.get("reason").is_some() {
        dimensions.push("reason");
    }
    json!({
        "Timestamp": now.as_millisecond(),
        "CloudWatchMetrics": [{
            "Namespace": NAMESPACE,
            "Dimensions": [dimensions],
            "Metrics": metrics,
        }],
    })
}

fn unit(name: &str) -> &'static str {
    if name == "ms" || name.ends_with("_ms") {
        "Milliseconds"
    } else {
        "Count"
    }
}

/// A list of numbers, if this is its debug form.
pub(crate) fn values(debug: &str) -> Option<Value> {
    if !debug.starts_with('[') {
        return None;
    }
    let values: Vec<u64> = serde_json::from_str(debug).ok()?;
    (1..=MOST_VALUES)
        .contains(&values.len())
        .then(|| values.into())
}
