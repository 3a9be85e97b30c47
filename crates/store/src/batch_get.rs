//! Reading many items by their keys, of one table or of several at once.

use std::array;
use std::mem;
use std::time::Instant;

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::types::KeysAndAttributes;

use crate::error::StoreError;
use crate::item::Item;
use crate::patience::{Backoff, UNPROCESSED_PATIENCE};

/// Keys in one `BatchGetItem`, of all its tables together.
/// Source: Amazon DynamoDB API Reference, `BatchGetItem`.
const MAX_KEYS: usize = 100;

/// How fresh an answer must be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Freshness {
    /// Everything written before the read; twice the cost.
    Consistent,
    /// Perhaps a moment old.
    Eventual,
}

/// What is wanted of one table.
#[derive(Debug)]
pub(crate) struct Wanted<'a> {
    pub(crate) table: &'a str,
    /// Which items; none twice.
    pub(crate) keys: Vec<Item>,
    pub(crate) freshness: Freshness,
    /// Which of their attributes: all if `None`.
    pub(crate) attributes: Option<&'a str>,
}

impl Wanted<'_> {
    /// Takes up to `room` of the keys, as a part of a request.
    fn take(&mut self, room: usize) -> Result<Option<KeysAndAttributes>, StoreError> {
        let rest = self.keys.split_off(self.keys.len().min(room));
        let keys = mem::replace(&mut self.keys, rest);
        if keys.is_empty() {
            return Ok(None);
        }
        KeysAndAttributes::builder()
            .set_keys(Some(keys))
            .consistent_read(self.freshness == Freshness::Consistent)
            .set_projection_expression(self.attributes.map(str::to_owned))
            .build()
            .map(Some)
            .map_err(|error| StoreError::Refused(error.to_string()))
    }
}

/// The items of each table, in no particular order; absent ones are left out. No table may be named
/// twice.
pub(crate) async fn batch_get<const TABLES: usize>(
    client: &Client,
    mut wanted: [Wanted<'_>; TABLES],
) -> Result<[Vec<Item>; TABLES], StoreError> {
    let deadline = Instant::now() + UNPROCESSED_PATIENCE;
    let mut backoff = Backoff::default();
    let mut found = array::from_fn(|_| Vec::new());
    while wanted.iter().any(|table| !table.keys.is_empty()) {
        let mut request = client.batch_get_item();
        let mut room = MAX_KEYS;
        for table in &mut wanted {
            if let Some(part) = table.take(room)? {
                room -= part.keys().len();
                request = request.request_items(table.table, part);
            }
        }
        let answer = request.send().await?;
        let mut read = answer.responses.unwrap_or_default();
        let mut left_over = answer.unprocessed_keys.unwrap_or_default();
        let busy = !left_over.is_empty();
        for (table, found) in wanted.iter_mut().zip(&mut found) {
            found.extend(read.remove(table.table).unwrap_or_default());
            let again = left_over.remove(table.table);
            table
                .keys
                .extend(again.into_iter().flat_map(|left| left.keys));
        }
        if busy && backoff.wait(deadline).await.is_err() {
            let unread = wanted.iter().filter(|table| !table.keys.is_empty());
            let tables: Vec<&str> = unread.map(|table| table.table).collect();
            let left = format!("{} left keys unread", tables.join(" and "));
            return Err(StoreError::Unavailable(left));
        }
    }
    Ok(found)
}
