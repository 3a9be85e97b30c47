//! The DynamoDB and SQS that the shops use: the emulator's own, or those at another endpoint. So the same tests can run
//! over MiniStack or LocalStack.

use std::env;

/// The variable with the endpoint of another DynamoDB and SQS, such as `http://127.0.0.1:4566`.
const ENDPOINT_VARIABLE: &str = "HEDONIFY_AWS_ENDPOINT";

/// The other endpoint, if the tests run over one.
pub(crate) fn endpoint() -> Option<String> {
    let endpoint = env::var(ENDPOINT_VARIABLE).ok();
    endpoint.filter(|endpoint| !endpoint.is_empty())
}

/// The name of the backend, for messages.
pub(crate) fn name() -> String {
    match endpoint() {
        Some(endpoint) => format!("DynamoDB and SQS at {endpoint}"),
        None => "the emulator's own DynamoDB and SQS".to_owned(),
    }
}
