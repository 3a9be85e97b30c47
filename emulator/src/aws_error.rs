//! Failures in the JSON protocol that DynamoDB and SQS share.

use axum::http::header::CONTENT_TYPE;
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse as _, Response};
use serde_json::{Value, json};

pub(crate) const AMZ_JSON: HeaderValue = HeaderValue::from_static("application/x-amz-json-1.0");

/// Status 400.
pub(crate) fn bad_request(kind: &str, message: &str) -> Response {
    failure(StatusCode::BAD_REQUEST, kind, message)
}

pub(crate) fn failure(status: StatusCode, kind: &str, message: &str) -> Response {
    failure_with(status, &json!({ "__type": kind, "message": message }))
}

/// A failure with other members than a kind and a message.
pub(crate) fn failure_with(status: StatusCode, body: &Value) -> Response {
    let mut response = (status, body.to_string()).into_response();
    response.headers_mut().insert(CONTENT_TYPE, AMZ_JSON);
    response
}
