//! Traces by OpenTelemetry. They are on only if the environment names a collector.

use std::env;
use std::sync::OnceLock;

use opentelemetry::KeyValue;
use opentelemetry::trace::TracerProvider as _;
use opentelemetry_aws::trace::XrayIdGenerator;
use opentelemetry_otlp::{ExporterBuildError, RetryPolicy, SpanExporter, WithHttpConfig as _};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::trace::{SdkTracer, SdkTracerProvider, SpanExporter as _};
use tracing::level_filters::LevelFilter;
use tracing::{Level, Metadata, Subscriber};
use tracing_subscriber::Layer;
use tracing_subscriber::filter::FilterFn;
use tracing_subscriber::registry::LookupSpan;

use crate::collector::Collector;
use crate::log;
use crate::span_buffer::SpanBuffer;

/// The largest number of links of one span: a batch's span links to each checkout in it, and a batch of Lambda
/// has at most 10,000 messages.
const MOST_LINKS: u32 = 10_000;

struct Traces {
    tracer: SdkTracer,
    buffer: SpanBuffer<SpanExporter>,
}

static TRACES: OnceLock<Traces> = OnceLock::new();

/// The tracer, if traces are on.
pub(crate) fn tracer() -> Option<&'static SdkTracer> {
    TRACES.get().map(|traces| &traces.tracer)
}

/// Sends finished spans to the collector, if that is due.
pub(crate) async fn flush() {
    if let Some(traces) = TRACES.get() {
        traces.buffer.flush().await;
    }
}

/// The layer that makes traces of spans. `None` if traces are off.
pub(crate) fn layer<S>() -> Result<Option<impl Layer<S>>, ExporterBuildError>
where
    S: Subscriber + for<'span> LookupSpan<'span>,
{
    if !is_enabled() {
        return Ok(None);
    }
    let mut exporter = SpanExporter::builder()
        .with_http()
        .with_http_client(Collector::default())
        .with_retry_policy(RetryPolicy::disabled())
        .build()?;
    let resource = resource();
    exporter.set_resource(&resource);
    let buffer = SpanBuffer::from_env(exporter);
    let provider = SdkTracerProvider::builder()
        .with_id_generator(XrayIdGenerator::default())
        .with_max_links_per_span(MOST_LINKS)
        .with_resource(resource)
        .with_span_processor(buffer.clone())
        .build();
    let tracer = provider.tracer("hedonify");
    let traces = Traces {
        tracer: tracer.clone(),
        buffer,
    };
    // Only the first call of a process sets it.
    let _ = TRACES.set(traces);
    let layer = tracing_opentelemetry::layer()
        .with_tracer(tracer)
        .with_context_activation(false)
        .with_tracked_inactivity(false)
        .with_location(false)
        .with_threads(false)
        .with_target(false)
        .with_level(false)
        .with_filter(FilterFn::new(is_traced).with_max_level_hint(LevelFilter::DEBUG));
    Ok(Some(layer))
}

/// Whether the environment asks for traces.
/// Source: "OpenTelemetry Protocol Exporter" and "Environment Variable Specification", OpenTelemetry
/// Specification.
fn is_enabled() -> bool {
    let set = |name| env::var_os(name).is_some_and(|value| !value.is_empty());
    let disabled = env::var("OTEL_SDK_DISABLED").is_ok_and(|value| value == "true");
    !disabled && (set("OTEL_EXPORTER_OTLP_ENDPOINT") || set("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT"))
}

/// The sender of the spans: the function's name, unless `OTEL_SERVICE_NAME` sets another.
fn resource() -> Resource {
    let resource = Resource::builder();
    let function = log::function_name();
    let resource = match env::var("OTEL_SERVICE_NAME") {
        Ok(name) if !name.is_empty() => resource,
        _ => resource.with_service_name(function.clone()),
    };
    resource
        .with_attribute(KeyValue::new("faas.name", function))
        .build()
}

/// Whether traces have this span or event: the shop's own spans down to single calls, and its own events from
/// level info up.
fn is_traced(metadata: &Metadata<'_>) -> bool {
    let least = if metadata.is_span() {
        Level::DEBUG
    } else {
        Level::INFO
    };
    let target = metadata.target();
    let is_third_party = || {
        log::THIRD_PARTIES
            .iter()
            .any(|name| target.starts_with(name))
    };
    *metadata.level() <= least && !is_third_party()
}
