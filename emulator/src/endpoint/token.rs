//! The issuer that the emulator plays: tokens, and the documents by which they are verified.

use std::sync::Arc;

use axum::Json;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::StatusCode;
use axum::http::header::CACHE_CONTROL;
use axum::response::{IntoResponse as _, Response};
use emulator_api::{Grant, Token, paths};
use serde_json::{Value, json};

use super::answers::problem;
use super::state::Endpoint;
use crate::issuer;

/// Issues a token to any caller. The body counts as JSON whatever its content type is, which makes curl's command
/// shorter.
pub(super) async fn token(State(endpoint): State<Arc<Endpoint>>, body: Bytes) -> Response {
    let grant: Grant = match serde_json::from_slice(&body) {
        Ok(grant) => grant,
        Err(error) => {
            let help = format!("expected JSON such as {{\"sub\": \"alice\"}}: {error}");
            return problem(StatusCode::BAD_REQUEST, help);
        }
    };
    if let Some(wrong) = issuer::problem(&grant) {
        return problem(StatusCode::BAD_REQUEST, wrong);
    }
    let Some(authorizer) = endpoint.authorizer() else {
        return problem(StatusCode::NOT_FOUND, "the template has no JWT authorizer");
    };
    match endpoint.issuer.access_token(&grant, authorizer) {
        Ok(access_token) => {
            let token = Token {
                access_token,
                token_type: "Bearer".to_owned(),
                expires_in: issuer::ttl_seconds(&grant),
            };
            ([(CACHE_CONTROL, "no-store")], Json(token)).into_response()
        }
        Err(error) => problem(StatusCode::INTERNAL_SERVER_ERROR, error.to_string()),
    }
}

/// OpenID Connect discovery for the issuer that the emulator plays.
pub(super) async fn discovery(State(endpoint): State<Arc<Endpoint>>) -> Response {
    let Some(authorizer) = endpoint.authorizer() else {
        return problem(StatusCode::NOT_FOUND, "the template has no JWT authorizer");
    };
    Json(json!({
        "issuer": authorizer.issuer,
        "jwks_uri": "/.well-known/jwks.json",
        "token_endpoint": paths::TOKEN,
        "id_token_signing_alg_values_supported": ["RS256"],
        "response_types_supported": ["token"],
        "subject_types_supported": ["public"],
    }))
    .into_response()
}

pub(super) async fn key_set(State(endpoint): State<Arc<Endpoint>>) -> Json<Value> {
    Json(endpoint.issuer.key_set())
}
