//! One invocation of a function: its span, and what is done after its answer.

use std::future::Future;
use std::task::{Context, Poll};

use futures_util::FutureExt as _;
use futures_util::future::{BoxFuture, Then};
use lambda_runtime::{Error, LambdaEvent, LambdaInvocation, Runtime, service_fn};
use opentelemetry::trace::TraceContextExt as _;
use serde::{Deserialize, Serialize};
use tower_layer::Layer;
use tower_service::Service;
use tracing::field::Empty;
use tracing::{Instrument as _, Span};
use tracing_opentelemetry::OpenTelemetrySpanExt as _;

use crate::context::Callers;
use crate::traces;

/// What caused an invocation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A request that waits for its answer.
    Server,
    /// Messages or a schedule.
    Consumer,
}

/// One invocation of a function.
#[derive(Debug, Clone, Copy)]
pub struct Invocation<'a> {
    /// What is done, as a span's name: `POST /checkouts`. One of few: never with an id in it.
    pub name: &'a str,
    /// What caused it.
    pub kind: Kind,
    /// Lambda's id of it.
    pub request_id: &'a str,
    /// X-Ray's trace header that Lambda gave it.
    pub xray_header: Option<&'a str>,
    /// The client's `traceparent` header.
    pub traceparent: Option<&'a str>,
}

impl Invocation<'_> {
    /// The span around everything the invocation does. `order_id`, `cart_id`, `product_id` and
    /// `http.response.status_code` may be recorded in it. Its parent is Lambda's own span, or else the
    /// client's.
    pub fn span(&self) -> Span {
        // Of the most severe level, so that a line has its request's id however little is logged.
        let span = tracing::error_span!(
            "invocation",
            otel.name = self.name,
            otel.kind = match self.kind {
                Kind::Server => "server",
                Kind::Consumer => "consumer",
            },
            request_id = self.request_id,
            trace_id = Empty,
            order_id = Empty,
            cart_id = Empty,
            product_id = Empty,
            http.response.status_code = Empty,
        );
        let callers = Callers::new(self.xray_header, self.traceparent);
        let mut trace_id = callers.trace_id();
        if traces::on().is_some() {
            if let Some(parent) = callers.parent() {
                let parent = opentelemetry::Context::new().with_remote_span_context(parent.clone());
                // It can't fail: the span has just been made, by the layer that is on.
                let _ = span.set_parent(parent);
            }
            if let Some(other) = callers.other() {
                span.add_link(other.clone());
            }
            trace_id = Some(span.context().span().span_context().trace_id());
        }
        if let Some(trace_id) = trace_id {
            span.record("trace_id", tracing::field::display(trace_id));
        }
        span
    }
}

/// Handles events, other than HTTP requests, until Lambda ends the process. `name` is the name of the
/// invocations' spans.
///
/// # Errors
/// When the Lambda runtime cannot be reached.
pub async fn run<H, E, F, R>(name: &'static str, handle: H) -> Result<(), Error>
where
    H: Fn(LambdaEvent<E>) -> F,
    E: for<'de> Deserialize<'de>,
    F: Future<Output = Result<R, Error>>,
    R: Serialize,
{
    let handle_in_span = |event: LambdaEvent<E>| {
        let span = Invocation {
            name,
            kind: Kind::Consumer,
            request_id: &event.context.request_id,
            xray_header: event.context.xray_trace_id.as_deref(),
            traceparent: None,
        }
        .span();
        handle(event).instrument(span)
    };
    let runtime = Runtime::new(service_fn(handle_in_span));
    runtime.layer(FlushLayer).run().await
}

/// Sends finished spans to the collector when an invocation is over: after its answer has been given,
/// so nobody waits for it, and before Lambda may freeze the process.
#[derive(Debug, Clone, Copy)]
pub struct FlushLayer;

/// A function's runtime with [`FlushLayer`].
#[derive(Debug, Clone)]
pub struct Flush<S>(S);

type Answered = Result<(), Error>;

impl<S> Layer<S> for FlushLayer {
    type Service = Flush<S>;

    fn layer(&self, runtime: S) -> Flush<S> {
        Flush(runtime)
    }
}

impl<S> Service<LambdaInvocation> for Flush<S>
where
    S: Service<LambdaInvocation, Response = (), Error = Error>,
{
    type Response = ();
    type Error = Error;
    type Future =
        Then<S::Future, BoxFuture<'static, Answered>, fn(Answered) -> BoxFuture<'static, Answered>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Answered> {
        self.0.poll_ready(context)
    }

    fn call(&mut self, invocation: LambdaInvocation) -> Self::Future {
        self.0.call(invocation).then(|answered| {
            Box::pin(async {
                traces::flush().await;
                answered
            })
        })
    }
}
