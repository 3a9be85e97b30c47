//! How long a desk may work.

use std::future::Future;
use std::time::{Duration, Instant, SystemTime};

use crate::error::StoreError;

/// Time kept free at the end of an invocation to answer. Without an answer a shopper learns nothing,
/// and every message of a batch comes again.
const TIME_TO_ANSWER: Duration = Duration::from_millis(500);

/// When work must be done in an invocation that Lambda ends at `end`, so that there is time left to
/// answer.
pub fn deadline(end: SystemTime) -> Instant {
    let left = end.duration_since(SystemTime::now()).unwrap_or_default();
    Instant::now() + left.saturating_sub(TIME_TO_ANSWER)
}

/// Waits for the books' answer, but not beyond the deadline.
pub(crate) async fn in_time<T>(
    deadline: Instant,
    answer: impl Future<Output = Result<T, StoreError>>,
) -> Result<T, StoreError> {
    let too_late = |_| StoreError::Unavailable("no answer in time".to_owned());
    tokio::time::timeout_at(deadline.into(), answer)
        .await
        .map_err(too_late)?
}
