//! Throttling of items that are written too often.
//!
//! A partition takes 1,000 write units a second. DynamoDB keeps unused capacity of up to 300 seconds for bursts, but
//! bursts can't go beyond a partition's limit, so at most one second's units are saved here.
//! Sources: "Designing partition keys to distribute your workload", "Burst and adaptive capacity", Amazon DynamoDB
//! Developer Guide; "How does DynamoDB handle spiky workloads", AWS re:Post.
//!
//! Each item counts as a partition of its own, because adaptive capacity gives a hot item one.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Instant;

const UNITS_PER_SECOND: f64 = 1_000.0;
/// One second's units.
const MOST_SAVED: f64 = UNITS_PER_SECOND;
/// Beyond this number, items that have not been written for a second are forgotten.
const MANY_ITEMS: usize = 10_000;

/// The units that each item's partition has left.
#[derive(Debug, Default)]
pub(super) struct Partitions(Mutex<HashMap<String, Partition>>);

#[derive(Debug)]
struct Partition {
    units: f64,
    at: Instant,
}

impl Partition {
    fn units(&self, now: Instant) -> f64 {
        let gained = now.saturating_duration_since(self.at).as_secs_f64() * UNITS_PER_SECOND;
        (self.units + gained).min(MOST_SAVED)
    }
}

impl Partitions {
    /// Takes units for all the items, or for none.
    ///
    /// # Errors
    /// By index, which items are throttled.
    pub(super) fn take(
        &self,
        keys: &[String],
        units: &[f64],
        now: Instant,
    ) -> Result<(), Vec<bool>> {
        let mut partitions = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let wanted = keys.iter().zip(units);
        let throttled: Vec<bool> = wanted
            .clone()
            // A full partition takes an item of any size.
            .map(|(key, &units)| left(&partitions, key, now) < units.min(MOST_SAVED))
            .collect();
        if throttled.contains(&true) {
            return Err(throttled);
        }
        for (key, &units) in wanted.filter(|(_, units)| **units > 0.0) {
            let units = left(&partitions, key, now) - units;
            partitions.insert(key.clone(), Partition { units, at: now });
        }
        if partitions.len() > MANY_ITEMS {
            partitions.retain(|_, partition| partition.units(now) < MOST_SAVED);
        }
        Ok(())
    }
}

fn left(partitions: &HashMap<String, Partition>, key: &str, now: Instant) -> f64 {
    partitions.get(key).map_or(MOST_SAVED, |one| one.units(now))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn an_item_takes_a_thousand_units_a_second() {
        let partitions = Partitions::default();
        let keys = ["hot".to_owned()];
        let taken = |now| {
            (0..600)
                .filter(|_| partitions.take(&keys, &[2.0], now).is_ok())
                .count()
        };
        let begun = Instant::now();
        assert_eq!(taken(begun), 500);
        assert_eq!(partitions.take(&keys, &[2.0], begun), Err(vec![true]));
        assert!(partitions.take(&["cold".to_owned()], &[2.0], begun).is_ok());
        let both = ["cold".to_owned(), "hot".to_owned()];
        let refused = partitions.take(&both, &[2.0, 2.0], begun);
        assert_eq!(refused, Err(vec![false, true]));

        let later = begun + Duration::from_millis(100);
        assert_eq!(taken(later), 50);
        // A long rest saves up one second's worth, no more.
        assert_eq!(taken(later + Duration::from_secs(300)), 500);
    }

    #[test]
    fn items_that_are_not_written_are_forgotten() {
        let partitions = Partitions::default();
        let mut now = Instant::now();
        for number in 0..=MANY_ITEMS {
            now += Duration::from_millis(1);
            assert!(partitions.take(&[number.to_string()], &[2.0], now).is_ok());
        }
        assert!(partitions.0.lock().expect("partitions").len() < 10);
    }
}
