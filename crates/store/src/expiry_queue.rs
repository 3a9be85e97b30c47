//! The queue of orders whose time to pay runs: each message sleeps in it until that time is over.

use aws_sdk_sqs::Client;
use domain::{Order, OrderKey, OrderState};
use futures_util::future::try_join_all;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::env::{MissingVariable, from_env};
use crate::error::StoreError;
use crate::patience::EXPIRY_SENDING_PATIENCE;

/// Orders in a message. With the longest user ids they are some 60 KB: a quarter of what SQS takes
/// at least, and one billed request.
/// Source: Amazon SQS Developer Guide, "Message quotas" (256 KiB and more), and the SQS pricing.
const MAX_ORDERS: usize = 100;

/// The longest time SQS keeps a message back.
/// Source: Amazon SQS API Reference, `SendMessage`, `DelaySeconds`.
const MAX_DELAY_SECONDS: i64 = 900;

/// The expiry queue.
#[derive(Debug, Clone)]
pub struct ExpiryQueue {
    client: Client,
    url: String,
}

/// What a message says: the time to pay these orders is over.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TimeToPayIsOver {
    /// Accepted together, so due together.
    pub orders: Vec<OrderKey>,
}

impl ExpiryQueue {
    /// The queue at this URL.
    pub fn new(client: &Client, url: impl Into<String>) -> Self {
        ExpiryQueue {
            client: client.clone(),
            url: url.into(),
        }
    }

    /// The queue that `EXPIRY_QUEUE_URL` names.
    ///
    /// # Errors
    /// When the variable is missing.
    pub fn from_env(client: &Client) -> Result<Self, MissingVariable> {
        Ok(Self::new(client, from_env("EXPIRY_QUEUE_URL")?))
    }

    /// Watches the time to pay of those of these orders that wait for payment: one message for all,
    /// which comes when the last of them is due.
    ///
    /// # Errors
    /// When the queue did not confirm every message. Then the sweep finds the orders.
    pub async fn watch<'a>(
        &self,
        orders: impl IntoIterator<Item = &'a Order>,
    ) -> Result<(), StoreError> {
        let unpaid: Vec<(OrderKey, Timestamp)> = orders.into_iter().filter_map(unpaid).collect();
        let sending = try_join_all(unpaid.chunks(MAX_ORDERS).map(|some| self.send(some)));
        let sent = tokio::time::timeout(EXPIRY_SENDING_PATIENCE, sending).await;
        let too_slow = |_| StoreError::Unavailable("the expiry queue does not answer".into());
        sent.map_err(too_slow)??;
        Ok(())
    }

    async fn send(&self, unpaid: &[(OrderKey, Timestamp)]) -> Result<(), StoreError> {
        let Some(due) = unpaid.iter().map(|(_, pay_by)| *pay_by).max() else {
            return Ok(());
        };
        let message = TimeToPayIsOver {
            orders: unpaid.iter().map(|(order, _)| order.clone()).collect(),
        };
        let body = serde_json::to_string(&message)
            .map_err(|error| StoreError::Refused(error.to_string()))?;
        self.client
            .send_message()
            .queue_url(&self.url)
            .message_body(body)
            .delay_seconds(delay_seconds(due, Timestamp::now()))
            .send()
            .await?;
        Ok(())
    }
}

fn unpaid(order: &Order) -> Option<(OrderKey, Timestamp)> {
    match order.state {
        OrderState::WaitingPayment { pay_by } => Some((order.key(), pay_by)),
        _ => None,
    }
}

/// Whole seconds until `due`, rounded up: a message that came too early would have to come again.
fn delay_seconds(due: Timestamp, now: Timestamp) -> i32 {
    let milliseconds = due.as_millisecond() - now.as_millisecond();
    let seconds = milliseconds.div_euclid(1_000) + 1;
    i32::try_from(seconds.clamp(0, MAX_DELAY_SECONDS)).expect("it is clamped")
}

#[cfg(test)]
mod tests {
    use jiff::SignedDuration;

    use super::*;

    #[test]
    fn a_message_never_comes_early_and_never_asks_for_more_than_sqs_gives() {
        let now: Timestamp = "2026-01-15T09:30:00.900Z".parse().unwrap();
        for (milliseconds, seconds) in [
            (-5_000, 0),
            (0, 1),
            (1_500, 2),
            (2_000, 3),
            (900_000, 900),
            (5_000_000, 900),
        ] {
            let due = now + SignedDuration::from_millis(milliseconds);
            assert_eq!(delay_seconds(due, now), seconds, "{milliseconds} ms");
        }
    }

    #[test]
    fn the_longest_message_fits_well() {
        let key = |number: u64| OrderKey {
            user_id: "\u{10FFFF}"
                .repeat(domain::limits::MAX_USER_ID_CHARS)
                .try_into()
                .unwrap(),
            order_id: uuid::Builder::from_unix_timestamp_millis(number, &[0; 10])
                .into_uuid()
                .try_into()
                .unwrap(),
        };
        let message = TimeToPayIsOver {
            orders: (0..MAX_ORDERS as u64).map(key).collect(),
        };
        let bytes = serde_json::to_string(&message).unwrap().len();
        assert!(bytes < 64 * 1024, "{bytes} bytes");
    }
}
