//! `/_local/metrics`: the meter's counts.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Query, State};
use axum::http::header::{ACCEPT, CONTENT_TYPE};
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::response::{IntoResponse as _, Response};
use serde::Deserialize;

use super::state::Endpoint;
use crate::meter;

const PROMETHEUS: HeaderValue =
    HeaderValue::from_static("text/plain; version=0.0.4; charset=utf-8");

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Form {
    format: Option<Format>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Format {
    Json,
    Prometheus,
}

pub(super) async fn read(
    State(endpoint): State<Arc<Endpoint>>,
    Query(form): Query<Form>,
    headers: HeaderMap,
) -> Response {
    let report = endpoint.meter.report(endpoint.function_reports());
    match form.format.unwrap_or_else(|| accepted(&headers)) {
        Format::Json => Json(report).into_response(),
        Format::Prometheus => {
            ([(CONTENT_TYPE, PROMETHEUS)], meter::to_prometheus(&report)).into_response()
        }
    }
}

pub(super) async fn reset(State(endpoint): State<Arc<Endpoint>>) -> StatusCode {
    endpoint.meter.reset(endpoint.function_reports());
    StatusCode::NO_CONTENT
}

/// Prometheus accepts plain text.
fn accepted(headers: &HeaderMap) -> Format {
    let accept = headers.get(ACCEPT).and_then(|value| value.to_str().ok());
    match accept {
        Some(accept) if accept.contains("text/plain") => Format::Prometheus,
        _ => Format::Json,
    }
}
