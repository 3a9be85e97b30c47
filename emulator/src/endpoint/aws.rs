//! Calls of DynamoDB and SQS: finds the service, and meters its answer.

use std::sync::Arc;
use std::time::Instant;

use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::Response;
use bytes::Bytes;

use super::state::{Aws, Endpoint};
use crate::meter::{Meter, MeteredCall};
use crate::services::{Call, Service};
use crate::{aws_error, caller};

const UNKNOWN_OPERATION: &str = "UnknownOperationException";

pub(super) async fn handle(
    State(endpoint): State<Arc<Endpoint>>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let services = match &endpoint.aws {
        Aws::Here(services) => services,
        Aws::Elsewhere(url) => {
            let message = format!("DynamoDB and SQS are at {url}");
            return aws_error::bad_request(UNKNOWN_OPERATION, &message);
        }
    };
    let target = headers
        .get("x-amz-target")
        .and_then(|value| value.to_str().ok())
        .unwrap_or("");
    let Some((service, operation)) = services.find(target) else {
        let known = services.targets().join(", ");
        let message = format!("the emulator answers where X-Amz-Target begins with one of {known}");
        return aws_error::bad_request(UNKNOWN_OPERATION, &message);
    };
    let call = Call {
        operation: operation.to_owned(),
        caller: caller::identify(&headers),
        headers,
        body,
    };
    answer(service, &call, &endpoint.meter).await
}

/// Every call of a service passes here.
async fn answer(service: &dyn Service, call: &Call, meter: &Meter) -> Response {
    tracing::debug!(
        operation = %call.operation,
        caller = ?call.caller,
        bytes = call.body.len(),
        "AWS call"
    );
    let begun = Instant::now();
    let answer = service.answer(call).await;
    meter.count(&MeteredCall {
        caller: &call.caller,
        service: service.prefix(),
        operation: &call.operation,
        permissions: &answer.permissions,
        consumption: answer.consumption,
        took: begun.elapsed(),
    });
    answer.response
}
