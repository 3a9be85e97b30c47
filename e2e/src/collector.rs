//! A collector of traces: it takes OTLP over HTTP and keeps the spans.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::routing::post;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::trace::v1::Span;
use prost::Message as _;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

/// A collector. It stops when it is dropped.
#[derive(Debug)]
pub struct Collector {
    address: SocketAddr,
    spans: SharedSpans,
    serving: JoinHandle<()>,
}

type SharedSpans = Arc<Mutex<Vec<Span>>>;

impl Collector {
    /// Starts a collector on a free port.
    pub async fn open() -> Collector {
        let listener = TcpListener::bind("127.0.0.1:0").await;
        let listener = listener.expect("there is a free port");
        let address = listener.local_addr().expect("the port is known");
        let spans = SharedSpans::default();
        let routes = Router::new()
            .route("/v1/traces", post(receive))
            .with_state(spans.clone());
        let serving = tokio::spawn(async move {
            axum::serve(listener, routes)
                .await
                .expect("the collector serves");
        });
        Collector {
            address,
            spans,
            serving,
        }
    }

    /// The value for `OTEL_EXPORTER_OTLP_ENDPOINT`.
    pub fn endpoint(&self) -> String {
        format!("http://{}", self.address)
    }

    /// All spans received so far.
    pub fn spans(&self) -> Spans {
        let spans = self.spans.lock().unwrap_or_else(PoisonError::into_inner);
        Spans(spans.clone())
    }
}

impl Drop for Collector {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

async fn receive(State(spans): State<SharedSpans>, body: Bytes) {
    let request = ExportTraceServiceRequest::decode(body).expect("what comes is OTLP");
    let resources = request.resource_spans.into_iter();
    let received = resources
        .flat_map(|resource| resource.scope_spans)
        .flat_map(|scope| scope.spans);
    spans
        .lock()
        .unwrap_or_else(PoisonError::into_inner)
        .extend(received);
}

/// Spans of any number of traces.
#[derive(Debug)]
pub struct Spans(Vec<Span>);

impl Spans {
    /// The spans of one trace.
    pub fn of_trace(&self, trace_id: &[u8]) -> Spans {
        let mine = self.0.iter().filter(|span| span.trace_id == trace_id);
        Spans(mine.cloned().collect())
    }

    /// The spans with this name.
    pub fn named(&self, name: &str) -> impl Iterator<Item = &Span> {
        self.0.iter().filter(move |span| span.name == name)
    }

    /// The span with this id.
    pub fn get(&self, span_id: &[u8]) -> Option<&Span> {
        self.0.iter().find(|span| span.span_id == span_id)
    }

    /// The names of the spans as a tree: one line for each, indented by two spaces more than its parent. Children are in
    /// alphabetical order, and each name is listed once.
    pub fn tree(&self) -> Vec<String> {
        let mut children: HashMap<&[u8], Vec<&Span>> = HashMap::new();
        let known = |id: &[u8]| self.get(id).is_some();
        for span in &self.0 {
            let parent = span.parent_span_id.as_slice();
            let parent = if known(parent) { parent } else { &[] };
            children.entry(parent).or_default().push(span);
        }
        let mut lines = Vec::new();
        branch(&children, &[], 0, &mut lines);
        lines
    }
}

fn branch(
    children: &HashMap<&[u8], Vec<&Span>>,
    parent: &[u8],
    depth: usize,
    lines: &mut Vec<String>,
) {
    let mut spans = children.get(parent).cloned().unwrap_or_default();
    spans.sort_by(|one, other| one.name.cmp(&other.name));
    spans.dedup_by(|one, other| one.name == other.name);
    for span in spans {
        lines.push(format!("{}{}", "  ".repeat(depth), span.name));
        branch(children, &span.span_id, depth + 1, lines);
    }
}
