//! Waiting for something to become true, never just for time to pass.

use std::future::Future;
use std::time::{Duration, Instant};

/// Time between two looks.
const INTERVAL: Duration = Duration::from_millis(20);

/// Looks again and again until there is something to see.
///
/// # Panics
/// When there is nothing by the deadline; says what was waited for.
pub async fn eventually<T, F>(what: &str, deadline: Duration, mut look: impl FnMut() -> F) -> T
where
    F: Future<Output = Option<T>>,
{
    let started = Instant::now();
    loop {
        if let Some(seen) = look().await {
            return seen;
        }
        let waited = started.elapsed();
        assert!(
            waited < deadline,
            "still waiting for {what} after {waited:?}"
        );
        tokio::time::sleep(INTERVAL).await;
    }
}
