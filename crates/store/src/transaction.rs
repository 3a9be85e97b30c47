//! A few writes that belong together: all of them are made, or none.

use std::time::{Duration, Instant};

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::config::retry::RetryConfig;
use aws_sdk_dynamodb::config::timeout::TimeoutConfig;
use aws_sdk_dynamodb::error::SdkError;
use aws_sdk_dynamodb::operation::transact_write_items::TransactWriteItemsError;
use aws_sdk_dynamodb::types::{CancellationReason, TransactWriteItem};

use crate::error::StoreError;
use crate::patience::{Backoff, CONFLICT_PATIENCE};

/// Reasons for a cancellation.
/// Source: Amazon DynamoDB API Reference, `TransactWriteItems`, `TransactionCanceledException`.
const CONDITION_FAILED: &str = "ConditionalCheckFailed";
const REFUSED_ITEM: [&str; 2] = ["ValidationError", "ItemCollectionSizeLimitExceeded"];

/// Why nothing was written.
#[derive(Debug)]
pub(crate) enum NotWritten {
    /// A condition failed: a reason for each write, in their order.
    Condition(Vec<CancellationReason>),
    /// The tables could not be written.
    Store(StoreError),
}

/// What became of one transaction.
#[derive(Debug)]
pub(crate) enum Outcome {
    Committed,
    /// A reason for each write, in their order.
    Cancelled(Vec<CancellationReason>),
    /// Perhaps later; perhaps committed, and only the answer is lost.
    Unavailable(StoreError),
    /// Never, and it is not said which write is to blame.
    Refused(StoreError),
}

/// Makes all the writes, or none, in one try. The caller waits and tries again itself, since it knows
/// the deadline and learns from a cancellation; the SDK's own retries would hide both.
pub(crate) async fn transact_once(
    client: &Client,
    writes: &[TransactWriteItem],
    time_left: Duration,
) -> Outcome {
    let no_retries = aws_sdk_dynamodb::Config::builder()
        .retry_config(RetryConfig::disabled())
        .timeout_config(
            TimeoutConfig::builder()
                .operation_timeout(time_left)
                .build(),
        );
    let answer = client
        .transact_write_items()
        .set_transact_items(Some(writes.to_vec()))
        .customize()
        .config_override(no_retries)
        .send()
        .await;
    let error = match answer {
        Ok(_) => return Outcome::Committed,
        Err(error) => error,
    };
    if let Some(reasons) = cancellation_reasons(&error) {
        return Outcome::Cancelled(reasons.to_vec());
    }
    match StoreError::from(error) {
        refused @ StoreError::Refused(_) => Outcome::Refused(refused),
        passing @ (StoreError::Unavailable(_) | StoreError::Corrupt { .. }) => {
            Outcome::Unavailable(passing)
        }
    }
}

/// Makes all the writes, or none. One whose answer was lost is not made again: the SDK gives each
/// request a token, by which DynamoDB knows it again.
pub(crate) async fn write_together(
    client: &Client,
    writes: Vec<TransactWriteItem>,
) -> Result<(), NotWritten> {
    let deadline = Instant::now() + CONFLICT_PATIENCE;
    let mut backoff = Backoff::default();
    loop {
        let answer = client
            .transact_write_items()
            .set_transact_items(Some(writes.clone()))
            .send()
            .await;
        let error = match answer {
            Ok(_) => return Ok(()),
            Err(error) => error,
        };
        let Some(reasons) = cancellation_reasons(&error) else {
            return Err(NotWritten::Store(error.into()));
        };
        if reasons.iter().any(condition_failed) {
            return Err(NotWritten::Condition(reasons.to_vec()));
        }
        if reasons.iter().any(is_refused) {
            let said = format!("{:?}", codes(reasons));
            return Err(NotWritten::Store(StoreError::Refused(said)));
        }
        if backoff.wait(deadline).await.is_err() {
            let said = "others keep writing the same items".to_owned();
            return Err(NotWritten::Store(StoreError::Unavailable(said)));
        }
    }
}

/// Why a transaction was cancelled, by a reason for each write; if it was.
pub(crate) fn cancellation_reasons<R>(
    error: &SdkError<TransactWriteItemsError, R>,
) -> Option<&[CancellationReason]> {
    match error.as_service_error()? {
        TransactWriteItemsError::TransactionCanceledException(cancelled) => {
            Some(cancelled.cancellation_reasons())
        }
        _ => None,
    }
}

/// The codes of reasons: all that may be logged of them, since a reason can hold an item.
fn codes(reasons: &[CancellationReason]) -> Vec<&str> {
    reasons
        .iter()
        .filter_map(CancellationReason::code)
        .collect()
}

/// Whether the tables will never take this write.
pub(crate) fn is_refused(reason: &CancellationReason) -> bool {
    reason
        .code()
        .is_some_and(|code| REFUSED_ITEM.contains(&code))
}

/// Whether this write's own condition failed.
pub(crate) fn condition_failed(reason: &CancellationReason) -> bool {
    reason.code() == Some(CONDITION_FAILED)
}
