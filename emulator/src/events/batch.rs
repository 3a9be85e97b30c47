//! Gathers messages into a batch.
//!
//! A batch is sent when it has its full size, when the window since its first message ends, or when one more
//! message would make the event larger than Lambda takes: whatever comes first. Without a window, it is what one receive
//! brought, at most 10 messages.
//! Source: Lambda's developer guide, "Understanding polling and batching behavior for Amazon SQS event source mappings".

use std::time::Duration;

use aws_sdk_sqs::Client;
use aws_sdk_sqs::types::{Message, MessageSystemAttributeName};
use futures_util::future::join_all;
use tokio::time::Instant;

use super::record::Record;
use crate::template::QueueSource;

/// Most messages that SQS gives at once.
const MAX_RECEIVED: usize = 10;
/// SQS's longest long poll.
const LONG_POLL: Duration = Duration::from_secs(20);
/// Receives that run side by side when the queue is deep.
const MAX_PARALLEL_RECEIVES: usize = 10;
/// Lambda's limit on an event, in bytes.
const MAX_EVENT_BYTES: usize = 6 * 1024 * 1024;
const EVENT_FRAME: (&[u8], &[u8]) = (b"{\"Records\":[", b"]}");
/// Pauses between receives of a drained queue while a window is open.
const MIN_PAUSE: Duration = Duration::from_millis(10);
const MAX_PAUSE: Duration = Duration::from_millis(80);
/// Pause after a call that failed, doubled up to the longest.
const MIN_RETRY_PAUSE: Duration = Duration::from_millis(100);
const MAX_RETRY_PAUSE: Duration = Duration::from_secs(5);

/// A message with its part of the event.
#[derive(Debug)]
pub(super) struct Item {
    pub(super) record: Record,
    json: Vec<u8>,
    received: Instant,
}

/// The next invocation's messages.
#[derive(Debug, Default)]
pub(super) struct Batch {
    pub(super) items: Vec<Item>,
    bytes: usize,
}

impl Batch {
    /// The event for the function.
    pub(super) fn event(&self) -> Vec<u8> {
        let mut event = Vec::with_capacity(self.bytes + EVENT_FRAME.0.len() + EVENT_FRAME.1.len());
        event.extend_from_slice(EVENT_FRAME.0);
        for (index, item) in self.items.iter().enumerate() {
            if index > 0 {
                event.push(b',');
            }
            event.extend_from_slice(&item.json);
        }
        event.extend_from_slice(EVENT_FRAME.1);
        event
    }

    fn fits(&self, item: &Item) -> bool {
        let frame = EVENT_FRAME.0.len() + EVENT_FRAME.1.len();
        self.items.is_empty() || self.bytes + item.json.len() + 1 + frame <= MAX_EVENT_BYTES
    }

    fn add(&mut self, item: Item) {
        self.bytes += item.json.len() + 1;
        self.items.push(item);
    }
}

/// Takes messages from a queue, batch by batch.
#[derive(Debug)]
pub(super) struct Gatherer {
    sqs: Client,
    source: QueueSource,
    region: String,
    /// Received, but too large for the batch before.
    left_over: Vec<Item>,
    retry_pause: Duration,
}

impl Gatherer {
    pub(super) fn new(sqs: Client, source: QueueSource, region: String) -> Self {
        Gatherer {
            sqs,
            source,
            region,
            left_over: Vec::new(),
            retry_pause: MIN_RETRY_PAUSE,
        }
    }

    /// Waits for a message, however long it takes, and gathers its batch.
    pub(super) async fn next_batch(&mut self) -> Batch {
        let mut batch = Batch::default();
        let mut pending = std::mem::take(&mut self.left_over);
        let mut asked = MAX_RECEIVED.min(self.source.batch_size);
        while pending.is_empty() {
            pending = self.receive(asked, LONG_POLL).await;
        }
        // Messages left over have waited in a window already.
        let opened = pending
            .iter()
            .map(|item| item.received)
            .min()
            .unwrap_or_else(Instant::now);
        let closes = opened + self.source.window;
        let mut pause = MIN_PAUSE;
        loop {
            let drained = pending.len() < asked;
            if !self.fill(&mut batch, pending) {
                return batch;
            }
            let missing = self.source.batch_size.saturating_sub(batch.items.len());
            let left = closes.saturating_duration_since(Instant::now());
            if missing == 0 || left.is_zero() {
                return batch;
            }
            asked = missing.min(MAX_RECEIVED * MAX_PARALLEL_RECEIVES);
            if drained {
                tokio::time::sleep(pause.min(left)).await;
                pause = (pause * 2).min(MAX_PAUSE);
                asked = missing.min(MAX_RECEIVED);
            }
            pending = self.receive(asked, Duration::ZERO).await;
            if !pending.is_empty() {
                pause = MIN_PAUSE;
            }
        }
    }

    /// Puts the messages into the batch. False if one didn't fit: it and those after it are left over.
    fn fill(&mut self, batch: &mut Batch, items: Vec<Item>) -> bool {
        for item in items {
            let full = batch.items.len() >= self.source.batch_size || !batch.fits(&item);
            if full || !self.left_over.is_empty() {
                self.left_over.push(item);
            } else {
                batch.add(item);
            }
        }
        self.left_over.is_empty()
    }

    /// Receives at most `most` messages, with several calls side by side if need be. Never more: a message that
    /// waits here is invisible to others while its time runs.
    async fn receive(&mut self, most: usize, wait: Duration) -> Vec<Item> {
        let calls = (0..most)
            .step_by(MAX_RECEIVED)
            .map(|begin| self.receive_once(MAX_RECEIVED.min(most - begin), wait));
        let mut items = Vec::new();
        let mut failed = false;
        for result in join_all(calls).await {
            match result {
                Ok(messages) => {
                    items.extend(messages.into_iter().map(|message| self.item(message)));
                }
                Err(()) => failed = true,
            }
        }
        if failed {
            tokio::time::sleep(self.retry_pause).await;
            self.retry_pause = (self.retry_pause * 2).min(MAX_RETRY_PAUSE);
        } else {
            self.retry_pause = MIN_RETRY_PAUSE;
        }
        items
    }

    async fn receive_once(&self, most: usize, wait: Duration) -> Result<Vec<Message>, ()> {
        let result = self
            .sqs
            .receive_message()
            .queue_url(&self.source.queue_url)
            .max_number_of_messages(most.try_into().unwrap_or(i32::MAX))
            .wait_time_seconds(wait.as_secs().try_into().unwrap_or(i32::MAX))
            .message_system_attribute_names(MessageSystemAttributeName::All)
            .message_attribute_names("All")
            .send()
            .await;
        match result {
            Ok(output) => Ok(output.messages.unwrap_or_default()),
            Err(error) => {
                let error = aws_sdk_sqs::error::DisplayErrorContext(&error);
                tracing::warn!(queue = %self.source.queue_url, "can't receive: {error}");
                Err(())
            }
        }
    }

    fn item(&self, message: Message) -> Item {
        let record = Record::new(message, &self.source.queue_arn, &self.region);
        // A record is maps and text, which can always be written.
        let json = serde_json::to_vec(&record).unwrap_or_default();
        Item {
            record,
            json,
            received: Instant::now(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn item(bytes: usize) -> Item {
        let message = Message::builder()
            .message_id("id")
            .body("x".repeat(bytes))
            .build();
        let record = Record::new(message, "arn", "region");
        let json = serde_json::to_vec(&record).expect("JSON");
        Item {
            record,
            json,
            received: Instant::now(),
        }
    }

    #[test]
    fn an_event_stays_within_lambdas_limit() {
        let mut batch = Batch::default();
        let mut added = 0;
        while batch.fits(&item(256 * 1024)) {
            batch.add(item(256 * 1024));
            added += 1;
        }
        assert_eq!(added, 23);
        let event = batch.event();
        assert!(event.len() <= MAX_EVENT_BYTES, "{}", event.len());
        let value: serde_json::Value = serde_json::from_slice(&event).expect("JSON");
        assert_eq!(value["Records"].as_array().map(Vec::len), Some(added));
    }

    #[test]
    fn one_message_always_goes() {
        assert!(Batch::default().fits(&item(7 * 1024 * 1024)));
    }
}
