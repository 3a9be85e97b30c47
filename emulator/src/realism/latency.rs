//! How long AWS takes to answer, as a function sees it in the same region.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use fastrand::Rng;

/// Where the times below stand in their distribution.
const SHARES: [f64; 6] = [0.0, 0.50, 0.90, 0.95, 0.99, 1.0];

/// An odd number without a pattern: 2^64 divided by the golden ratio.
const FAR: u64 = 0x9E37_79B9_7F4A_7C15;

/// The latency of some operations.
#[derive(Debug)]
struct Profile {
    operations: &'static [&'static str],
    /// Shortest, p50, p90, p95, p99, longest.
    milliseconds: [f64; 6],
    /// The number of items of these times, and what each further one adds.
    items: usize,
    milliseconds_per_item: f64,
}

/// Measured are the writes: 400 calls each from a Lambda function, in
/// github.com/alexdebrie/dynamodb-performance-testing (put-batch-transaction-performance, 2020), transactions and
/// batches with 5 and with 25 items; a transaction that fails takes as long as one that succeeds.
///
/// Assumed, since AWS publishes no percentiles, is the rest: single reads below single writes, both "single-digit
/// milliseconds" on average ("Why is my DynamoDB table slow", AWS re:Post); transactional reads as two rounds of
/// them; SQS around the 16 ms that Amazon reported for sending 1 KB ("Cloud Performance Benchmark Series: SQS",
/// 2012), a little faster for a reused connection today.
const PROFILES: [Profile; 8] = [
    Profile {
        operations: &["PutItem", "UpdateItem", "DeleteItem"],
        milliseconds: [5.47, 7.55, 11.3, 13.2, 16.2, 29.0],
        items: 1,
        milliseconds_per_item: 0.0,
    },
    Profile {
        operations: &["BatchWriteItem"],
        milliseconds: [6.59, 8.14, 13.3, 15.4, 25.5, 56.8],
        items: 5,
        milliseconds_per_item: 0.10,
    },
    Profile {
        operations: &["TransactWriteItems"],
        milliseconds: [19.4, 25.3, 30.7, 36.4, 92.5, 218.0],
        items: 5,
        milliseconds_per_item: 0.34,
    },
    Profile {
        operations: &["GetItem", "Query"],
        milliseconds: [2.5, 4.5, 7.0, 8.5, 13.0, 25.0],
        items: 1,
        milliseconds_per_item: 0.0,
    },
    Profile {
        operations: &["BatchGetItem"],
        milliseconds: [3.5, 5.5, 9.0, 11.0, 18.0, 40.0],
        items: 5,
        milliseconds_per_item: 0.05,
    },
    Profile {
        operations: &["TransactGetItems"],
        milliseconds: [5.0, 9.0, 14.0, 17.0, 30.0, 80.0],
        items: 5,
        milliseconds_per_item: 0.10,
    },
    Profile {
        operations: &["Scan"],
        milliseconds: [4.0, 7.0, 12.0, 15.0, 25.0, 60.0],
        items: 1,
        milliseconds_per_item: 0.0,
    },
    Profile {
        operations: &[
            "SendMessage",
            "SendMessageBatch",
            "ReceiveMessage",
            "DeleteMessage",
            "DeleteMessageBatch",
            "ChangeMessageVisibility",
            "ChangeMessageVisibilityBatch",
        ],
        milliseconds: [5.0, 10.0, 16.0, 20.0, 40.0, 150.0],
        items: 1,
        milliseconds_per_item: 0.0,
    },
];

impl Profile {
    /// The time that a share of the calls stays below. Between the known ones it grows evenly by factor, which
    /// follows the long tail that latencies have.
    fn time(&self, share: f64, items: usize) -> Duration {
        let above = SHARES
            .partition_point(|&known| known <= share)
            .min(SHARES.len() - 1);
        let below = above - 1;
        let between = (share - SHARES[below]) / (SHARES[above] - SHARES[below]);
        let (low, high) = (self.milliseconds[below].ln(), self.milliseconds[above].ln());
        let milliseconds = (low + (high - low) * between).exp();
        let further = (items as f64 - self.items as f64) * self.milliseconds_per_item;
        Duration::from_secs_f64((milliseconds + further).max(0.0) / 1_000.0)
    }
}

/// Latencies, one after another.
#[derive(Debug)]
pub(super) struct Latencies {
    seed: u64,
    /// Calls so far, by profile.
    calls: [AtomicU64; PROFILES.len()],
}

impl Latencies {
    pub(super) fn new(seed: u64) -> Self {
        Latencies {
            seed,
            calls: Default::default(),
        }
    }

    /// The latency of the next call, if the operation has one. Depends on the seed and on how many calls there were,
    /// not on what else goes on.
    pub(super) fn next(&self, operation: &str, items: usize) -> Option<Duration> {
        let place = PROFILES
            .iter()
            .position(|profile| profile.operations.contains(&operation))?;
        let number = self.calls[place].fetch_add(1, Ordering::Relaxed);
        // Seeds that lie far apart: neighbours begin alike.
        let seed = Rng::with_seed(self.seed.wrapping_add(place as u64)).u64(..);
        let share = Rng::with_seed(seed.wrapping_add(number.wrapping_mul(FAR))).f64();
        Some(PROFILES[place].time(share, items))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn some(seed: u64, operation: &str, count: usize, items: usize) -> Vec<Duration> {
        let latencies = Latencies::new(seed);
        (0..count)
            .map(|_| latencies.next(operation, items).expect("a latency"))
            .collect()
    }

    #[test]
    fn a_seed_decides_every_latency() {
        let one = some(7, "PutItem", 100, 1);
        assert_eq!(one, some(7, "PutItem", 100, 1));
        assert_ne!(one, some(8, "PutItem", 100, 1));

        // Other operations in between change nothing.
        let latencies = Latencies::new(7);
        let mixed: Vec<_> = (0..100)
            .map(|_| {
                latencies.next("GetItem", 1);
                latencies.next("PutItem", 1).expect("a latency")
            })
            .collect();
        assert_eq!(one, mixed);
    }

    #[test]
    fn percentiles_are_those_of_the_table() {
        for profile in &PROFILES {
            let mut times = some(1, profile.operations[0], 200_000, profile.items);
            times.sort_unstable();
            for (share, expected) in SHARES.into_iter().zip(profile.milliseconds).skip(1).take(4) {
                let time = times[(times.len() as f64 * share) as usize].as_secs_f64() * 1_000.0;
                let off = (time / expected - 1.0).abs();
                assert!(
                    off < 0.08,
                    "{:?} p{share}: {time} ms, not {expected} ms",
                    profile.operations
                );
            }
        }
    }

    #[test]
    fn a_larger_transaction_takes_longer() {
        let sum = |items| {
            some(1, "TransactWriteItems", 1_000, items)
                .iter()
                .sum::<Duration>()
        };
        let each = (sum(25) - sum(5)) / 1_000;
        // 32.1 ms at p50 with 25 items were measured, 25.3 ms with 5.
        assert!((each.as_secs_f64() * 1_000.0 - 6.8).abs() < 0.1, "{each:?}");
    }

    #[test]
    fn what_manages_tables_takes_no_time() {
        assert_eq!(Latencies::new(1).next("CreateTable", 1), None);
    }
}
