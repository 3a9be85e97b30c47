//! Lambda's Invoke. Source: Lambda's API reference.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::{Path, State};
use axum::http::header::CONTENT_TYPE;
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::response::{IntoResponse as _, Response};
use bytes::Bytes;
use serde_json::json;

use super::state::Endpoint;
use crate::lambda::{self, InvokeError};
use crate::trace;

pub(super) async fn invoke(
    State(endpoint): State<Arc<Endpoint>>,
    Path(name): Path<String>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let function = endpoint
        .deployed
        .get()
        .and_then(|deployed| deployed.lambda.find(&name));
    let Some(function) = function else {
        let message = format!("Function not found: {name}");
        return lambda_failure(StatusCode::NOT_FOUND, "ResourceNotFoundException", &message);
    };
    let payload = if body.is_empty() {
        Bytes::from_static(b"{}")
    } else {
        body
    };
    if serde_json::from_slice::<serde::de::IgnoredAny>(&payload).is_err() {
        let message = "Could not parse request body into json";
        return lambda_failure(
            StatusCode::BAD_REQUEST,
            "InvalidRequestContentException",
            message,
        );
    }
    let kind = headers
        .get("x-amz-invocation-type")
        .and_then(|value| value.to_str().ok());
    match kind {
        None | Some("RequestResponse") => {
            let trace_id = headers
                .get(trace::HEADER)
                .and_then(|value| value.to_str().ok());
            answer(function.invoke(payload, trace_id.map(str::to_owned)).await)
        }
        Some("Event") => {
            lambda::invoke_event(function.clone(), payload);
            StatusCode::ACCEPTED.into_response()
        }
        Some("DryRun") => StatusCode::NO_CONTENT.into_response(),
        Some(_) => lambda_failure(
            StatusCode::BAD_REQUEST,
            "InvalidParameterValueException",
            "InvocationType is RequestResponse, Event or DryRun",
        ),
    }
}

fn answer(result: Result<Bytes, InvokeError>) -> Response {
    let (function_failed, body) = match result {
        Ok(body) => (false, body),
        Err(InvokeError::Function(body)) => (true, body),
        Err(error @ InvokeError::Throttled) => {
            let status = StatusCode::TOO_MANY_REQUESTS;
            return lambda_failure(status, "TooManyRequestsException", &error.to_string());
        }
        Err(error @ InvokeError::RequestTooLarge) => {
            let status = StatusCode::PAYLOAD_TOO_LARGE;
            return lambda_failure(status, "RequestTooLargeException", &error.to_string());
        }
        Err(error @ InvokeError::ShuttingDown) => {
            let status = StatusCode::INTERNAL_SERVER_ERROR;
            return lambda_failure(status, "ServiceException", &error.to_string());
        }
    };
    let mut response = Response::new(Body::from(body));
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    headers.insert(
        "x-amz-executed-version",
        HeaderValue::from_static("$LATEST"),
    );
    if function_failed {
        headers.insert(
            "x-amz-function-error",
            HeaderValue::from_static("Unhandled"),
        );
    }
    response
}

fn lambda_failure(status: StatusCode, kind: &'static str, message: &str) -> Response {
    let body = json!({ "Type": "User", "Message": message }).to_string();
    let mut response = (status, body).into_response();
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    headers.insert("x-amzn-errortype", HeaderValue::from_static(kind));
    response
}
