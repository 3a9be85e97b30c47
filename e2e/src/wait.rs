//! Waiting for something to become true, never just for time to pass.

use std::time::{Duration, Instant};

use crate::side;

/// Time between two looks.
const INTERVAL: Duration = Duration::from_millis(20);

/// Looks again and again until there is something to see.
///
/// # Panics
/// When there is nothing by the deadline; says what was waited for.
pub async fn eventually<T>(
    what: &str,
    deadline: Duration,
    mut look: impl AsyncFnMut() -> Option<T>,
) -> T {
    let started = Instant::now();
    loop {
        if let Some(seen) = look().await {
            return seen;
        }
        let waited = started.elapsed();
        assert!(
            waited < deadline,
            "still waiting for {what} over {} after {waited:?}",
            side::name()
        );
        tokio::time::sleep(INTERVAL).await;
    }
}
