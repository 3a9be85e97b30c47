//! Whose DynamoDB and SQS the shops use: the local cloud's own, or those at another endpoint, so that
//! the same tests show whether the shop's promises hold on a cloud that is not ours.

use std::env;

/// Names another DynamoDB and SQS, such as `http://127.0.0.1:4566`.
const ENDPOINT_VARIABLE: &str = "HEDONIFY_AWS_ENDPOINT";

/// The other DynamoDB and SQS, if the tests are run over one. Says which side it is, for the output of
/// a test that fails.
pub(crate) fn aws_endpoint() -> Option<String> {
    let endpoint = env::var(ENDPOINT_VARIABLE)
        .ok()
        .filter(|endpoint| !endpoint.is_empty());
    match &endpoint {
        Some(endpoint) => println!("this runs on DynamoDB and SQS at {endpoint}"),
        None => println!("this runs on the local cloud's own DynamoDB and SQS"),
    }
    endpoint
}
