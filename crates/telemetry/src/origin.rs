//! Links between a batch and the traces of the requests that are decided in it.

use std::time::SystemTime;

use opentelemetry::trace::{Link, SpanContext, SpanKind, TraceContextExt as _, Tracer as _};
use opentelemetry::{Context, KeyValue};
use tracing::Span;
use tracing_opentelemetry::OpenTelemetrySpanExt as _;

use crate::{context, traces};

/// The traced request that sent a message.
#[derive(Debug, Clone)]
pub struct Origin(SpanContext);

impl Origin {
    /// Reads the message's [`TRACEPARENT`](crate::TRACEPARENT) attribute. `None` if it is malformed or traces are
    /// off.
    pub fn of(traceparent: &str) -> Option<Origin> {
        traces::tracer()?;
        context::from_traceparent(traceparent).map(Origin)
    }

    /// Links the current span to this origin.
    pub fn link(&self) {
        Span::current().add_link(self.0.clone());
    }

    /// Records a span in the origin's own trace, from `since` until now, with a link to the current span.
    pub fn record_span(
        &self,
        name: &'static str,
        since: SystemTime,
        attributes: impl IntoIterator<Item = (&'static str, String)>,
    ) {
        let Some(tracer) = traces::tracer() else {
            return;
        };
        let current = Span::current().context().span().span_context().clone();
        let attributes = attributes.into_iter();
        tracer
            .span_builder(name)
            .with_kind(SpanKind::Consumer)
            .with_start_time(since)
            .with_attributes(attributes.map(|(key, value)| KeyValue::new(key, value)))
            .with_links(vec![Link::with_context(current)])
            .start_with_context(
                tracer,
                &Context::new().with_remote_span_context(self.0.clone()),
            );
    }
}
