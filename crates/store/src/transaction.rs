//! A few writes that belong together: all of them are made, or none.

use std::time::{Duration, Instant};

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::operation::transact_write_items::TransactWriteItemsError;
use aws_sdk_dynamodb::types::{CancellationReason, TransactWriteItem};

use crate::backoff::Backoff;
use crate::error::StoreError;

/// Reasons for a cancellation.
/// Source: Amazon DynamoDB API Reference, `TransactWriteItems`, `TransactionCanceledException`.
pub(crate) const CONDITION_FAILED: &str = "ConditionalCheckFailed";
pub(crate) const REFUSED_ITEM: [&str; 2] = ["ValidationError", "ItemCollectionSizeLimitExceeded"];

/// How long to wait for others who are writing the same items.
pub(crate) const PATIENCE: Duration = Duration::from_secs(3);

/// Why nothing was written.
#[derive(Debug)]
pub(crate) enum NotWritten {
    /// A condition failed: a reason for each write, in their order.
    Condition(Vec<CancellationReason>),
    /// The tables could not be written.
    Store(StoreError),
}

/// Makes all the writes, or none. One whose answer was lost is not made again: the SDK gives each
/// request a token, by which DynamoDB knows it again.
pub(crate) async fn write_together(
    client: &Client,
    writes: Vec<TransactWriteItem>,
) -> Result<(), NotWritten> {
    let deadline = Instant::now() + PATIENCE;
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
        let reasons = match error.as_service_error() {
            Some(TransactWriteItemsError::TransactionCanceledException(cancelled)) => {
                cancelled.cancellation_reasons().to_vec()
            }
            _ => return Err(NotWritten::Store(error.into())),
        };
        let codes = || reasons.iter().filter_map(CancellationReason::code);
        if codes().any(|code| code == CONDITION_FAILED) {
            return Err(NotWritten::Condition(reasons));
        }
        if codes().any(|code| REFUSED_ITEM.contains(&code)) {
            return Err(NotWritten::Store(error.into()));
        }
        if backoff.wait(deadline).await.is_err() {
            let said = format!("others keep writing the same items: {reasons:?}");
            return Err(NotWritten::Store(StoreError::Unavailable(said)));
        }
    }
}

/// Whether this write's own condition failed.
pub(crate) fn condition_failed(reason: &CancellationReason) -> bool {
    reason.code() == Some(CONDITION_FAILED)
}
