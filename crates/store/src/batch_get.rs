//! Reading many items by their keys.

use std::time::{Duration, Instant};

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::types::KeysAndAttributes;

use crate::backoff::Backoff;
use crate::error::StoreError;
use crate::item::Item;

/// Keys in one `BatchGetItem`.
/// Source: Amazon DynamoDB API Reference, `BatchGetItem`.
const MAX_KEYS: usize = 100;

/// How long to ask again for keys that DynamoDB left unprocessed.
const UNPROCESSED_PATIENCE: Duration = Duration::from_secs(5);

/// How fresh an answer must be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Freshness {
    /// Everything written before the read; twice the cost.
    Consistent,
    /// Perhaps a moment old.
    Eventual,
}

/// The items of a table with these keys, in no particular order; absent ones are left out. No key
/// may be given twice.
pub(crate) async fn batch_get(
    client: &Client,
    table: &str,
    keys: impl IntoIterator<Item = Item>,
    freshness: Freshness,
    attributes: Option<&str>,
) -> Result<Vec<Item>, StoreError> {
    let deadline = Instant::now() + UNPROCESSED_PATIENCE;
    let mut backoff = Backoff::default();
    let mut wanted: Vec<Item> = keys.into_iter().collect();
    let mut found = Vec::with_capacity(wanted.len());
    while !wanted.is_empty() {
        let rest = wanted.split_off(wanted.len().min(MAX_KEYS));
        let request = KeysAndAttributes::builder()
            .set_keys(Some(wanted))
            .consistent_read(freshness == Freshness::Consistent)
            .set_projection_expression(attributes.map(str::to_owned))
            .build()
            .map_err(|error| StoreError::Refused(error.to_string()))?;
        let answer = client
            .batch_get_item()
            .request_items(table, request)
            .send()
            .await?;
        let read = answer.responses.and_then(|mut tables| tables.remove(table));
        found.extend(read.unwrap_or_default());
        wanted = rest;
        let left_over = answer
            .unprocessed_keys
            .and_then(|mut tables| tables.remove(table));
        if let Some(left_over) = left_over {
            wanted.extend(left_over.keys);
            let out_of_time = |_| StoreError::Unavailable(format!("{table} left keys unread"));
            backoff.wait(deadline).await.map_err(out_of_time)?;
        }
    }
    Ok(found)
}
