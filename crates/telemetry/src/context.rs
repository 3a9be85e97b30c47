//! The position of a request in a trace, as it is passed between processes: X-Ray's header and W3C's
//! `traceparent`.

use std::collections::HashMap;

use opentelemetry::Context;
use opentelemetry::propagation::TextMapPropagator as _;
use opentelemetry::trace::{SpanContext, TraceContextExt as _, TraceId};
use opentelemetry_aws::trace::xray_propagator;
use opentelemetry_sdk::propagation::TraceContextPropagator;
use tracing::Span;
use tracing_opentelemetry::OpenTelemetrySpanExt as _;

use crate::traces;

/// The name of W3C's Trace Context, as an HTTP header and as a message attribute.
pub const TRACEPARENT: &str = "traceparent";

/// The current span as a `traceparent`, to be sent with a message. `None` if the span is not traced.
pub fn current_traceparent() -> Option<String> {
    traces::tracer()?;
    let context = Span::current().context();
    context.span().span_context().is_sampled().then_some(())?;
    let mut carrier = HashMap::new();
    TraceContextPropagator::new().inject_context(&context, &mut carrier);
    carrier.remove(TRACEPARENT)
}

/// Reads a `traceparent`. `None` if it is malformed.
pub(crate) fn from_traceparent(header: &str) -> Option<SpanContext> {
    let carrier = HashMap::from([(TRACEPARENT.to_owned(), header.to_owned())]);
    let context = TraceContextPropagator::new().extract_with_context(&Context::new(), &carrier);
    let context = context.span().span_context().clone();
    context.is_valid().then_some(context)
}

/// The callers of this invocation, as its headers name them.
#[derive(Debug, Default)]
pub(crate) struct Callers {
    /// Lambda's own span of this invocation, in X-Ray.
    lambda: Option<SpanContext>,
    /// The client's span.
    client: Option<SpanContext>,
    /// X-Ray's trace, which is known even if the header names no span.
    xray_trace: Option<TraceId>,
}

impl Callers {
    pub(crate) fn new(xray_header: Option<&str>, traceparent: Option<&str>) -> Callers {
        let xray = xray_header.and_then(xray_propagator::span_context_from_str);
        Callers {
            xray_trace: xray.as_ref().map(SpanContext::trace_id),
            lambda: xray.filter(SpanContext::is_valid),
            client: traceparent.and_then(from_traceparent),
        }
    }

    /// The parent of the invocation's span.
    pub(crate) fn parent(&self) -> Option<&SpanContext> {
        self.lambda.as_ref().or(self.client.as_ref())
    }

    /// A second caller, which has a trace of its own. The invocation's span links to it.
    pub(crate) fn other(&self) -> Option<&SpanContext> {
        self.lambda.as_ref().and(self.client.as_ref())
    }

    /// The trace that the callers belong to.
    pub(crate) fn trace_id(&self) -> Option<TraceId> {
        self.parent().map(SpanContext::trace_id).or(self.xray_trace)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const XRAY: &str = "Root=1-5759e988-bd862e3fe1be46a994272793;Parent=53995c3f42cd8ad8;Sampled=1";
    const XRAY_AS_TRACEPARENT: &str = "00-5759e988bd862e3fe1be46a994272793-53995c3f42cd8ad8-01";
    const CLIENT: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

    fn inject(context: &SpanContext) -> String {
        let context = Context::new().with_remote_span_context(context.clone());
        let mut carrier = HashMap::new();
        TraceContextPropagator::new().inject_context(&context, &mut carrier);
        carrier.remove(TRACEPARENT).unwrap()
    }

    #[test]
    fn xrays_header_can_be_sent_as_a_traceparent_and_back() {
        let lambda = Callers::new(Some(XRAY), None);
        let traceparent = inject(lambda.parent().unwrap());
        assert_eq!(traceparent, XRAY_AS_TRACEPARENT);
        let back = from_traceparent(&traceparent).unwrap();
        assert_eq!(
            xray_propagator::span_context_to_string(&back).as_deref(),
            Some(XRAY)
        );
    }

    #[test]
    fn lambdas_span_is_the_parent_and_the_client_is_remembered() {
        let callers = Callers::new(Some(XRAY), Some(CLIENT));
        assert_eq!(inject(callers.parent().unwrap()), XRAY_AS_TRACEPARENT);
        assert_eq!(inject(callers.other().unwrap()), CLIENT);
    }

    #[test]
    fn a_trace_without_a_span_leaves_the_client_as_the_parent() {
        let root_only = Some("Root=1-5759e988-bd862e3fe1be46a994272793");
        let callers = Callers::new(root_only, Some(CLIENT));
        assert_eq!(inject(callers.parent().unwrap()), CLIENT);
        assert!(callers.other().is_none());
        let callers = Callers::new(root_only, None);
        assert!(callers.parent().is_none());
        let trace_id = callers.trace_id().unwrap().to_string();
        assert_eq!(trace_id, "5759e988bd862e3fe1be46a994272793");
    }

    #[test]
    fn malformed_headers_are_ignored() {
        for nonsense in ["", "00", "Root=;Parent=", "00-0-0-0", &"x".repeat(70_000)] {
            let callers = Callers::new(Some(nonsense), Some(nonsense));
            assert!(callers.parent().is_none(), "{nonsense:.40}");
            assert!(callers.trace_id().is_none(), "{nonsense:.40}");
        }
    }
}
