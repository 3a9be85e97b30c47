//! `/_local/`: what only a local cloud has. Tokens, health, the functions' processes and log lines.

use std::sync::Arc;

use axum::Json;
use axum::body::Bytes;
use axum::extract::{Query, State};
use axum::http::StatusCode;
use axum::http::header::CACHE_CONTROL;
use axum::response::{IntoResponse as _, Response};
use serde::Deserialize;
use serde_json::{Value, json};

use super::Edge;
use crate::issuer::Grant;
use crate::template::Authorizer;

const DEFAULT_LOG_LINES: usize = 100;

pub(super) async fn health(State(edge): State<Arc<Edge>>) -> Response {
    match edge.deployed.get() {
        Some(deployed) => {
            let pid = std::process::id();
            let health = json!({ "status": "ok", "api_url": deployed.api_url, "pid": pid });
            Json(health).into_response()
        }
        None => (
            StatusCode::SERVICE_UNAVAILABLE,
            Json(json!({ "status": "starting" })),
        )
            .into_response(),
    }
}

pub(super) async fn functions(State(edge): State<Arc<Edge>>) -> Json<Value> {
    Json(json!({ "functions": edge.function_reports() }))
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct LogsQuery {
    function: Option<String>,
    limit: Option<usize>,
}

pub(super) async fn logs(
    State(edge): State<Arc<Edge>>,
    Query(query): Query<LogsQuery>,
) -> Json<Value> {
    let limit = query.limit.unwrap_or(DEFAULT_LOG_LINES);
    let lines = edge
        .deployed
        .get()
        .map(|deployed| {
            deployed
                .lambda
                .logs()
                .last(limit, query.function.as_deref())
        })
        .unwrap_or_default();
    Json(json!({ "lines": lines }))
}

/// Gives a token to anybody. The body is read whatever its content type says, for curl's sake.
pub(super) async fn token(State(edge): State<Arc<Edge>>, body: Bytes) -> Response {
    let grant: Grant = match serde_json::from_slice(&body) {
        Ok(grant) => grant,
        Err(error) => {
            let help = format!("expected JSON such as {{\"sub\": \"alice\"}}: {error}");
            return problem(StatusCode::BAD_REQUEST, &help);
        }
    };
    if let Some(wrong) = grant.problem() {
        return problem(StatusCode::BAD_REQUEST, wrong);
    }
    let Some(authorizer) = authorizer(&edge) else {
        return problem(StatusCode::NOT_FOUND, "the template has no JWT authorizer");
    };
    match edge.issuer.access_token(&grant, authorizer) {
        Ok(token) => {
            let body = Json(json!({
                "access_token": token,
                "token_type": "Bearer",
                "expires_in": grant.ttl_seconds(),
            }));
            ([(CACHE_CONTROL, "no-store")], body).into_response()
        }
        Err(error) => problem(StatusCode::INTERNAL_SERVER_ERROR, &error.to_string()),
    }
}

/// The default authorizer, or the only one there is.
fn authorizer(edge: &Edge) -> Option<&Authorizer> {
    let api = &edge.deployed.get()?.api;
    match &api.default_authorizer {
        Some(name) => api.authorizers.get(name),
        None => api.authorizers.values().next(),
    }
}

/// OpenID Connect discovery for the issuer that the emulator plays.
pub(super) async fn discovery(State(edge): State<Arc<Edge>>) -> Response {
    let Some(authorizer) = authorizer(&edge) else {
        return problem(StatusCode::NOT_FOUND, "the template has no JWT authorizer");
    };
    Json(json!({
        "issuer": authorizer.issuer,
        "jwks_uri": "/.well-known/jwks.json",
        "token_endpoint": "/_local/token",
        "id_token_signing_alg_values_supported": ["RS256"],
        "response_types_supported": ["token"],
        "subject_types_supported": ["public"],
    }))
    .into_response()
}

pub(super) async fn key_set(State(edge): State<Arc<Edge>>) -> Json<Value> {
    Json(edge.issuer.key_set())
}

pub(crate) fn problem(status: StatusCode, message: &str) -> Response {
    (status, Json(json!({ "message": message }))).into_response()
}
