//! What can go wrong between the shop and its books.

use std::error::Error;

use aws_sdk_dynamodb::error::{ProvideErrorMetadata, SdkError};

/// Why the books could not be read or written.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// Throttled, in conflict, unreachable, too slow or not allowed: the same call may succeed later.
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

/// Error codes that speak of the request itself. All others may pass: throttles and conflicts by
/// themselves, a missing permission or an expired token once operators see to it. Nobody's order is to
/// blame for those.
/// Source: "Error handling with DynamoDB", Amazon DynamoDB Developer Guide.
const REFUSING: [&str; 2] = [
    "ValidationException",
    "ItemCollectionSizeLimitExceededException",
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
                Some(code) if REFUSING.contains(&code) => StoreError::Refused(said),
                _ => StoreError::Unavailable(said),
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
