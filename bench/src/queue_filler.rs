//! Fills the checkout queue with checkouts that nobody submitted.
//!
//! They are sent to SQS itself, delayed so that all become visible within the same second. Until then no event source
//! gets any of them, so the shop begins with a full queue. Their carts do not exist: only a decision that a crashed
//! function left open would miss them.

use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use aws_sdk_sqs::Client;
use aws_sdk_sqs::types::SendMessageBatchRequestEntry;
use domain::ProductId;
use jiff::Timestamp;
use serde_json::json;
use tokio::task::JoinSet;
use uuid::Uuid;

/// Calls side by side.
const SENDERS: usize = 16;

/// Messages that one call sends, at most.
/// Source: Amazon SQS API Reference, `SendMessageBatch`.
const MESSAGES_PER_CALL: usize = 10;

/// The longest delay of a message. Source: Amazon SQS API Reference, `SendMessageBatch`.
const LONGEST_DELAY: Duration = Duration::from_secs(900);

/// The pace that filling is given time for: every machine that can run the shop is faster.
const MESSAGES_PER_SECOND: f64 = 2_000.0;

/// Time for the first calls.
const MARGIN: Duration = Duration::from_secs(2);

/// A queue to fill.
#[derive(Debug, Clone)]
pub(crate) struct QueueFiller {
    pub(crate) client: Client,
    pub(crate) queue_url: String,
}

impl QueueFiller {
    /// Sends so many checkouts of one unit each. Returns the time at which the last of them becomes visible.
    pub(crate) async fn fill(&self, product: ProductId, count: usize) -> Result<Instant> {
        let takes = Duration::from_secs_f64(count as f64 / MESSAGES_PER_SECOND) + MARGIN;
        ensure!(takes <= LONGEST_DELAY, "{count} messages take too long");
        let visible_at = Instant::now() + takes;
        let mut senders = JoinSet::new();
        for sender in 0..SENDERS {
            let numbers = (sender..count).step_by(SENDERS).collect();
            senders.spawn(self.clone().send(product, numbers, visible_at));
        }
        while let Some(sent) = senders.join_next().await {
            sent??;
        }
        ensure!(
            Instant::now() < visible_at,
            "filling the queue took longer than {takes:?}"
        );
        Ok(visible_at)
    }

    async fn send(
        self,
        product: ProductId,
        numbers: Vec<usize>,
        visible_at: Instant,
    ) -> Result<()> {
        for numbers in numbers.chunks(MESSAGES_PER_CALL) {
            let delay = visible_at.saturating_duration_since(Instant::now());
            let entries = numbers.iter().map(|number| {
                SendMessageBatchRequestEntry::builder()
                    .id(number.to_string())
                    .message_body(body(product, *number))
                    .delay_seconds(delay.as_secs() as i32)
                    .build()
            });
            let answer = self
                .client
                .send_message_batch()
                .queue_url(&self.queue_url)
                .set_entries(Some(entries.collect::<Result<_, _>>()?))
                .send()
                .await
                .context("the queue takes no checkouts")?;
            ensure!(answer.failed().is_empty(), "the queue refused a checkout");
        }
        Ok(())
    }
}

/// A checkout's message in its first form, which every release reads: so releases can be compared.
fn body(product: ProductId, number: usize) -> String {
    json!({
        "order_id": Uuid::now_v7(),
        "user_id": format!("queued-buyer-{number}"),
        "lines": [{
            "product_id": product,
            "name": "Limited product",
            "quantity": 1,
            "unit_price": "10.00",
        }],
        "submitted_at": Timestamp::now(),
    })
    .to_string()
}

#[cfg(test)]
mod tests {
    use store::CheckoutMessage;

    use super::*;

    #[test]
    fn the_shop_can_read_the_messages() {
        let product = Uuid::now_v7().try_into().unwrap();
        let message = CheckoutMessage::read(&body(product, 7)).unwrap();
        let checkout = message.into_checkout();
        assert_eq!(checkout.user_id.as_str(), "queued-buyer-7");
        let lines: Vec<_> = checkout.lines.iter().collect();
        assert_eq!((lines.len(), lines[0].product_id), (1, product));
    }
}
