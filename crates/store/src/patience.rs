//! How long the store waits: every retry, pause and time-out of the shop's calls, each with its reason.

use std::future::Future;
use std::time::{Duration, Instant, SystemTime};

use jiff::SignedDuration;

use crate::error::StoreError;

/// How long connecting may take.
pub(crate) const CONNECT_TIMEOUT: Duration = Duration::from_secs(1);

/// How long one attempt of a call may take. DynamoDB and SQS answer within milliseconds; a call that
/// takes this long is on a dead connection and better tried again on another. It must leave time for
/// that: a batch of checkouts has 5 s for everything.
pub(crate) const ATTEMPT_TIMEOUT: Duration = Duration::from_secs(1);

/// How long to wait for others who are writing the same items.
pub(crate) const CONFLICT_PATIENCE: Duration = Duration::from_secs(3);

/// How long to ask again for keys that DynamoDB left unprocessed.
pub(crate) const UNPROCESSED_PATIENCE: Duration = Duration::from_secs(5);

/// How long sending to the expiry queue may take. An order waits to be confirmed meanwhile, and the
/// sweep finds what was not sent.
pub(crate) const EXPIRY_SENDING_PATIENCE: Duration = Duration::from_millis(300);

/// Tries of a call that reads a whole table: it is throttled now and then, and starting again would
/// cost more.
pub(crate) const TABLE_READING_ATTEMPTS: u32 = 10;

/// Age from which the sweep takes an open decision. Longer than checkout-batch's time-out, so that the
/// sweep does not work beside an owner that is alive; that would be safe, but work done twice.
pub const DECISION_GRACE: SignedDuration = SignedDuration::from_secs(10);

/// How much longer than a function's deadline the messages that it gathered stay hidden from others:
/// one that crashed gets its messages back into the queue so much later.
pub(crate) const VISIBILITY_MARGIN: Duration = Duration::from_secs(1);

/// The longest pause before a message that could not be decided is delivered again. With the queue's
/// maxReceiveCount of 50 a message outlasts some 45 minutes without DynamoDB.
const LONGEST_RETRY_PAUSE: Duration = Duration::from_secs(60);

/// Time kept free at the end of an invocation to answer. Without an answer a shopper learns nothing,
/// and every message of a batch comes again.
const TIME_TO_ANSWER: Duration = Duration::from_millis(500);

/// The first wait of a [`Backoff`] is at most this long.
const FIRST_WAIT: Duration = Duration::from_millis(20);

/// No wait of a [`Backoff`] is longer than this.
const LONGEST_WAIT: Duration = Duration::from_secs(1);

/// When work must be done in an invocation that Lambda ends at `end`, so that there is time left to
/// answer.
pub fn deadline(end: SystemTime) -> Instant {
    let left = end.duration_since(SystemTime::now()).unwrap_or_default();
    Instant::now() + left.saturating_sub(TIME_TO_ANSWER)
}

/// The pause before a message is delivered again that could not be decided although it was delivered
/// so often: none after the first time, then a second, doubled each time.
pub(crate) fn retry_pause(receive_count: u64) -> Duration {
    let doublings = match receive_count {
        0 | 1 => return Duration::ZERO,
        more => u32::try_from(more - 2).unwrap_or(u32::MAX),
    };
    let pause = Duration::from_secs(2u64.saturating_pow(doublings));
    pause.min(LONGEST_RETRY_PAUSE)
}

/// Waits for an answer, but not beyond the deadline.
pub(crate) async fn in_time<T>(
    deadline: Instant,
    answer: impl Future<Output = Result<T, StoreError>>,
) -> Result<T, StoreError> {
    let too_late = |_| StoreError::Unavailable("no answer in time".to_owned());
    tokio::time::timeout_at(deadline.into(), answer)
        .await
        .map_err(too_late)?
}

/// Exponential backoff with full jitter: a random wait between nothing and a bound that doubles, so
/// that writers that met once do not meet again.
/// Source: "Exponential Backoff and Jitter", AWS Architecture Blog.
#[derive(Debug, Default)]
pub(crate) struct Backoff {
    tries: u32,
}

/// There is no time left for another try.
#[derive(Debug, Clone, Copy)]
pub(crate) struct OutOfTime;

impl Backoff {
    /// Waits before the next try.
    ///
    /// # Errors
    /// When the wait would reach the deadline; then it does not wait.
    pub(crate) async fn wait(&mut self, deadline: Instant) -> Result<(), OutOfTime> {
        let bound = FIRST_WAIT
            .saturating_mul(2u32.saturating_pow(self.tries))
            .min(LONGEST_WAIT);
        self.tries += 1;
        let wait = bound.mul_f64(fastrand::f64());
        if Instant::now() + wait >= deadline {
            return Err(OutOfTime);
        }
        tokio::time::sleep(wait).await;
        Ok(())
    }

    /// After a success the next trouble starts with a short wait again.
    pub(crate) fn reset(&mut self) {
        self.tries = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// template.yaml's maxReceiveCount.
    const RECEIVES: u64 = 50;

    #[test]
    fn a_message_comes_again_at_once_and_outlasts_half_an_hour_of_outage() {
        assert_eq!(retry_pause(1), Duration::ZERO);
        assert_eq!(retry_pause(2), Duration::from_secs(1));
        assert_eq!(retry_pause(u64::MAX), LONGEST_RETRY_PAUSE);
        let all: Duration = (1..RECEIVES).map(retry_pause).sum();
        assert!(all > Duration::from_secs(30 * 60), "{all:?}");
    }
}
