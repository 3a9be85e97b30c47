//! The queue between a submitted cart and its decision.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use aws_sdk_sqs::Client;
use aws_sdk_sqs::types::{
    ChangeMessageVisibilityBatchRequestEntry, DeleteMessageBatchRequestEntry, Message,
    MessageAttributeValue, MessageSystemAttributeName,
};
use futures_util::StreamExt as _;
use futures_util::future::join_all;
use futures_util::stream;

use crate::checkout_message::CheckoutMessage;
use crate::env::{MissingVariable, from_env, number_from_env};
use crate::error::StoreError;
use crate::patience::{VISIBILITY_MARGIN, retry_pause};
use crate::queue_message::QueueMessage;

/// The message attribute that says which request a message comes from, as W3C's Trace Context writes
/// it. It is an ordinary attribute, since not every queue carries SQS's own for X-Ray.
pub const TRACEPARENT: &str = "traceparent";

/// Messages that one call receives, deletes or makes visible, at most.
/// Source: Amazon SQS API Reference, `ReceiveMessage`, `DeleteMessageBatch`.
const MESSAGES_PER_CALL: usize = 10;

/// Calls side by side, at most: with some 15 ms a call they carry 20,000 messages a second.
const CALLS_SIDE_BY_SIDE: usize = 32;

/// Receives that all came back full are followed by so many times as many.
const MORE_CALLS: usize = 4;

/// The pause after which an empty queue is asked once more. In a rush more comes meanwhile, and the
/// batch goes on; otherwise a shopper waits so much longer. Short polls of SQS may also find nothing
/// though something is there.
/// Source: Amazon SQS Developer Guide, "Amazon SQS short and long polling".
const MORE_COMES: Duration = Duration::from_millis(10);

/// The part of the time left that gathering may take: the rest is for deciding.
const GATHERING_SHARE: u32 = 4;

/// The checkout queue.
#[derive(Debug, Clone)]
pub struct CheckoutQueue {
    client: Client,
    url: String,
}

/// How long and how much a batch may gather.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Gathering {
    /// The longest time to go on receiving. An empty queue ends it sooner: after two receives and a
    /// short pause between them.
    pub time: Duration,
    /// Messages in a batch from which it receives no more.
    pub most: usize,
}

impl Gathering {
    /// As `GATHER_MILLISECONDS` and `GATHER_MOST` say.
    ///
    /// # Errors
    /// When a variable is missing or no whole number.
    pub fn from_env() -> Result<Gathering, MissingVariable> {
        Ok(Gathering {
            time: Duration::from_millis(number_from_env("GATHER_MILLISECONDS")?),
            most: number_from_env("GATHER_MOST")?,
        })
    }
}

impl CheckoutQueue {
    /// The queue at this URL.
    pub fn new(client: &Client, url: impl Into<String>) -> Self {
        CheckoutQueue {
            client: client.clone(),
            url: url.into(),
        }
    }

    /// The queue that `CHECKOUT_QUEUE_URL` names.
    ///
    /// # Errors
    /// When the variable is missing.
    pub fn from_env(client: &Client) -> Result<Self, MissingVariable> {
        Ok(Self::new(client, from_env("CHECKOUT_QUEUE_URL")?))
    }

    /// Puts a checkout in the queue. KeyClaim this returns, it will be decided. `traceparent` is the
    /// request that it comes from, if that is traced.
    ///
    /// # Errors
    /// When the queue did not confirm it. It may have it nevertheless: sending again is harmless.
    pub async fn send(
        &self,
        message: &CheckoutMessage,
        traceparent: Option<String>,
    ) -> Result<(), StoreError> {
        let send = self.client.send_message();
        let send = match traceparent {
            Some(traceparent) => send.message_attributes(TRACEPARENT, text(traceparent)),
            None => send,
        };
        send.queue_url(&self.url)
            .message_body(message.to_json())
            .send()
            .await?;
        Ok(())
    }

    /// Receives what else waits in the queue, to share a batch that has `already` messages: until the
    /// queue is empty twice in a row, the batch is full, or the time is over. More receives run side
    /// by side as long as they come back full.
    ///
    /// The messages are hidden from others until a little after the deadline. A receive that fails
    /// counts as empty: what was received before is to be decided.
    pub async fn gather(
        &self,
        gathering: Gathering,
        already: usize,
        deadline: Instant,
    ) -> Vec<QueueMessage> {
        let now = Instant::now();
        let left = deadline.saturating_duration_since(now);
        let until = now + gathering.time.min(left / GATHERING_SHARE);
        let mut gathered = Vec::new();
        let (mut side_by_side, mut was_empty) = (1, false);
        while already + gathered.len() < gathering.most && Instant::now() < until {
            let missing = gathering.most - already - gathered.len();
            let calls = side_by_side.min(missing.div_ceil(MESSAGES_PER_CALL));
            let asked = missing.min(calls * MESSAGES_PER_CALL);
            let received = self.receive(asked, deadline).await;
            if received.is_empty() {
                if was_empty {
                    break;
                }
                (side_by_side, was_empty) = (1, true);
                tokio::time::sleep_until((Instant::now() + MORE_COMES).min(until).into()).await;
                continue;
            }
            was_empty = false;
            side_by_side = match received.len() < asked {
                true => (side_by_side / 2).max(1),
                false => (side_by_side * MORE_CALLS).min(CALLS_SIDE_BY_SIDE),
            };
            gathered.extend(received);
        }
        gathered
    }

    /// Receives up to `asked` messages by calls side by side.
    async fn receive(&self, asked: usize, deadline: Instant) -> Vec<QueueMessage> {
        let left = deadline.saturating_duration_since(Instant::now());
        let hidden = (left + VISIBILITY_MARGIN).as_secs() + 1;
        let calls = (0..asked).step_by(MESSAGES_PER_CALL).map(|begun| {
            self.client
                .receive_message()
                .queue_url(&self.url)
                .max_number_of_messages(count(MESSAGES_PER_CALL.min(asked - begun)))
                .visibility_timeout(i32::try_from(hidden).unwrap_or(i32::MAX))
                .message_attribute_names(TRACEPARENT)
                .message_system_attribute_names(MessageSystemAttributeName::SentTimestamp)
                .message_system_attribute_names(MessageSystemAttributeName::ApproximateReceiveCount)
                .send()
        });
        let mut received = Vec::with_capacity(asked);
        for answer in join_all(calls).await {
            match answer {
                Ok(answer) => {
                    let messages = answer.messages.unwrap_or_default();
                    received.extend(messages.into_iter().filter_map(queued));
                }
                Err(error) => {
                    let error = StoreError::from(error);
                    tracing::warn!(%error, "the queue gives no more checkouts");
                }
            }
        }
        received
    }

    /// Deletes messages that are done with, by their receipt handles. One that can't be deleted comes
    /// again, and is recognised then.
    pub async fn delete(&self, receipt_handles: &[&str]) {
        let delete = |chunk: &[&str]| {
            let entries = chunk.iter().enumerate().map(|(index, handle)| {
                DeleteMessageBatchRequestEntry::builder()
                    .id(index.to_string())
                    .receipt_handle(*handle)
                    .build()
                    .expect("an id and a handle make an entry")
            });
            self.client
                .delete_message_batch()
                .queue_url(&self.url)
                .set_entries(Some(entries.collect()))
                .send()
        };
        let calls: Vec<_> = receipt_handles
            .chunks(MESSAGES_PER_CALL)
            .map(delete)
            .collect();
        let answers = stream::iter(calls).buffer_unordered(CALLS_SIDE_BY_SIDE);
        let failed = answers.map(|answer| match answer {
            Ok(answer) => answer.failed.len(),
            Err(error) => {
                let error = StoreError::from(error);
                tracing::warn!(%error, "decided checkouts could not be deleted from the queue");
                0
            }
        });
        let failed: usize = failed.fold(0, async |sum, failed| sum + failed).await;
        if failed > 0 {
            tracing::warn!(messages = failed, "decided checkouts stay in the queue");
        }
    }

    /// Makes messages visible that could not be decided: at once the first time, later the oftener
    /// they came, so that they outlast an outage of the tables. A call that fails leaves its messages
    /// to their visibility time-out.
    pub async fn make_visible(&self, messages: &[&QueueMessage]) {
        let calls = messages.chunks(MESSAGES_PER_CALL).map(|chunk| {
            let entries = chunk.iter().enumerate().map(|(index, message)| {
                let pause = retry_pause(message.receive_count.unwrap_or(1)).as_secs();
                ChangeMessageVisibilityBatchRequestEntry::builder()
                    .id(index.to_string())
                    .receipt_handle(&message.receipt_handle)
                    .visibility_timeout(i32::try_from(pause).unwrap_or(i32::MAX))
                    .build()
                    .expect("an id and a handle make an entry")
            });
            self.client
                .change_message_visibility_batch()
                .queue_url(&self.url)
                .set_entries(Some(entries.collect()))
                .send()
        });
        for answer in join_all(calls).await {
            if let Err(error) = answer.map_err(StoreError::from) {
                tracing::warn!(%error, "undecided checkouts stay hidden until their time-out");
            }
        }
    }
}

/// A delivery without an id or a handle can't be answered for; SQS makes none.
fn queued(message: Message) -> Option<QueueMessage> {
    let attributes = message.attributes.unwrap_or_default();
    let number = |name| attributes.get(&name).and_then(|text| text.parse().ok());
    let mut own: HashMap<String, MessageAttributeValue> =
        message.message_attributes.unwrap_or_default();
    Some(QueueMessage {
        message_id: message.message_id?,
        receipt_handle: message.receipt_handle?,
        body: message.body.unwrap_or_default(),
        sent_at: number(MessageSystemAttributeName::SentTimestamp),
        receive_count: number(MessageSystemAttributeName::ApproximateReceiveCount),
        traceparent: own.remove(TRACEPARENT).and_then(|value| value.string_value),
    })
}

fn count(messages: usize) -> i32 {
    i32::try_from(messages).expect("a call takes few messages")
}

fn text(value: String) -> MessageAttributeValue {
    let text = MessageAttributeValue::builder().data_type("String");
    let text = text.string_value(value).build();
    text.expect("an attribute with a type is complete")
}
