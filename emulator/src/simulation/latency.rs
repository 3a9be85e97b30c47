//! Latencies as a distribution has them, the same for the same seed.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use fastrand::Rng;

/// Where the times of a profile stand in their distribution.
const SHARES: [f64; 6] = [0.0, 0.50, 0.90, 0.95, 0.99, 1.0];

/// An odd number without a pattern: 2^64 divided by the golden ratio.
const FAR: u64 = 0x9E37_79B9_7F4A_7C15;

/// The latency of some operations.
#[derive(Debug)]
pub(crate) struct Profile {
    /// Tells its random numbers from those of other profiles: each has another.
    pub(crate) stream: u64,
    pub(crate) operations: &'static [&'static str],
    /// Shortest, p50, p90, p95, p99, longest.
    pub(crate) milliseconds: [f64; 6],
    /// The number of items that these times are for, and what each further one adds.
    pub(crate) items: usize,
    pub(crate) milliseconds_per_item: f64,
    /// What each kilobyte of the request adds, beyond one for each item.
    pub(crate) milliseconds_per_kilobyte: f64,
}

/// The work that a call asks for.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Work {
    pub(crate) items: usize,
    /// Of the request.
    pub(crate) bytes: usize,
}

impl Profile {
    /// The time that a share of the calls stays below. Between the known ones it grows evenly by factor, which
    /// follows the long tail that latencies have.
    fn time(&self, share: f64, work: Work) -> Duration {
        let above = SHARES
            .partition_point(|&known| known <= share)
            .min(SHARES.len() - 1);
        let below = above - 1;
        let between = (share - SHARES[below]) / (SHARES[above] - SHARES[below]);
        let (low, high) = (self.milliseconds[below].ln(), self.milliseconds[above].ln());
        let milliseconds = (low + (high - low) * between).exp();
        let items = (work.items as f64 - self.items as f64) * self.milliseconds_per_item;
        let kilobytes = (work.bytes as f64 / 1_024.0 - work.items as f64).max(0.0);
        let further = items + kilobytes * self.milliseconds_per_kilobyte;
        Duration::from_secs_f64((milliseconds + further).max(0.0) / 1_000.0)
    }
}

/// Latencies, one after another.
#[derive(Debug)]
pub(crate) struct Latencies {
    seed: u64,
    /// With the number of calls so far.
    profiles: Vec<(&'static Profile, AtomicU64)>,
}

impl Latencies {
    pub(super) fn new(seed: u64, profiles: &'static [Profile]) -> Self {
        Latencies {
            seed,
            profiles: profiles
                .iter()
                .map(|profile| (profile, AtomicU64::new(0)))
                .collect(),
        }
    }

    /// The latency of the next call, if the operation has one. It depends on the seed and on the number of calls
    /// before, not on other operations.
    pub(crate) fn next(&self, operation: &str, work: Work) -> Option<Duration> {
        let mut profiles = self.profiles.iter();
        let (profile, calls) =
            profiles.find(|(profile, _)| profile.operations.contains(&operation))?;
        let number = calls.fetch_add(1, Ordering::Relaxed);
        // Seeds must lie far apart: neighbouring seeds give similar first numbers.
        let seed = Rng::with_seed(self.seed.wrapping_add(profile.stream)).u64(..);
        let share = Rng::with_seed(seed.wrapping_add(number.wrapping_mul(FAR))).f64();
        Some(profile.time(share, work))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PROFILES: [Profile; 2] = [
        Profile {
            stream: 0,
            operations: &["Write"],
            milliseconds: [5.47, 7.55, 11.3, 13.2, 16.2, 29.0],
            items: 5,
            milliseconds_per_item: 0.10,
            milliseconds_per_kilobyte: 0.05,
        },
        Profile {
            stream: 1,
            operations: &["Read"],
            milliseconds: [2.5, 4.5, 7.0, 8.5, 13.0, 25.0],
            items: 1,
            milliseconds_per_item: 0.0,
            milliseconds_per_kilobyte: 0.0,
        },
    ];

    fn small(items: usize) -> Work {
        Work { items, bytes: 500 }
    }

    fn some(seed: u64, operation: &str, calls: usize, items: usize) -> Vec<Duration> {
        let latencies = Latencies::new(seed, &PROFILES);
        (0..calls)
            .map(|_| latencies.next(operation, small(items)).expect("a latency"))
            .collect()
    }

    #[test]
    fn a_seed_decides_every_latency() {
        let one = some(7, "Write", 100, 1);
        assert_eq!(one, some(7, "Write", 100, 1));
        assert_ne!(one, some(8, "Write", 100, 1));

        // Other operations in between change nothing.
        let latencies = Latencies::new(7, &PROFILES);
        let mixed: Vec<_> = (0..100)
            .map(|_| {
                latencies.next("Read", small(1));
                latencies.next("Write", small(1)).expect("a latency")
            })
            .collect();
        assert_eq!(one, mixed);
    }

    #[test]
    fn items_and_bytes_add_their_time() {
        let time = |items: usize, kilobytes: usize| {
            let bytes = kilobytes * 1_024;
            PROFILES[0].time(0.5, Work { items, bytes }).as_secs_f64() * 1_000.0
        };
        for (time, expected) in [
            (time(5, 5), 7.55),
            (time(25, 5), 9.55),
            (time(5, 105), 12.55),
            // A kilobyte for each item is in the profile's times.
            (time(25, 125), 14.55),
        ] {
            assert!(
                (time - expected).abs() < 0.001,
                "{time} ms, not {expected} ms"
            );
        }
    }

    #[test]
    fn percentiles_are_those_of_the_profile() {
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
}
