//! The numbers that a function keeps about its invocations and processes.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

#[derive(Debug, Default)]
pub(super) struct Counts {
    pub(super) invocations: Counter,
    pub(super) errors: Counter,
    pub(super) throttles: Counter,
    pub(super) timeouts: Counter,
    pub(super) crashes: Counter,
    pub(super) cold_starts: Counter,
    busy_micros: Counter,
    pub(super) billed_milliseconds: Counter,
}

#[derive(Debug, Default)]
pub(super) struct Counter(AtomicU64);

impl Counter {
    /// Counts one more. Returns the number before it.
    pub(super) fn increment(&self) -> u64 {
        self.0.fetch_add(1, Ordering::Relaxed)
    }

    pub(super) fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }

    fn add(&self, number: u64) {
        self.0.fetch_add(number, Ordering::Relaxed);
    }
}

impl Counts {
    /// Lambda bills by the millisecond, a started one in full. Source: AWS Lambda pricing.
    pub(super) fn add_time(&self, time: Duration) {
        let micros: u64 = time.as_micros().try_into().unwrap_or(u64::MAX);
        self.busy_micros.add(micros);
        self.billed_milliseconds.add(micros.div_ceil(1_000));
    }

    /// Time that invocations kept processes busy.
    pub(super) fn busy_milliseconds(&self) -> u64 {
        self.busy_micros.get() / 1_000
    }
}
