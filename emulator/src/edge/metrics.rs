//! `/_local/metrics`: what the meter counted.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Query, State};
use axum::http::header::{ACCEPT, CONTENT_TYPE};
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::response::{IntoResponse as _, Response};
use serde::Deserialize;

use super::Edge;
use crate::lambda;

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
    State(edge): State<Arc<Edge>>,
    Query(form): Query<Form>,
    headers: HeaderMap,
) -> Response {
    let report = edge.meter.report(edge.function_reports());
    match form.format.unwrap_or_else(|| accepted(&headers)) {
        Format::Json => Json(report).into_response(),
        Format::Prometheus => {
            ([(CONTENT_TYPE, PROMETHEUS)], report.to_prometheus()).into_response()
        }
    }
}

pub(super) async fn reset(State(edge): State<Arc<Edge>>) -> StatusCode {
    edge.meter.reset(edge.function_reports());
    StatusCode::NO_CONTENT
}

/// Prometheus says that it takes plain text.
fn accepted(headers: &HeaderMap) -> Format {
    let accept = headers.get(ACCEPT).and_then(|value| value.to_str().ok());
    match accept {
        Some(accept) if accept.contains("text/plain") => Format::Prometheus,
        _ => Format::Json,
    }
}

impl Edge {
    /// What the functions count of themselves; nothing before they are deployed.
    pub(super) fn function_reports(&self) -> Vec<lambda::Report> {
        let deployed = self.deployed.get();
        deployed
            .map(|deployed| {
                deployed
                    .lambda
                    .functions()
                    .map(|one| one.report())
                    .collect()
            })
            .unwrap_or_default()
    }
}
