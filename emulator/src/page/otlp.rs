//! Receives traces as OpenTelemetry's SDKs send them: OTLP over HTTP, in protobuf or JSON.
//!
//! Source: OpenTelemetry's "OTLP Specification", OTLP/HTTP.

use std::sync::Arc;

use axum::body::Bytes;
use axum::http::header::{CONTENT_ENCODING, CONTENT_TYPE};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse as _, Response};
use opentelemetry_proto::tonic::collector::trace::v1::{
    ExportTracePartialSuccess, ExportTraceServiceRequest, ExportTraceServiceResponse,
};
use opentelemetry_proto::tonic::common::v1::any_value::Value as Any;
use opentelemetry_proto::tonic::common::v1::{AnyValue, KeyValue};
use opentelemetry_proto::tonic::trace::v1::{
    self as otlp, span::SpanKind, status::StatusCode as SpanStatus,
};
use prost::Message as _;
use serde_json::Value;

use super::traces::{Event, Kind, Link, Outcome, Span, SpanId, TraceId, Traces};

const PROTOBUF: &str = "application/x-protobuf";
const JSON: &str = "application/json";
const SERVICE_NAME: &str = "service.name";

// The rest of a span is left out.
const MAX_TEXT_BYTES: usize = 512;
const MAX_ATTRIBUTES: usize = 32;
const MAX_EVENTS: usize = 16;
/// A batch has one link to each checkout in it, and Lambda's batches go to 10,000.
const MAX_LINKS: usize = 10_000;

#[derive(Debug, Clone, Copy)]
enum Encoding {
    Protobuf,
    Json,
}

/// Answers `POST /v1/traces`.
pub(super) fn receive(traces: &Traces, headers: &HeaderMap, body: &Bytes) -> Response {
    let text = |name| headers.get(name).and_then(|value| value.to_str().ok());
    let media_type = text(CONTENT_TYPE).unwrap_or_default();
    let encoding = match media_type.split(';').next().unwrap_or_default().trim() {
        PROTOBUF => Encoding::Protobuf,
        JSON => Encoding::Json,
        _ => {
            let help = format!("traces come as {PROTOBUF} or {JSON}, not as `{media_type}`\n");
            return (StatusCode::UNSUPPORTED_MEDIA_TYPE, help).into_response();
        }
    };
    if !matches!(text(CONTENT_ENCODING), None | Some("identity")) {
        let help = "compressed traces are not taken: leave OTEL_EXPORTER_OTLP_COMPRESSION unset";
        return encoding.refuse(StatusCode::UNSUPPORTED_MEDIA_TYPE, help);
    }
    let request = match encoding.read(body) {
        Ok(request) => request,
        Err(error) => {
            let help = format!("this is no ExportTraceServiceRequest: {error}");
            return encoding.refuse(StatusCode::BAD_REQUEST, &help);
        }
    };
    encoding.accept(keep(traces, request))
}

impl Encoding {
    fn read(self, body: &Bytes) -> Result<ExportTraceServiceRequest, String> {
        match self {
            Encoding::Protobuf => {
                ExportTraceServiceRequest::decode(body.as_ref()).map_err(|error| error.to_string())
            }
            Encoding::Json => serde_json::from_slice(body).map_err(|error| error.to_string()),
        }
    }

    fn accept(self, refused: u64) -> Response {
        let partial_success = (refused > 0).then(|| ExportTracePartialSuccess {
            rejected_spans: refused.try_into().unwrap_or(i64::MAX),
            error_message: "a span needs a trace id of 16 bytes and a span id of 8, not all zero"
                .to_owned(),
        });
        let answer = ExportTraceServiceResponse { partial_success };
        match self {
            Encoding::Protobuf => {
                ([(CONTENT_TYPE, PROTOBUF)], answer.encode_to_vec()).into_response()
            }
            Encoding::Json => axum::Json(answer).into_response(),
        }
    }

    /// A failure is a `google.rpc.Status`. With a message alone, OTLP's own `Status` has its very bytes.
    fn refuse(self, status: StatusCode, message: &str) -> Response {
        match self {
            Encoding::Protobuf => {
                let failure = otlp::Status {
                    message: message.to_owned(),
                    code: 0,
                };
                (status, [(CONTENT_TYPE, PROTOBUF)], failure.encode_to_vec()).into_response()
            }
            Encoding::Json => (
                status,
                axum::Json(serde_json::json!({ "message": message })),
            )
                .into_response(),
        }
    }
}

/// Keeps the valid spans, and returns the number of the others.
fn keep(traces: &Traces, request: ExportTraceServiceRequest) -> u64 {
    let mut refused = 0;
    for resource in request.resource_spans {
        let attributes = resource
            .resource
            .map(|it| it.attributes)
            .unwrap_or_default();
        let name = attributes.into_iter().find(|it| it.key == SERVICE_NAME);
        let name = match name.and_then(|name| name.value?.value) {
            Some(Any::StringValue(name)) => cut(name),
            _ => "unknown".to_owned(),
        };
        let service: Arc<str> = name.into();
        let spans = resource.scope_spans.into_iter().flat_map(|it| it.spans);
        traces.add(spans.filter_map(|span| {
            let span = read_span(span, &service);
            refused += u64::from(span.is_none());
            span
        }));
    }
    traces.count_refused(refused);
    refused
}

fn read_span(span: otlp::Span, service: &Arc<str>) -> Option<Span> {
    let kind = span.kind();
    let outcome = match &span.status {
        Some(status) if status.code() == SpanStatus::Error => {
            Outcome::Failed(cut(status.message.clone()))
        }
        _ => Outcome::Fine,
    };
    let attributes = span.attributes.into_iter().take(MAX_ATTRIBUTES);
    Some(Span {
        trace_id: trace_id(&span.trace_id)?,
        span_id: span_id(&span.span_id)?,
        parent: span_id(&span.parent_span_id),
        name: cut(span.name).into(),
        service: service.clone(),
        kind: match kind {
            SpanKind::Server => Kind::Server,
            SpanKind::Client => Kind::Client,
            SpanKind::Producer => Kind::Producer,
            SpanKind::Consumer => Kind::Consumer,
            SpanKind::Internal | SpanKind::Unspecified => Kind::Internal,
        },
        start: span.start_time_unix_nano,
        end: span.end_time_unix_nano.max(span.start_time_unix_nano),
        outcome,
        attributes: attributes.map(read_attribute).collect(),
        events: span
            .events
            .into_iter()
            .take(MAX_EVENTS)
            .map(read_event)
            .collect(),
        links: span
            .links
            .iter()
            .take(MAX_LINKS)
            .filter_map(read_link)
            .collect(),
    })
}

fn read_attribute(attribute: KeyValue) -> (Arc<str>, Value) {
    let value = attribute.value.map_or(Value::Null, read_value);
    (cut(attribute.key).into(), value)
}

fn read_value(value: AnyValue) -> Value {
    match value.value {
        Some(Any::StringValue(text)) => cut(text).into(),
        Some(Any::BoolValue(value)) => value.into(),
        Some(Any::IntValue(number)) => number.into(),
        Some(Any::DoubleValue(number)) => number.into(),
        Some(Any::ArrayValue(list)) => format!("{} values", list.values.len()).into(),
        Some(Any::KvlistValue(map)) => format!("{} members", map.values.len()).into(),
        Some(Any::BytesValue(bytes)) => format!("{} bytes", bytes.len()).into(),
        Some(Any::StringValueStrindex(_)) | None => Value::Null,
    }
}

fn read_event(event: otlp::span::Event) -> Event {
    Event {
        time: event.time_unix_nano,
        name: cut(event.name),
    }
}

fn read_link(link: &otlp::span::Link) -> Option<Link> {
    Some(Link {
        trace_id: trace_id(&link.trace_id)?,
        span_id: span_id(&link.span_id)?,
    })
}

fn trace_id(bytes: &[u8]) -> Option<TraceId> {
    let id = u128::from_be_bytes(bytes.try_into().ok()?);
    (id != 0).then_some(TraceId(id))
}

fn span_id(bytes: &[u8]) -> Option<SpanId> {
    let id = u64::from_be_bytes(bytes.try_into().ok()?);
    (id != 0).then_some(SpanId(id))
}

fn cut(mut text: String) -> String {
    text.truncate(text.floor_char_boundary(MAX_TEXT_BYTES));
    text.shrink_to_fit();
    text
}

#[cfg(test)]
mod tests {
    use http_body_util::BodyExt as _;
    use opentelemetry_proto::tonic::common::v1::ArrayValue;
    use opentelemetry_proto::tonic::resource::v1::Resource;
    use opentelemetry_proto::tonic::trace::v1::{ResourceSpans, ScopeSpans};
    use serde_json::json;

    use super::*;

    fn text(text: &str) -> Option<AnyValue> {
        let value = Some(Any::StringValue(text.to_owned()));
        Some(AnyValue { value })
    }

    fn attribute(key: &str, value: Option<AnyValue>) -> KeyValue {
        KeyValue {
            key: key.to_owned(),
            value,
            ..KeyValue::default()
        }
    }

    fn span() -> otlp::Span {
        otlp::Span {
            trace_id: 7_u128.to_be_bytes().to_vec(),
            span_id: 8_u64.to_be_bytes().to_vec(),
            name: "POST /checkouts".to_owned(),
            kind: SpanKind::Server.into(),
            start_time_unix_nano: 1_000,
            end_time_unix_nano: 3_000,
            ..otlp::Span::default()
        }
    }

    fn request(spans: Vec<otlp::Span>) -> ExportTraceServiceRequest {
        let resource = Resource {
            attributes: vec![attribute(SERVICE_NAME, text("checkout-enqueue"))],
            ..Resource::default()
        };
        let scope_spans = vec![ScopeSpans {
            spans,
            ..ScopeSpans::default()
        }];
        let resource_spans = vec![ResourceSpans {
            resource: Some(resource),
            scope_spans,
            ..ResourceSpans::default()
        }];
        ExportTraceServiceRequest { resource_spans }
    }

    fn post(traces: &Traces, media_type: &str, body: impl Into<Bytes>) -> Response {
        let mut headers = HeaderMap::new();
        headers.insert(CONTENT_TYPE, media_type.parse().expect("a header"));
        receive(traces, &headers, &body.into())
    }

    async fn body(response: Response) -> Bytes {
        let body = response.into_body().collect().await;
        body.expect("a body").to_bytes()
    }

    #[test]
    fn both_encodings_tell_the_same() {
        let mut span = span();
        span.parent_span_id = 9_u64.to_be_bytes().to_vec();
        span.attributes = vec![attribute("order_id", text("o-1"))];
        span.status = Some(otlp::Status {
            message: "no answer".to_owned(),
            code: SpanStatus::Error.into(),
        });
        let request = request(vec![span]);
        for (media_type, body) in [
            (PROTOBUF, request.encode_to_vec()),
            (
                "application/json; charset=utf-8",
                serde_json::to_vec(&request).expect("JSON"),
            ),
        ] {
            let traces = Traces::default();
            let response = post(&traces, media_type, body);
            assert_eq!(response.status(), StatusCode::OK, "{media_type}");
            let kept = traces.kept();
            let [span] = kept.trace(TraceId(7)) else {
                panic!("{media_type}: {kept:?}");
            };
            assert_eq!((span.span_id, span.parent), (SpanId(8), Some(SpanId(9))));
            assert_eq!(
                (&*span.name, &*span.service),
                ("POST /checkouts", "checkout-enqueue")
            );
            assert_eq!(
                (span.kind, span.start, span.end),
                (Kind::Server, 1_000, 3_000)
            );
            assert_eq!(span.outcome, Outcome::Failed("no answer".to_owned()));
            assert_eq!(span.order_id(), Some("o-1"));
        }
    }

    #[tokio::test]
    async fn what_is_no_trace_is_refused_in_words() {
        let traces = Traces::default();
        let cut_off = &request(vec![span()]).encode_to_vec()[..20];
        for (media_type, bytes, status, wanted) in [
            (PROTOBUF, cut_off, 400, "no ExportTraceServiceRequest"),
            (
                PROTOBUF,
                b"\xff\xff\xff\xff\xff".as_slice(),
                400,
                "no ExportTraceServiceRequest",
            ),
            (JSON, b"{", 400, "no ExportTraceServiceRequest"),
            (
                JSON,
                br#"{"resourceSpans": 7}"#,
                400,
                "no ExportTraceServiceRequest",
            ),
            (
                "text/plain",
                b"hello",
                415,
                "application/x-protobuf or application/json",
            ),
            ("", b"", 415, "application/x-protobuf or application/json"),
        ] {
            let response = post(&traces, media_type, bytes.to_vec());
            assert_eq!(response.status().as_u16(), status, "{media_type} {bytes:?}");
            let answer = body(response).await;
            let answer = String::from_utf8_lossy(&answer);
            assert!(answer.contains(wanted), "{answer}");
        }
        let mut headers = HeaderMap::new();
        headers.insert(CONTENT_TYPE, PROTOBUF.parse().expect("a header"));
        headers.insert(CONTENT_ENCODING, "gzip".parse().expect("a header"));
        let response = receive(&traces, &headers, &Bytes::new());
        assert_eq!(response.status(), StatusCode::UNSUPPORTED_MEDIA_TYPE);
        assert_eq!(traces.kept().spans().count(), 0);
    }

    #[tokio::test]
    async fn a_bad_span_does_not_cost_the_good_ones() {
        let traces = Traces::default();
        let nameless = otlp::Span {
            trace_id: vec![0; 16],
            ..span()
        };
        let short = otlp::Span {
            span_id: vec![1; 7],
            ..span()
        };
        let response = post(
            &traces,
            PROTOBUF,
            request(vec![nameless, span(), short]).encode_to_vec(),
        );
        assert_eq!(response.status(), StatusCode::OK);
        let answer = ExportTraceServiceResponse::decode(body(response).await).expect("protobuf");
        assert_eq!(answer.partial_success.map(|it| it.rejected_spans), Some(2));
        let report = serde_json::to_value(traces.report(true)).expect("JSON");
        assert_eq!(
            (&report["spans"], &report["refused_spans"]),
            (&json!(1), &json!(2))
        );
    }

    #[test]
    fn a_huge_span_is_cut() {
        let link = otlp::span::Link {
            trace_id: 1_u128.to_be_bytes().to_vec(),
            span_id: 1_u64.to_be_bytes().to_vec(),
            ..otlp::span::Link::default()
        };
        let list = Any::ArrayValue(ArrayValue {
            values: vec![AnyValue::default(); 100_000],
        });
        let mut attributes = vec![attribute("list", Some(AnyValue { value: Some(list) }))];
        attributes.extend((0..1_000).map(|number| {
            attribute(
                &format!("{number}{}", "k".repeat(10_000)),
                text(&"ü".repeat(10_000)),
            )
        }));
        let huge = otlp::Span {
            name: "n".repeat(1_000_000),
            attributes,
            events: vec![otlp::span::Event::default(); 1_000],
            links: vec![link; 50_000],
            end_time_unix_nano: 1,
            ..span()
        };
        let traces = Traces::default();
        post(&traces, PROTOBUF, request(vec![huge]).encode_to_vec());
        let kept = traces.kept();
        let span = &kept.trace(TraceId(7))[0];
        assert_eq!(span.name.len(), MAX_TEXT_BYTES);
        assert_eq!(span.attributes.len(), MAX_ATTRIBUTES);
        assert_eq!(span.attributes[0].1, "100000 values");
        let long = |value: &Value| {
            value
                .as_str()
                .is_some_and(|text| text.len() > MAX_TEXT_BYTES)
        };
        assert!(
            !span
                .attributes
                .iter()
                .any(|(key, value)| key.len() > MAX_TEXT_BYTES || long(value))
        );
        assert_eq!(
            (span.events.len(), span.links.len()),
            (MAX_EVENTS, MAX_LINKS)
        );
        assert_eq!(span.end, span.start, "a span can't end before it began");
    }
}
