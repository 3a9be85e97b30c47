//! An order's trace: the spans of every trace that mentions it, and of the traces that these are linked with.

use std::collections::{BTreeMap, HashMap, HashSet};

use jiff::Timestamp;
use serde::Serialize;
use serde_json::Value;

use super::traces::{Kept, Kind, Link, Outcome, Span, SpanId, TraceId, Traces};

/// Enough for an order; a client that uses one trace for everything has more.
const MAX_SPANS: usize = 1_000;
/// The names of calls that put a message into a queue begin so.
const SEND: &str = "Send";
const METHOD: &str = "rpc.method";

#[derive(Debug, Serialize)]
pub(crate) struct OrderTrace {
    order_id: String,
    /// When its first span began; the other times are milliseconds since.
    began: Timestamp,
    /// Of the flow alone: later requests about the order don't count.
    duration_ms: f64,
    traces: Vec<TraceReport>,
    /// Trace by trace as they began, each span after its parent.
    spans: Vec<SpanReport>,
    /// Between the sending of the order's message and the work on it.
    waits: Vec<Wait>,
    omitted_spans: usize,
}

#[derive(Debug, Serialize)]
struct TraceReport {
    trace_id: TraceId,
    role: Role,
    spans: usize,
}

/// How a trace is related to an order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
enum Role {
    /// The order was made or decided in it.
    Flow,
    /// It only mentions the order, such as a request for its status.
    Mention,
}

#[derive(Debug, Serialize)]
struct SpanReport {
    trace_id: TraceId,
    span_id: SpanId,
    /// None too where the parent was not received.
    parent_span_id: Option<SpanId>,
    /// The number of its ancestors here.
    depth: usize,
    role: Role,
    name: String,
    function: String,
    kind: Kind,
    start_ms: f64,
    duration_ms: f64,
    failed: bool,
    error: Option<String>,
    attributes: BTreeMap<String, Value>,
    events: Vec<EventReport>,
    /// Links to spans that are here.
    links: Vec<Link>,
    /// Other links, such as a batch's to its other orders.
    links_elsewhere: usize,
}

#[derive(Debug, Serialize)]
struct EventReport {
    name: String,
    at_ms: f64,
}

#[derive(Debug, PartialEq, Serialize)]
struct Wait {
    /// The span that ended the wait.
    before_span_id: SpanId,
    start_ms: f64,
    duration_ms: f64,
}

impl OrderTrace {
    /// None if no trace mentions the order.
    pub(super) fn find(traces: &Traces, order_id: &str) -> Option<OrderTrace> {
        let kept = traces.kept();
        let chosen = Chosen::new(&kept, order_id)?;
        Some(chosen.report(order_id))
    }
}

/// The traces that belong to an order.
struct Chosen<'a> {
    /// In the order in which they began, each in the order of its tree.
    traces: Vec<Tree<'a>>,
}

struct Tree<'a> {
    id: TraceId,
    role: Role,
    /// With the number of its ancestors.
    spans: Vec<(&'a Span, usize)>,
}

impl<'a> Chosen<'a> {
    fn new(kept: &'a Kept, order_id: &str) -> Option<Self> {
        let about = kept
            .spans()
            .filter(|span| span.order_id() == Some(order_id));
        let mentioning: HashSet<TraceId> = about.map(|span| span.trace_id).collect();
        if mentioning.is_empty() {
            return None;
        }
        let linked_to = mentioning
            .iter()
            .flat_map(|id| kept.trace(*id))
            .flat_map(|span| &span.links)
            .map(|link| link.trace_id);
        let linked_from = kept
            .spans()
            .filter(|span| {
                span.links
                    .iter()
                    .any(|link| mentioning.contains(&link.trace_id))
            })
            .map(|span| span.trace_id);
        let mut ids: HashSet<TraceId> = linked_to.chain(linked_from).collect();
        ids.extend(&mentioning);
        let mut traces: Vec<Tree> = ids
            .into_iter()
            .map(|id| Tree::new(id, kept.trace(id)))
            .filter(|tree| !tree.spans.is_empty())
            .collect();
        if traces.is_empty() {
            return None;
        }
        traces.sort_by_key(|tree| (tree.start(), tree.id));
        let mut chosen = Chosen { traces };
        chosen.set_roles();
        Some(chosen)
    }

    /// A trace that is linked with another is the flow; while none is, the trace that began first.
    fn set_roles(&mut self) {
        let ids: HashSet<TraceId> = self.traces.iter().map(|tree| tree.id).collect();
        let mut linked = HashSet::new();
        for (span, _) in self.traces.iter().flat_map(|tree| &tree.spans) {
            for link in &span.links {
                if link.trace_id != span.trace_id && ids.contains(&link.trace_id) {
                    linked.extend([link.trace_id, span.trace_id]);
                }
            }
        }
        for (index, tree) in self.traces.iter_mut().enumerate() {
            let flows = linked.contains(&tree.id) || (linked.is_empty() && index == 0);
            tree.role = if flows { Role::Flow } else { Role::Mention };
        }
    }

    fn report(&self, order_id: &str) -> OrderTrace {
        let flow = || self.traces.iter().filter(|tree| tree.role == Role::Flow);
        let began = flow().map(Tree::start).min().unwrap_or_default();
        let ended = flow().map(Tree::end).max().unwrap_or_default();
        let known: HashSet<Link> = self.traces.iter().flat_map(Tree::places).collect();
        let all = || {
            let trees = self.traces.iter();
            trees.flat_map(|tree| {
                tree.spans
                    .iter()
                    .map(|(span, depth)| (tree.role, *span, *depth))
            })
        };
        OrderTrace {
            order_id: order_id.to_owned(),
            began: Timestamp::from_nanosecond(began.into()).unwrap_or_default(),
            duration_ms: milliseconds(began, ended),
            traces: self.traces.iter().map(Tree::report).collect(),
            spans: all()
                .take(MAX_SPANS)
                .map(|(role, span, depth)| SpanReport::new(span, role, depth, began, &known))
                .collect(),
            waits: self
                .traces
                .iter()
                .flat_map(|tree| tree.waits(began))
                .collect(),
            omitted_spans: all().count().saturating_sub(MAX_SPANS),
        }
    }
}

impl<'a> Tree<'a> {
    fn new(id: TraceId, spans: &'a [Span]) -> Self {
        let known: HashSet<SpanId> = spans.iter().map(|span| span.span_id).collect();
        let mut children: HashMap<Option<SpanId>, Vec<&Span>> = HashMap::new();
        for span in spans {
            let parent = span
                .parent
                .filter(|parent| known.contains(parent) && *parent != span.span_id);
            children.entry(parent).or_default().push(span);
        }
        for siblings in children.values_mut() {
            // A span that was sent twice is reported once.
            siblings.sort_by_key(|span| (span.start, span.span_id));
            siblings.dedup_by_key(|span| span.span_id);
        }
        let mut ordered = Vec::with_capacity(spans.len());
        let mut seen = HashSet::new();
        let roots = children.get(&None).into_iter().flatten();
        let mut next: Vec<(&Span, usize)> = roots.rev().map(|span| (*span, 0)).collect();
        while let Some((span, depth)) = next.pop() {
            if seen.insert(span.span_id) {
                ordered.push((span, depth));
                let below = children.get(&Some(span.span_id)).into_iter().flatten();
                next.extend(below.rev().map(|child| (*child, depth + 1)));
            }
        }
        Tree {
            id,
            role: Role::Mention,
            spans: ordered,
        }
    }

    fn start(&self) -> u64 {
        let starts = self.spans.iter().map(|(span, _)| span.start);
        starts.min().unwrap_or_default()
    }

    fn end(&self) -> u64 {
        let ends = self.spans.iter().map(|(span, _)| span.end);
        ends.max().unwrap_or_default()
    }

    fn places(&self) -> impl Iterator<Item = Link> {
        self.spans.iter().map(|(span, _)| Link {
            trace_id: span.trace_id,
            span_id: span.span_id,
        })
    }

    fn report(&self) -> TraceReport {
        TraceReport {
            trace_id: self.id,
            role: self.role,
            spans: self.spans.len(),
        }
    }

    /// In the trace of a message's sender, the consumer's span begins when the message has waited.
    fn waits(&self, began: u64) -> Vec<Wait> {
        let spans = || self.spans.iter().map(|(span, _)| *span);
        let sends = |span: &&Span| {
            let method = span.attribute(METHOD).and_then(Value::as_str);
            span.kind == Kind::Producer || method.is_some_and(|method| method.starts_with(SEND))
        };
        let wait = |consumer: &Span| {
            let sent = spans().filter(sends).map(|span| span.end);
            let sent = sent.filter(|end| *end <= consumer.start).max()?;
            Some(Wait {
                before_span_id: consumer.span_id,
                start_ms: milliseconds(began, sent),
                duration_ms: milliseconds(sent, consumer.start),
            })
        };
        spans()
            .filter(|span| span.kind == Kind::Consumer)
            .filter_map(wait)
            .collect()
    }
}

impl SpanReport {
    fn new(span: &Span, role: Role, depth: usize, began: u64, known: &HashSet<Link>) -> Self {
        let links: Vec<Link> = span
            .links
            .iter()
            .filter(|link| known.contains(link))
            .copied()
            .collect();
        let event = |event: &super::traces::Event| EventReport {
            name: event.name.clone(),
            at_ms: milliseconds(began, event.time),
        };
        SpanReport {
            trace_id: span.trace_id,
            span_id: span.span_id,
            parent_span_id: span.parent.filter(|_| depth > 0),
            depth,
            role,
            name: span.name.to_string(),
            function: span.service.to_string(),
            kind: span.kind,
            start_ms: milliseconds(began, span.start),
            duration_ms: milliseconds(span.start, span.end),
            failed: span.outcome != Outcome::Fine,
            error: match &span.outcome {
                Outcome::Failed(message) => Some(message.clone()),
                Outcome::Fine => None,
            },
            attributes: span
                .attributes
                .iter()
                .map(|(name, value)| (name.to_string(), value.clone()))
                .collect(),
            events: span.events.iter().map(event).collect(),
            links_elsewhere: span.links.len() - links.len(),
            links,
        }
    }
}

/// From one time to another; negative if it is the earlier one. Exact to the microsecond.
fn milliseconds(from: u64, to: u64) -> f64 {
    let nanos = i128::from(to) - i128::from(from);
    (nanos / 1_000) as f64 / 1_000.0
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::traces::ORDER_ID;
    use super::super::traces::tests::span;
    use super::*;

    fn child(parent: u64, span: Span) -> Span {
        Span {
            parent: Some(SpanId(parent)),
            ..span
        }
    }

    fn about(order_id: &str, span: Span) -> Span {
        Span {
            attributes: vec![(ORDER_ID.into(), json!(order_id))],
            ..span
        }
    }

    fn linked(trace_id: u128, span_id: u64, span: Span) -> Span {
        let link = Link {
            trace_id: TraceId(trace_id),
            span_id: SpanId(span_id),
        };
        Span {
            links: vec![link],
            ..span
        }
    }

    fn shape(found: &OrderTrace) -> Vec<String> {
        let spans = found.spans.iter();
        spans
            .map(|span| format!("{:?} {}{}", span.role, "  ".repeat(span.depth), span.name))
            .collect()
    }

    /// An order's click, its batch, another order of the batch, and a question about it.
    fn sale() -> Traces {
        let traces = Traces::default();
        let send = Span {
            attributes: vec![(METHOD.into(), json!("SendMessage"))],
            ..child(10, span(1, 12, "send"))
        };
        let decided = Span {
            kind: Kind::Consumer,
            ..linked(2, 30, about("o-1", child(10, span(1, 31, "decided"))))
        };
        let batch = Span {
            links: [(1, 10), (3, 20), (4, 99)]
                .map(|(trace, span)| Link {
                    trace_id: TraceId(trace),
                    span_id: SpanId(span),
                })
                .to_vec(),
            ..span(2, 30, "batch")
        };
        // Children come before their parents, as they end first.
        traces.add([child(30, span(2, 32, "transact")), batch]);
        traces.add([
            decided,
            send,
            child(10, span(1, 11, "read")),
            about("o-1", span(1, 10, "click")),
        ]);
        traces.add([about("o-2", span(3, 20, "other click"))]);
        traces.add([about("o-1", child(77, span(5, 40, "question")))]);
        traces
    }

    #[test]
    fn an_order_trace_goes_from_the_click_to_the_decision() {
        let traces = sale();
        let found = OrderTrace::find(&traces, "o-1").expect("a trace");
        let expected = [
            "Flow click",
            "Flow   read",
            "Flow   send",
            "Flow   decided",
            "Flow batch",
            "Flow   transact",
            "Mention question",
        ];
        assert_eq!(shape(&found), expected);
        assert_eq!(found.duration_ms, 23.0);
        let batch = &found.spans[4];
        assert_eq!((batch.start_ms, batch.duration_ms), (20.0, 1.0));
        assert_eq!((batch.links.len(), batch.links_elsewhere), (1, 2));
        assert_eq!(found.spans[3].links[0].span_id, SpanId(30));
        // A parent that was not received is no parent here.
        assert_eq!(found.spans[6].parent_span_id, None);
        let wait = Wait {
            before_span_id: SpanId(31),
            start_ms: 3.0,
            duration_ms: 18.0,
        };
        assert_eq!(found.waits, [wait]);
    }

    #[test]
    fn an_undecided_order_has_a_trace_too_and_an_unknown_one_has_none() {
        let traces = sale();
        let found = OrderTrace::find(&traces, "o-2").expect("a trace");
        assert_eq!(
            shape(&found),
            ["Flow other click", "Flow batch", "Flow   transact"]
        );
        let alone = Traces::default();
        alone.add([about("o-3", span(9, 1, "click"))]);
        assert_eq!(
            shape(&OrderTrace::find(&alone, "o-3").expect("a trace")),
            ["Flow click"]
        );
        assert!(OrderTrace::find(&traces, "o-9").is_none());
    }

    #[test]
    fn nonsense_from_clients_ends_all_the_same() {
        let traces = Traces::default();
        // Its own parent, a circle of two, and the same span twice.
        traces.add([
            about("o-1", child(1, span(1, 1, "its own parent"))),
            about("o-1", child(3, span(1, 2, "circle"))),
            about("o-1", child(2, span(1, 3, "circle"))),
            about("o-1", span(1, 4, "twice")),
            about("o-1", span(1, 4, "twice")),
        ]);
        let found = OrderTrace::find(&traces, "o-1").expect("a trace");
        assert_eq!(shape(&found), ["Flow its own parent", "Flow twice"]);
    }

    #[test]
    fn an_order_trace_is_limited() {
        let traces = Traces::default();
        traces.add((1..=1_500).map(|id| about("o-1", span(1, id, "again"))));
        let found = OrderTrace::find(&traces, "o-1").expect("a trace");
        assert_eq!((found.spans.len(), found.omitted_spans), (MAX_SPANS, 500));
        assert_eq!(found.traces[0].spans, 1_500);
    }
}
