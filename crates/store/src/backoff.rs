//! Waiting before another try.

use std::time::{Duration, Instant};

/// The first wait is at most this long.
const FIRST: Duration = Duration::from_millis(20);

/// No wait is longer than this.
const LONGEST: Duration = Duration::from_secs(1);

/// Exponential backoff with full jitter: a random wait between nothing and a bound that doubles, so
/// that writers who met once do not meet again.
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
        let bound = FIRST
            .saturating_mul(2u32.saturating_pow(self.tries))
            .min(LONGEST);
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
