//! The fields of a log line.

use std::fmt;

use serde_json::Value;
use tracing::field::{Field, Visit};

/// The largest number of values that one metric of an event may have.
/// Source: "Specification: Embedded metric format", "Target members", Amazon CloudWatch User Guide.
pub const MOST_VALUES: usize = 100;

/// The fields of an event or of the spans around it, in the order in which they were first set. Names with a dot
/// are OpenTelemetry's own attributes and are left out.
#[derive(Debug, Default)]
pub(crate) struct Fields(Vec<(&'static str, Value)>);

impl Fields {
    pub(crate) fn get(&self, name: &str) -> Option<&Value> {
        self.iter()
            .find(|(known, _)| *known == name)
            .map(|(_, value)| value)
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (&'static str, &Value)> {
        self.0.iter().map(|(name, value)| (*name, value))
    }

    fn set(&mut self, name: &'static str, value: Value) {
        if name.contains('.') {
            return;
        }
        match self.0.iter_mut().find(|(known, _)| *known == name) {
            Some((_, known)) => *known = value,
            None => self.0.push((name, value)),
        }
    }

    pub(crate) fn set_all(&mut self, others: &Fields) {
        for (name, value) in others.iter() {
            self.set(name, value.clone());
        }
    }
}

impl Visit for Fields {
    fn record_f64(&mut self, field: &Field, value: f64) {
        self.set(field.name(), value.into());
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.set(field.name(), value.into());
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.set(field.name(), value.into());
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.set(field.name(), value.into());
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.set(field.name(), value.into());
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        let text = format!("{value:?}");
        self.set(field.name(), numbers(&text).unwrap_or(Value::String(text)));
    }
}

/// Reads a list of numbers from its debug form: `tracing` has no lists.
fn numbers(debug: &str) -> Option<Value> {
    if !debug.starts_with('[') {
        return None;
    }
    let values: Vec<u64> = serde_json::from_str(debug).ok()?;
    (1..=MOST_VALUES)
        .contains(&values.len())
        .then(|| values.into())
}
