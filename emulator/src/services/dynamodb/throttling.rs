//! Throttling of items that are written or read too often.
//!
//! A partition takes 1,000 write units and 3,000 read units a second. DynamoDB keeps unused capacity of up to 300 seconds for bursts, but
//! bursts can't go beyond a partition's limit, so at most one second's units are saved here.
//! Sources: "Designing partition keys to distribute your workload", "Burst and adaptive capacity", Amazon DynamoDB
//! Developer Guide; "How does DynamoDB handle spiky workloads", AWS re:Post.
//!
//! Each item counts as a partition of its own, because adaptive capacity gives a hot item one. A scan is assumed to read
//! from one partition at a time.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Instant;

pub(super) const WRITE_UNITS_PER_SECOND: f64 = 1_000.0;
pub(super) const READ_UNITS_PER_SECOND: f64 = 3_000.0;
/// Beyond this number, items that have not been used for a second are forgotten.
const MANY_ITEMS: usize = 10_000;

/// The units that each item's partition has left.
#[derive(Debug)]
pub(super) struct Partitions {
    /// What one takes in a second, and saves at most.
    units_per_second: f64,
    used: Mutex<HashMap<String, Partition>>,
}

#[derive(Debug)]
struct Partition {
    /// Below zero after a read that was larger than what was left.
    units: f64,
    at: Instant,
}

impl Partitions {
    pub(super) fn new(units_per_second: f64) -> Self {
        Partitions {
            units_per_second,
            used: Mutex::default(),
        }
    }

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
        let mut used = self.used.lock().unwrap_or_else(PoisonError::into_inner);
        let wanted = keys.iter().zip(units);
        let throttled: Vec<bool> = wanted
            .clone()
            // A full partition takes an item of any size.
            .map(|(key, &units)| self.left(&used, key, now) < units.min(self.units_per_second))
            .collect();
        if throttled.contains(&true) {
            return Err(throttled);
        }
        for (key, &units) in wanted {
            self.subtract(&mut used, key, units, now);
        }
        Ok(())
    }

    /// By index, which items take nothing now, because reads before have taken more than was left.
    ///
    /// # Errors
    /// When there is one.
    pub(super) fn admit(&self, keys: &[String], now: Instant) -> Result<(), Vec<bool>> {
        self.take(keys, &vec![0.0; keys.len()], now)
    }

    /// Takes units from each item that are known only afterwards, even if less is left.
    pub(super) fn charge(&self, keys: &[String], units: f64, now: Instant) {
        let mut used = self.used.lock().unwrap_or_else(PoisonError::into_inner);
        for key in keys {
            self.subtract(&mut used, key, units, now);
        }
    }

    fn subtract(&self, used: &mut HashMap<String, Partition>, key: &str, units: f64, now: Instant) {
        if units == 0.0 {
            return;
        }
        let units = self.left(used, key, now) - units;
        used.insert(key.to_owned(), Partition { units, at: now });
        if used.len() > MANY_ITEMS {
            used.retain(|_, partition| self.units(partition, now) < self.units_per_second);
        }
    }

    fn left(&self, used: &HashMap<String, Partition>, key: &str, now: Instant) -> f64 {
        let partition = used.get(key);
        partition.map_or(self.units_per_second, |one| self.units(one, now))
    }

    fn units(&self, partition: &Partition, now: Instant) -> f64 {
        let since = now.saturating_duration_since(partition.at);
        let gained = since.as_secs_f64() * self.units_per_second;
        (partition.units + gained).min(self.units_per_second)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn an_item_takes_a_thousand_units_a_second() {
        let partitions = Partitions::new(WRITE_UNITS_PER_SECOND);
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
    fn reads_are_refused_until_what_they_took_too_much_is_made_up_for() {
        let partitions = Partitions::new(READ_UNITS_PER_SECOND);
        let keys = ["hot".to_owned()];
        let begun = Instant::now();
        let mut taken = 0;
        while partitions.admit(&keys, begun).is_ok() {
            partitions.charge(&keys, 40.0, begun);
            taken += 1;
        }
        // 76 times 40 is 3,040.
        assert_eq!(taken, 76);
        let too_soon = begun + Duration::from_millis(13);
        assert_eq!(partitions.admit(&keys, too_soon), Err(vec![true]));
        let in_time = begun + Duration::from_millis(14);
        assert_eq!(partitions.admit(&keys, in_time), Ok(()));
    }

    #[test]
    fn items_that_are_not_written_are_forgotten() {
        let partitions = Partitions::new(WRITE_UNITS_PER_SECOND);
        let mut now = Instant::now();
        for number in 0..=MANY_ITEMS {
            now += Duration::from_millis(1);
            assert!(partitions.take(&[number.to_string()], &[2.0], now).is_ok());
        }
        assert!(partitions.used.lock().expect("partitions").len() < 10);
    }
}
