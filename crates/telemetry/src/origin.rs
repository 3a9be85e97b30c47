//! Work that many traces wait for: a batch, and the requests that are decided in it.

use std::time::SystemTime;

use opentelemetry::trace::{Link, SpanContext, SpanKind, TraceContextExt as _, Tracer as _};
use opentelemetry::{Context, KeyValue};
use tracing::Span;
use tracing_opentelemetry::OpenTelemetrySpanExt as _;

use crate::{context, traces};

/// The traced request that a message came from.
#[derive(Debug, Clone)]
pub struct Origin(SpanContext);

impl Origin {
    /// Reads the message's [`TRACEPARENT`](crate::TRACEPARENT) attribute. None if it is unreadable, or
    /// traces are off.
    pub fn of(traceparent: &str) -> Option<Origin> {
        traces::on()?;
        context::from_traceparent(traceparent).map(Origin)
    }

    /// Links the current span to this origin: it works for it.
    pub fn link(&self) {
        Span::current().add_link(self.0.clone());
    }

    /// Enters into the origin's own trace what the current span did for it, from `since` until now,
    /// with a link back.
    pub fn tell(
        &self,
        what: &'static str,
        since: SystemTime,
        attributes: impl IntoIterator<Item = (&'static str, String)>,
    ) {
        let Some(tracer) = traces::on() else {
            return;
        };
        let current = Span::current().context().span().span_context().clone();
        let attributes = attributes.into_iter();
        tracer
            .span_builder(what)
            .with_kind(SpanKind::Consumer)
            .with_start_time(since)
            .with_attributes(attributes.map(|(name, value)| KeyValue::new(name, value)))
            .with_links(vec![Link::with_context(current)])
            .start_with_context(
                tracer,
                &Context::new().with_remote_span_context(self.0.clone()),
            );
    }
}
