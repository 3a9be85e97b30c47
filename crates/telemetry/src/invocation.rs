//! One invocation of a function: its span, and the sending of finished spans after its answer.

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

/// The cause of an invocation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A client that waits for the answer.
    Server,
    /// Messages or a schedule.
    Consumer,
}

/// One invocation of a function.
#[derive(Debug, Clone, Copy)]
pub struct Invocation<'a> {
    /// The span's name, such as `POST /checkouts`. It never has an id in it, so that there are few names.
    pub name: &'a str,
    pub kind: Kind,
    /// The id that Lambda gave to the invocation.
    pub request_id: &'a str,
    /// X-Ray's trace header, which Lambda adds.
    pub xray_header: Option<&'a str>,
    /// The client's `traceparent` header.
    pub traceparent: Option<&'a str>,
}

impl Invocation<'_> {
    /// The span around all the work of the invocation. The handler may record `order_id`, `cart_id`,
    /// `product_id` and `http.response.status_code` in it. Its parent is Lambda's own span, or else the
    /// client's.
    pub fn span(&self) -> Span {
        // Level error, so that log lines have the request's id at every level of logging.
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
        if traces::tracer().is_some() {
            if let Some(parent) = callers.parent() {
                let parent = opentelemetry::Context::new().with_remote_span_context(parent.clone());
                // It cannot fail: the span is new, and its layer is on.
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

/// Handles events that are not HTTP requests, until Lambda ends the process. `name` is the name of the
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

/// Sends finished spans to the collector when an invocation is over: after the answer has been sent, so that no
/// client waits for it, and before Lambda may freeze the process.
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
