//! Counts by second, of the last minute.

use super::clock::Second;

/// The last complete seconds that a report has.
pub(super) const HISTORY: usize = 60;
/// A rate is the mean of this many complete seconds: steady enough to read, and still fresh.
const RATE_SECONDS: usize = 3;
/// The history and the current second.
const SLOTS: usize = HISTORY + 1;

/// Counts of the last seconds.
#[derive(Debug, Clone)]
pub(super) struct PerSecond {
    counts: [u32; SLOTS],
    latest: Second,
}

impl Default for PerSecond {
    fn default() -> Self {
        PerSecond {
            counts: [0; SLOTS],
            latest: 0,
        }
    }
}

impl PerSecond {
    pub(super) fn add(&mut self, now: Second, count: u64) {
        self.advance(now);
        let slot = &mut self.counts[slot(self.latest)];
        *slot = slot.saturating_add(count.try_into().unwrap_or(u32::MAX));
    }

    /// The last [`HISTORY`] complete seconds, oldest first.
    pub(super) fn history(&mut self, now: Second) -> Vec<u32> {
        self.advance(now);
        (1..=HISTORY)
            .map(|offset| self.counts[(slot(self.latest) + offset) % SLOTS])
            .collect()
    }

    /// Per second, over the last few complete seconds.
    pub(super) fn rate(&mut self, now: Second) -> f64 {
        let history = self.history(now);
        let last = &history[HISTORY - RATE_SECONDS..];
        f64::from(last.iter().sum::<u32>()) / RATE_SECONDS as f64
    }

    /// Empties the slots of the seconds in which nothing happened.
    fn advance(&mut self, now: Second) {
        let passed = now.saturating_sub(self.latest).min(SLOTS as Second);
        for second in 0..passed {
            self.counts[slot(now - second)] = 0;
        }
        self.latest = self.latest.max(now);
    }
}

fn slot(second: Second) -> usize {
    (second % SLOTS as Second) as usize
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_current_second_is_not_reported_before_it_is_over() {
        let mut counts = PerSecond::default();
        counts.add(100, 6);
        assert_eq!(counts.rate(100), 0.0);
        assert_eq!(counts.rate(101), 2.0);
        assert_eq!(counts.history(101)[HISTORY - 1], 6);
        assert_eq!(counts.rate(104), 0.0);
        assert_eq!(counts.history(104)[HISTORY - 4], 6);
    }

    #[test]
    fn what_is_older_than_the_history_is_forgotten() {
        let mut counts = PerSecond::default();
        for second in 0..1_000 {
            counts.add(second, second);
        }
        let history = counts.history(1_000);
        assert_eq!(history.len(), HISTORY);
        assert_eq!((history[0], history[HISTORY - 1]), (940, 999));
        assert_eq!(counts.history(1_030)[0], 970);
        assert_eq!(counts.history(5_000), [0; HISTORY]);
    }

    #[test]
    fn a_late_count_goes_to_the_latest_second() {
        let mut counts = PerSecond::default();
        counts.add(10, 1);
        counts.add(9, 1);
        assert_eq!(counts.history(11)[HISTORY - 1], 2);
    }
}
