//! Whose DynamoDB and SQS the shops use: the local cloud's own, or those at another endpoint, so that
//! the same tests show whether the shop's promises hold on a cloud that is not ours.

use std::env;

/// Names another DynamoDB and SQS, such as `http://127.0.0.1:4566`.
const ENDPOINT_VARIABLE: &str = "HEDONIFY_AWS_ENDPOINT";

/// The other DynamoDB and SQS, if the tests are run over one.
pub(crate) fn aws_endpoint() -> Option<String> {
    let endpoint = env::var(ENDPOINT_VARIABLE).ok();
    endpoint.filter(|endpoint| !endpoint.is_empty())
}

/// Whose DynamoDB and SQS the shops use, in words.
pub(crate) fn name() -> String {
    match aws_endpoint() {
        Some(endpoint) => format!("DynamoDB and SQS at {endpoint}"),
        None => "the local cloud's own DynamoDB and SQS".to_owned(),
    }
}
