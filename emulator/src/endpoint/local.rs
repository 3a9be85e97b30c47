//! `/_local/`: health, the functions' processes and their log lines.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Query, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Response};
use emulator_api::{Functions, Health, Logs};
use serde::Deserialize;

use super::state::Endpoint;

const DEFAULT_LOG_LINES: usize = 100;

pub(super) async fn health(State(endpoint): State<Arc<Endpoint>>) -> Response {
    match endpoint.deployed.get() {
        Some(deployed) => Json(Health::Ok {
            api_url: deployed.api_url.clone(),
            pid: std::process::id(),
        })
        .into_response(),
        None => (StatusCode::SERVICE_UNAVAILABLE, Json(Health::Starting)).into_response(),
    }
}

pub(super) async fn functions(State(endpoint): State<Arc<Endpoint>>) -> Json<Functions> {
    Json(Functions {
        functions: endpoint.function_reports(),
    })
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct LogsQuery {
    function: Option<String>,
    limit: Option<usize>,
}

pub(super) async fn logs(
    State(endpoint): State<Arc<Endpoint>>,
    Query(query): Query<LogsQuery>,
) -> Json<Logs> {
    let limit = query.limit.unwrap_or(DEFAULT_LOG_LINES);
    let last = |logs: &crate::lambda::Logs| logs.last(limit, query.function.as_deref());
    let deployed = endpoint.deployed.get();
    Json(Logs {
        lines: deployed
            .map(|deployed| last(deployed.lambda.logs()))
            .unwrap_or_default(),
    })
}
