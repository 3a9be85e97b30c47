//! Waits for a condition.

use std::time::{Duration, Instant};

use crate::backend;

/// The pause between two checks.
const INTERVAL: Duration = Duration::from_millis(20);

/// Calls `look` again and again until it returns something. Panics after the timeout, and says what was awaited.
pub async fn eventually<T>(
    what: &str,
    timeout: Duration,
    mut look: impl AsyncFnMut() -> Option<T>,
) -> T {
    let started = Instant::now();
    loop {
        if let Some(seen) = look().await {
            return seen;
        }
        let waited = started.elapsed();
        assert!(
            waited < timeout,
            "still waiting for {what} over {} after {waited:?}",
            backend::name()
        );
        tokio::time::sleep(INTERVAL).await;
    }
}
