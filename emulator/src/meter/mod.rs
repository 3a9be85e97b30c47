//! The meter: counts what AWS would bill, by operation and by caller, since the start or the last reset.

pub(crate) mod capacity;
mod counts;
mod prometheus;
mod report;

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, PoisonError, RwLock};

use jiff::Timestamp;

use crate::edge::caller::Caller;
use crate::lambda;
use crate::request::{Permission, Service};
use counts::Usage;
pub(crate) use counts::{Ending, Entry};
pub(crate) use report::Report;

/// SQS bills every 64 KB of a request or its answer as a request. Source: Amazon SQS pricing.
const SQS_STEP_BYTES: u64 = 64 * 1_024;
/// An HTTP API bills every 512 KB of a request or its answer as a request. Source: Amazon API Gateway pricing.
const HTTP_STEP_BYTES: u64 = 512 * 1_024;

#[derive(Debug)]
pub(crate) struct Meter {
    period: RwLock<Period>,
}

/// What was counted since a moment.
#[derive(Debug)]
struct Period {
    since: Timestamp,
    http_requests: AtomicU64,
    callers: RwLock<HashMap<Caller, Arc<Usage>>>,
    /// What the functions, which count for themselves, had counted before.
    before: Vec<lambda::Report>,
}

impl Period {
    fn begin(before: Vec<lambda::Report>) -> Self {
        Period {
            since: Timestamp::now(),
            http_requests: AtomicU64::new(0),
            callers: RwLock::default(),
            before,
        }
    }

    fn usage(&self, caller: &Caller) -> Arc<Usage> {
        let callers = self.callers.read().unwrap_or_else(PoisonError::into_inner);
        if let Some(usage) = callers.get(caller) {
            return usage.clone();
        }
        drop(callers);
        let mut callers = self.callers.write().unwrap_or_else(PoisonError::into_inner);
        callers.entry(caller.clone()).or_default().clone()
    }
}

impl Meter {
    pub(crate) fn new() -> Self {
        Meter {
            period: RwLock::new(Period::begin(Vec::new())),
        }
    }

    /// Counts a call. Cheap: it takes read locks, which only a caller's first call of an operation and
    /// [`reset`](Self::reset) hold up.
    pub(crate) fn count(
        &self,
        caller: &Caller,
        service: Service,
        operation: &str,
        permissions: &[Permission<'_>],
        entry: &Entry,
    ) {
        let period = self.period.read().unwrap_or_else(PoisonError::into_inner);
        let usage = period.usage(caller);
        usage.add(service, operation, entry);
        usage.used(service, permissions);
    }

    /// Counts a request to the HTTP API that was let in; AWS doesn't bill the others.
    pub(crate) fn count_http_request(&self, request_bytes: usize, answer_bytes: usize) {
        let requests = steps(HTTP_STEP_BYTES, request_bytes, answer_bytes);
        let period = self.period.read().unwrap_or_else(PoisonError::into_inner);
        period.http_requests.fetch_add(requests, Ordering::Relaxed);
    }

    /// Begins anew.
    pub(crate) fn reset(&self, functions: Vec<lambda::Report>) {
        let mut period = self.period.write().unwrap_or_else(PoisonError::into_inner);
        *period = Period::begin(functions);
    }

    pub(crate) fn report(&self, functions: Vec<lambda::Report>) -> Report {
        let period = self.period.read().unwrap_or_else(PoisonError::into_inner);
        Report::of(&period, functions)
    }
}

/// Requests that SQS bills for one.
pub(crate) fn sqs_requests(request_bytes: usize, answer_bytes: usize) -> u64 {
    steps(SQS_STEP_BYTES, request_bytes, answer_bytes)
}

fn steps(step: u64, request_bytes: usize, answer_bytes: usize) -> u64 {
    let larger = request_bytes.max(answer_bytes) as u64;
    larger.div_ceil(step).max(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sqs_bills_by_64_kilobytes() {
        assert_eq!(sqs_requests(0, 0), 1);
        assert_eq!(sqs_requests(64 * 1_024, 100), 1);
        assert_eq!(sqs_requests(100, 64 * 1_024 + 1), 2);
    }
}
