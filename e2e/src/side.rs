//! Whose DynamoDB and SQS the shops use: the local cloud's own, or those at another endpoint, so that
//! the same tests show whether the shop's promises hold on a cloud that is not ours.

use std::env;
use std::panic;
use std::sync::Once;

/// Names another DynamoDB and SQS, such as `http://127.0.0.1:4566`.
const ENDPOINT_VARIABLE: &str = "HEDONIFY_AWS_ENDPOINT";

/// The other DynamoDB and SQS, if the tests are run over one.
pub(crate) fn aws_endpoint() -> Option<String> {
    env::var(ENDPOINT_VARIABLE)
        .ok()
        .filter(|endpoint| !endpoint.is_empty())
}

/// From now on every failure says on which side it happened.
pub(crate) fn name_in_failures() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let side = match aws_endpoint() {
            Some(endpoint) => format!("DynamoDB and SQS at {endpoint}"),
            None => "the local cloud's own DynamoDB and SQS".to_owned(),
        };
        let print = panic::take_hook();
        panic::set_hook(Box::new(move |failure| {
            print(failure);
            eprintln!("this ran on {side}");
        }));
    });
}
