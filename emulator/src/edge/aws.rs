//! AWS calls: which service, which operation, who calls; then the one place that every call passes.

use std::sync::Arc;
use std::time::Instant;

use axum::body::Body;
use axum::extract::{Path, State};
use axum::http::header::CONTENT_TYPE;
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::response::{IntoResponse as _, Response};
use bytes::Bytes;
use serde_json::{Value, json};

use super::caller::{self, Caller};
use super::metered::Answer;
use super::{Data, DataServices, Edge};
use crate::lambda::{self, InvokeError};
use crate::request::{Request, Service};
use crate::trace;

const DYNAMODB_TARGET: &str = "DynamoDB_20120810.";
const DYNAMODB_STREAMS_TARGET: &str = "DynamoDBStreams_20120810.";
const SQS_TARGET: &str = "AmazonSQS.";
const AMZ_JSON: HeaderValue = HeaderValue::from_static("application/x-amz-json-1.0");

/// A call of DynamoDB or SQS.
#[derive(Debug)]
pub(super) struct Call {
    pub(super) service: Service,
    /// Such as `TransactWriteItems`.
    pub(super) operation: String,
    pub(super) caller: Caller,
    pub(super) headers: HeaderMap,
    pub(super) body: Bytes,
}

pub(super) async fn handle(
    State(edge): State<Arc<Edge>>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let target = headers
        .get("x-amz-target")
        .and_then(|value| value.to_str().ok())
        .unwrap_or("");
    let (service, operation) = if let Some(operation) = target.strip_prefix(SQS_TARGET) {
        (Service::Sqs, operation)
    } else if let Some(operation) = target
        .strip_prefix(DYNAMODB_TARGET)
        .or_else(|| target.strip_prefix(DYNAMODB_STREAMS_TARGET))
    {
        (Service::DynamoDb, operation)
    } else {
        return refuse(
            "UnknownOperationException",
            "the emulator answers DynamoDB (X-Amz-Target: DynamoDB_20120810.…) and SQS (AmazonSQS.…)",
        );
    };
    let operation = operation.to_owned();
    let caller = caller::identify(&headers);
    edge.pass(Call {
        service,
        operation,
        caller,
        headers,
        body,
    })
    .await
}

impl Edge {
    /// Every AWS call passes here, with its operation and caller known and its body at hand.
    async fn pass(&self, call: Call) -> Response {
        tracing::debug!(
            operation = %call.operation,
            caller = ?call.caller,
            bytes = call.body.len(),
            "AWS call"
        );
        let here = match &self.data {
            Data::Here(here) => here,
            Data::Elsewhere(endpoint) => {
                let message = format!("DynamoDB and SQS are at {endpoint}");
                return refuse("UnknownOperationException", &message);
            }
        };
        let begun = Instant::now();
        // What is still wanted when the call has gone to its service.
        let (service, caller) = (call.service, call.caller.clone());
        let (operation, body) = (call.operation.clone(), call.body.clone());
        let request = Request::read(&operation, &body);
        let answer = self.answer(here, call, request.as_ref()).await;
        let permissions = request.as_ref().map(Request::permissions);
        self.meter.count(
            &caller,
            service,
            &operation,
            permissions.as_deref().unwrap_or_default(),
            &answer.entry(begun.elapsed()),
        );
        answer.response
    }

    /// The service's answer, when it has it or when AWS would have it.
    async fn answer(
        &self,
        here: &DataServices,
        call: Call,
        request: Option<&Request<'_>>,
    ) -> Answer {
        let simulation = match &self.simulation {
            // AWS polls queues with many pollers at once, so their latency holds nothing up.
            Some(simulation) if call.caller != Caller::Emulator => simulation,
            _ => return here.call(call, request).await,
        };
        let admission = simulation.admit(&call.operation, request);
        let answer = match &admission.refusal {
            Some(refusal) => Answer::refused(refusal, &call.operation, request),
            None => here.call(call, request).await,
        };
        admission.complete().await;
        answer
    }
}

/// A failure in the JSON protocol that DynamoDB and SQS share.
pub(super) fn refuse(kind: &str, message: &str) -> Response {
    failure(StatusCode::BAD_REQUEST, kind, message)
}

pub(super) fn failure(status: StatusCode, kind: &str, message: &str) -> Response {
    failure_with(status, &json!({ "__type": kind, "message": message }))
}

/// A failure that tells more than its kind and a message.
pub(crate) fn failure_with(status: StatusCode, body: &Value) -> Response {
    let mut response = (status, body.to_string()).into_response();
    response.headers_mut().insert(CONTENT_TYPE, AMZ_JSON);
    response
}

/// Lambda's Invoke. Source: Lambda's API reference.
pub(super) async fn invoke(
    State(edge): State<Arc<Edge>>,
    Path(name): Path<String>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let function = edge
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
