//! Histograms of latencies, in microseconds.

use std::time::Duration;

use hdrhistogram::Histogram;
use serde::{Deserialize, Serialize};

/// A histogram of durations.
#[derive(Debug, Clone)]
pub(crate) struct Latencies(Histogram<u64>);

/// The usual percentiles, in milliseconds.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Percentiles {
    pub(crate) p50: f64,
    pub(crate) p95: f64,
    pub(crate) p99: f64,
    pub(crate) max: f64,
}

impl Percentiles {
    /// The median, the 95th percentile and the longest, as text.
    pub(crate) fn with_max(self) -> String {
        let Percentiles { p50, p95, max, .. } = self;
        format!("{p50:.1} / {p95:.1} / {max:.1}")
    }
}

impl Latencies {
    pub(crate) fn new() -> Latencies {
        Latencies(Histogram::new(3).expect("three digits are a precision"))
    }

    pub(crate) fn record(&mut self, took: Duration) {
        self.0
            .record(u64::try_from(took.as_micros()).unwrap_or(u64::MAX))
            .expect("an auto-resizing histogram takes any value");
    }

    pub(crate) fn merge(&mut self, other: &Latencies) {
        self.0
            .add(&other.0)
            .expect("an auto-resizing histogram takes any value");
    }

    pub(crate) fn percentiles(&self) -> Percentiles {
        let at = |quantile| self.0.value_at_quantile(quantile) as f64 / 1_000.0;
        Percentiles {
            p50: at(0.50),
            p95: at(0.95),
            p99: at(0.99),
            max: self.0.max() as f64 / 1_000.0,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_what_was_recorded() {
        let mut latencies = Latencies::new();
        for milliseconds in 1..=100 {
            latencies.record(Duration::from_millis(milliseconds));
        }
        let Percentiles { p50, p95, p99, max } = latencies.percentiles();
        for (found, recorded) in [(p50, 50.0), (p95, 95.0), (p99, 99.0), (max, 100.0)] {
            assert!((found - recorded).abs() < 0.1, "{found} for {recorded}");
        }
    }
}
