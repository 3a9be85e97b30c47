//! The functions' last traces.

use std::collections::hash_map::Entry;
use std::collections::{HashMap, HashSet, VecDeque};
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use serde::{Serialize, Serializer};
use serde_json::Value;

/// The attribute with the order that a span is about.
pub(super) const ORDER_ID: &str = "order_id";
/// The attribute with the status that an order got.
const STATUS: &str = "status";
const HTTP_STATUS: &str = "http.response.status_code";
/// The status of an order that was accepted and, as far as spans say, not decided yet.
const ACCEPTED: &str = "ACCEPTED";

/// The most that is kept.
#[derive(Debug, Clone, Copy)]
pub(super) struct Limits {
    pub(super) traces: usize,
    /// Of all traces together.
    pub(super) bytes: usize,
    /// Of one trace, so that a client that uses one for everything doesn't displace all others.
    pub(super) trace_bytes: usize,
}

const LIMITS: Limits = Limits {
    traces: 50_000,
    bytes: 80_000_000,
    trace_bytes: 10_000_000,
};
/// Names that are kept once however often they occur, and their longest.
const MAX_NAMES: usize = 1_000;
const MAX_NAME_BYTES: usize = 200;
/// The last orders are listed; an id and status that are longer are no order's.
const KEPT_ORDERS: usize = 12;
const MAX_ORDER_BYTES: usize = 100;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) struct TraceId(pub(super) u128);

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) struct SpanId(pub(super) u64);

impl fmt::Display for TraceId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:032x}", self.0)
    }
}

impl fmt::Display for SpanId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}", self.0)
    }
}

impl Serialize for TraceId {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl Serialize for SpanId {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// A finished span. Times are in nanoseconds since 1970.
#[derive(Debug, Clone)]
pub(super) struct Span {
    pub(super) trace_id: TraceId,
    pub(super) span_id: SpanId,
    pub(super) parent: Option<SpanId>,
    pub(super) name: Arc<str>,
    /// The `service.name` of the resource: the function's name.
    pub(super) service: Arc<str>,
    pub(super) kind: Kind,
    pub(super) start: u64,
    pub(super) end: u64,
    pub(super) outcome: Outcome,
    pub(super) attributes: Vec<(Arc<str>, Value)>,
    pub(super) events: Vec<Event>,
    pub(super) links: Vec<Link>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Kind {
    Internal,
    Server,
    Client,
    Producer,
    Consumer,
}

/// A span's own status.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Outcome {
    Fine,
    Failed(String),
}

#[derive(Debug, Clone)]
pub(super) struct Event {
    pub(super) time: u64,
    pub(super) name: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
pub(super) struct Link {
    pub(super) trace_id: TraceId,
    pub(super) span_id: SpanId,
}

impl Span {
    pub(super) fn attribute(&self, name: &str) -> Option<&Value> {
        let mut attributes = self.attributes.iter();
        attributes
            .find(|(known, _)| **known == *name)
            .map(|(_, value)| value)
    }

    pub(super) fn order_id(&self) -> Option<&str> {
        self.attribute(ORDER_ID)?.as_str()
    }

    /// Its size in memory, counting names as if no other span shared them.
    fn bytes(&self) -> usize {
        let attribute = |(name, value): &(Arc<str>, Value)| {
            size_of::<(Arc<str>, Value)>() + name.len() + bytes_behind(value)
        };
        let event = |event: &Event| size_of::<Event>() + event.name.len();
        let failure = match &self.outcome {
            Outcome::Fine => 0,
            Outcome::Failed(message) => message.len(),
        };
        size_of::<Span>()
            + self.name.len()
            + self.service.len()
            + failure
            + self.attributes.iter().map(attribute).sum::<usize>()
            + self.events.iter().map(event).sum::<usize>()
            + size_of_val(self.links.as_slice())
    }
}

/// A value's size in memory beyond `size_of`.
fn bytes_behind(value: &Value) -> usize {
    let whole = |value: &Value| size_of::<Value>() + bytes_behind(value);
    match value {
        Value::Null | Value::Bool(_) | Value::Number(_) => 0,
        Value::String(text) => text.len(),
        Value::Array(values) => values.iter().map(whole).sum(),
        Value::Object(members) => members
            .iter()
            .map(|(name, value)| size_of::<String>() + name.len() + whole(value))
            .sum(),
    }
}

/// Keeps traces. The oldest are dropped for new ones.
#[derive(Debug)]
pub(super) struct Traces {
    limits: Limits,
    kept: Mutex<Kept>,
}

#[derive(Debug, Default)]
pub(super) struct Kept {
    traces: HashMap<TraceId, Trace>,
    /// In the order in which they first came.
    oldest_first: VecDeque<TraceId>,
    bytes: usize,
    names: HashSet<Arc<str>>,
    orders: VecDeque<SeenOrder>,
    dropped_traces: u64,
    dropped_spans: u64,
    refused_spans: u64,
}

#[derive(Debug, Default)]
struct Trace {
    spans: Vec<Span>,
    bytes: usize,
}

/// An order that spans mention.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(super) struct SeenOrder {
    pub(super) order_id: String,
    pub(super) status: String,
}

/// Traces in the snapshot.
#[derive(Debug, Serialize)]
pub(super) struct TracesReport {
    /// Whether the functions send their traces here.
    on: bool,
    traces: usize,
    spans: usize,
    /// Traces that were dropped for newer ones.
    dropped_traces: u64,
    /// Their spans, and those beyond the size of one trace.
    dropped_spans: u64,
    /// Spans without a valid trace id or span id.
    refused_spans: u64,
    /// Newest first.
    recent_orders: Vec<SeenOrder>,
}

impl Default for Traces {
    fn default() -> Self {
        Traces::new(LIMITS)
    }
}

impl Traces {
    pub(super) fn new(limits: Limits) -> Self {
        Traces {
            limits,
            kept: Mutex::default(),
        }
    }

    pub(super) fn add(&self, spans: impl IntoIterator<Item = Span>) {
        let mut kept = self.kept();
        for span in spans {
            kept.add(span, &self.limits);
        }
    }

    pub(super) fn count_refused(&self, spans: u64) {
        self.kept().refused_spans += spans;
    }

    pub(super) fn kept(&self) -> MutexGuard<'_, Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn report(&self, on: bool) -> TracesReport {
        let kept = self.kept();
        TracesReport {
            on,
            traces: kept.traces.len(),
            spans: kept.traces.values().map(|trace| trace.spans.len()).sum(),
            dropped_traces: kept.dropped_traces,
            dropped_spans: kept.dropped_spans,
            refused_spans: kept.refused_spans,
            recent_orders: kept.orders.iter().rev().cloned().collect(),
        }
    }
}

impl Kept {
    /// The spans of all traces, in no order.
    pub(super) fn spans(&self) -> impl Iterator<Item = &Span> {
        self.traces.values().flat_map(|trace| &trace.spans)
    }

    /// The spans of one trace, in the order in which they came.
    pub(super) fn trace(&self, id: TraceId) -> &[Span] {
        self.traces
            .get(&id)
            .map_or(&[], |trace| trace.spans.as_slice())
    }

    pub(super) fn dropped_traces(&self) -> u64 {
        self.dropped_traces
    }

    fn add(&mut self, mut span: Span, limits: &Limits) {
        self.note_order(&span);
        span.name = self.share(span.name);
        span.service = self.share(span.service);
        for (name, _) in &mut span.attributes {
            *name = self.share(std::mem::replace(name, Arc::from("")));
        }
        let bytes = span.bytes();
        let trace = match self.traces.entry(span.trace_id) {
            Entry::Occupied(known) => known.into_mut(),
            Entry::Vacant(new) => {
                self.oldest_first.push_back(span.trace_id);
                new.insert(Trace::default())
            }
        };
        if trace.bytes + bytes > limits.trace_bytes {
            self.dropped_spans += 1;
        } else {
            trace.bytes += bytes;
            trace.spans.push(span);
            self.bytes += bytes;
        }
        while self.bytes > limits.bytes || self.traces.len() > limits.traces {
            self.drop_oldest();
        }
    }

    fn drop_oldest(&mut self) {
        let oldest = self.oldest_first.pop_front();
        let Some(trace) = oldest.and_then(|id| self.traces.remove(&id)) else {
            return;
        };
        self.bytes -= trace.bytes;
        self.dropped_traces += 1;
        self.dropped_spans += trace.spans.len() as u64;
    }

    fn share(&mut self, name: Arc<str>) -> Arc<str> {
        if let Some(known) = self.names.get(&name) {
            return known.clone();
        }
        if self.names.len() < MAX_NAMES && name.len() <= MAX_NAME_BYTES {
            self.names.insert(name.clone());
        }
        name
    }

    /// Remembers the orders that were accepted or decided last.
    fn note_order(&mut self, span: &Span) {
        let Some(order_id) = span.order_id() else {
            return;
        };
        let decided = span.attribute(STATUS).and_then(Value::as_str);
        if order_id.len() + decided.map_or(0, str::len) > MAX_ORDER_BYTES {
            return;
        }
        let accepted = span.attribute(HTTP_STATUS) == Some(&Value::from(202));
        let known = self.orders.iter_mut().find(|it| it.order_id == order_id);
        match (known, decided) {
            (Some(known), Some(status)) => known.status = status.to_owned(),
            (None, _) if decided.is_some() || accepted => {
                if self.orders.len() == KEPT_ORDERS {
                    self.orders.pop_front();
                }
                self.orders.push_back(SeenOrder {
                    order_id: order_id.to_owned(),
                    status: decided.unwrap_or(ACCEPTED).to_owned(),
                });
            }
            _ => {}
        }
    }
}

#[cfg(test)]
pub(super) mod tests {
    use serde_json::json;

    use super::*;

    /// A span that took the millisecond of its own number.
    pub(in crate::page) fn span(trace_id: u128, span_id: u64, name: &str) -> Span {
        Span {
            trace_id: TraceId(trace_id),
            span_id: SpanId(span_id),
            parent: None,
            name: name.into(),
            service: "function".into(),
            kind: Kind::Internal,
            start: span_id * 1_000_000,
            end: (span_id + 1) * 1_000_000,
            outcome: Outcome::Fine,
            attributes: vec![],
            events: vec![],
            links: vec![],
        }
    }

    /// Room for three traces, twenty spans with a name of four letters, and ten of them in a trace.
    fn small() -> Limits {
        Limits {
            traces: 3,
            bytes: 20 * span_bytes(),
            trace_bytes: 10 * span_bytes(),
        }
    }

    fn span_bytes() -> usize {
        span(1, 1, "span").bytes()
    }

    #[test]
    fn the_oldest_traces_are_dropped_and_counted() {
        let traces = Traces::new(small());
        for trace in 1..=10 {
            traces.add([span(trace, 1, "a"), span(trace, 2, "b")]);
        }
        let report = traces.report(true);
        assert_eq!((report.traces, report.spans), (3, 6));
        assert_eq!((report.dropped_traces, report.dropped_spans), (7, 14));
        let kept = traces.kept();
        assert!(kept.trace(TraceId(7)).is_empty());
        assert_eq!(kept.trace(TraceId(8)).len(), 2);
    }

    #[test]
    fn one_trace_is_limited() {
        let traces = Traces::new(small());
        traces.add([span(1, 1, "kept")]);
        traces.add((0..1_000).map(|number| span(2, number, "many")));
        let report = traces.report(true);
        assert_eq!((report.traces, report.spans), (2, 11));
        assert_eq!((report.dropped_traces, report.dropped_spans), (0, 990));
    }

    #[test]
    fn links_and_values_count_too() {
        let traces = Traces::new(small());
        let linked = |trace, links| Span {
            links: vec![
                Link {
                    trace_id: TraceId(9),
                    span_id: SpanId(9),
                };
                links
            ],
            ..span(trace, 1, "link")
        };
        // As many as take the room of a span.
        let links = span_bytes() / size_of::<Link>();
        for trace in 1..=3 {
            traces.add([linked(trace, links * 8)]);
        }
        assert_eq!(traces.report(true).traces, 2);
        traces.add([linked(4, links * 11)]);
        assert_eq!(traces.kept().trace(TraceId(4)).len(), 0);
        let value = json!([{ "text": "x".repeat(span_bytes() * 10) }]);
        let wordy = Span {
            attributes: vec![("words".into(), value)],
            ..span(5, 1, "word")
        };
        traces.add([wordy]);
        assert_eq!(traces.kept().trace(TraceId(5)).len(), 0);
    }

    #[test]
    fn names_are_kept_once_and_not_without_end() {
        let traces = Traces::default();
        traces.add((0..10_000).map(|number| span(1, number, &format!("name {number}"))));
        let kept = traces.kept();
        assert_eq!(kept.names.len(), MAX_NAMES);
        let services = kept
            .spans()
            .map(|span| Arc::as_ptr(&span.service).cast::<u8>());
        assert_eq!(services.collect::<HashSet<_>>().len(), 1);
    }

    #[test]
    fn the_last_orders_are_listed_with_their_status() {
        let traces = Traces::default();
        let about = |order: &str, name: &'static str, value: Value| Span {
            attributes: vec![(ORDER_ID.into(), json!(order)), (name.into(), value)],
            ..span(1, 1, "about an order")
        };
        traces.add([about("asked-for", HTTP_STATUS, json!(200))]);
        traces.add((0..100).map(|number| about(&format!("o-{number}"), HTTP_STATUS, json!(202))));
        traces.add([about("o-98", STATUS, json!("REJECTED"))]);
        let orders = traces.report(true).recent_orders;
        assert_eq!(orders.len(), KEPT_ORDERS);
        let listed: Vec<(&str, &str)> = orders[..2]
            .iter()
            .map(|order| (order.order_id.as_str(), order.status.as_str()))
            .collect();
        assert_eq!(listed, [("o-99", "ACCEPTED"), ("o-98", "REJECTED")]);
    }
}
