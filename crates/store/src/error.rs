//! What can go wrong between the shop and its books.

use std::error::Error;

use aws_sdk_dynamodb::error::{ProvideErrorMetadata, SdkError};

/// Why the books could not be read or written.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// Throttled, in conflict, unreachable or too slow: the same call may succeed later.
    #[error("try again later: {0}")]
    Unavailable(String),
    /// The service will never take this request.
    #[error("refused: {0}")]
    Refused(String),
    /// An item in a table is not what the shop writes there.
    #[error("corrupt item: {attribute} {problem}")]
    Corrupt {
        /// The attribute that cannot be read.
        attribute: &'static str,
        /// What is wrong with it.
        problem: String,
    },
}

/// Error codes that pass by themselves.
/// Source: "Error handling with DynamoDB", Amazon DynamoDB Developer Guide (the errors marked as
/// to be retried), and "Common errors", Amazon SQS API Reference.
const PASSING: [&str; 12] = [
    "InternalServerError",
    "InternalFailure",
    "InternalError",
    "ServiceUnavailable",
    "ThrottlingException",
    "Throttling",
    "RequestThrottled",
    "RequestLimitExceeded",
    "ProvisionedThroughputExceededException",
    "TransactionConflictException",
    "TransactionInProgressException",
    "LimitExceededException",
];

impl<E, R> From<SdkError<E, R>> for StoreError
where
    E: ProvideErrorMetadata + Error + Send + Sync + 'static,
    R: std::fmt::Debug + Send + Sync + 'static,
{
    fn from(error: SdkError<E, R>) -> StoreError {
        let said = causes(&error);
        match &error {
            SdkError::ServiceError(service) => match service.err().code() {
                Some(code) if PASSING.contains(&code) => StoreError::Unavailable(said),
                Some(_) => StoreError::Refused(said),
                // An answer with no code is not the service's own: a proxy's, or a broken one.
                None => StoreError::Unavailable(said),
            },
            SdkError::ConstructionFailure(_) => StoreError::Refused(said),
            _ => StoreError::Unavailable(said),
        }
    }
}

/// The error and its causes. The SDK's own way of showing them adds the whole answer, which may hold
/// somebody's order, and goes into the log.
fn causes(error: &dyn Error) -> String {
    let chain = std::iter::successors(Some(error), |&error| error.source());
    let said: Vec<String> = chain.map(ToString::to_string).collect();
    said.join(": ")
}
