//! Metrics: log lines from which CloudWatch also takes numbers.
//!
//! In an event with the target [`METRICS`], every field with a number is a metric of the field's name, in the
//! namespace `Hedonify`. The unit is milliseconds if the name ends in `ms`, else a count. The only
//! dimensions are `function` and, if the event has it, `reason`: both have few values and are never an id.
//! A list of numbers, recorded in its debug form, is one metric with many values.
//!
//! No crate for this format is used: such crates write separate lines from separate structs. Here the line
//! that an operator reads is the metric, so the two cannot disagree.
//! Source: "Specification: Embedded metric format", Amazon CloudWatch User Guide.

use jiff::Timestamp;
use serde_json::{Value, json};

use crate::fields::Fields;

/// The `tracing` target of events whose numbers are metrics.
pub const METRICS: &str = "metrics";

const NAMESPACE: &str = "Hedonify";

/// The member `_aws`, by which CloudWatch recognises a log line with metrics.
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
