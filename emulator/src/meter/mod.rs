//! The meter: counts what AWS would bill, by operation and by caller, since the start or the last reset.
//!
//! Other parts of the emulator report to it; it calls none of them.

mod call;
mod counts;
mod period;
mod prometheus;
mod report;

use std::sync::atomic::Ordering;
use std::sync::{PoisonError, RwLock};

use emulator_api::{FunctionReport, Metrics};

pub(crate) use call::{Capacity, Consumption, Ending, HalfUnits, MeteredCall, Permission};
use period::Period;
pub(crate) use prometheus::to_prometheus;

/// An HTTP API bills every 512 KB of a request or its answer as a request. Source: Amazon API Gateway pricing.
const HTTP_STEP_BYTES: u64 = 512 * 1_024;

#[derive(Debug)]
pub(crate) struct Meter {
    period: RwLock<Period>,
}

impl Meter {
    pub(crate) fn new() -> Self {
        Meter {
            period: RwLock::new(Period::begin(Vec::new())),
        }
    }

    /// Counts a call. Cheap: it takes read locks, which only a caller's first call of an operation and
    /// [`reset`](Self::reset) hold up.
    pub(crate) fn count(&self, call: &MeteredCall<'_>) {
        let period = self.period.read().unwrap_or_else(PoisonError::into_inner);
        let usage = period.usage(call.caller);
        usage.add(call);
        usage.add_permissions(call.service, call.permissions);
    }

    /// Counts a request to the HTTP API that passed the authorizer; AWS doesn't bill the others.
    pub(crate) fn count_http_request(&self, request_bytes: usize, answer_bytes: usize) {
        let requests = billed_requests(HTTP_STEP_BYTES, request_bytes, answer_bytes);
        let period = self.period.read().unwrap_or_else(PoisonError::into_inner);
        period.http_requests.fetch_add(requests, Ordering::Relaxed);
    }

    /// Begins to count anew. The functions count for themselves: these are their counts until now.
    pub(crate) fn reset(&self, functions: Vec<FunctionReport>) {
        let mut period = self.period.write().unwrap_or_else(PoisonError::into_inner);
        *period = Period::begin(functions);
    }

    pub(crate) fn report(&self, functions: Vec<FunctionReport>) -> Metrics {
        let period = self.period.read().unwrap_or_else(PoisonError::into_inner);
        report::metrics(&period, functions)
    }
}

/// The requests that are billed for one, where each step of so many bytes of the request or its answer is one.
pub(crate) fn billed_requests(step_bytes: u64, request_bytes: usize, answer_bytes: usize) -> u64 {
    let larger = request_bytes.max(answer_bytes) as u64;
    larger.div_ceil(step_bytes).max(1)
}
