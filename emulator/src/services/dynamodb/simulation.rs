//! DynamoDB's latencies, contention and throttling.
//!
//! The engine answers as fast as it can and makes transactions on one item wait for each other. Here each call takes as
//! long as on AWS, a transaction locks its items for that long, a call that conflicts with it is refused as on AWS, and
//! an item takes no more writes than a partition does.

use std::collections::HashMap;

use serde_json::Value;
use tokio::time::Instant;

use super::capacity;
use super::contention::{Access, ItemLocks, LockedItems};
use super::latency::PROFILES;
use super::refusal::{Reason, Refusal};
use super::request::{Action, ItemAction, Request};
use super::throttling::Partitions;
use crate::simulation::{Latencies, Realism};
use crate::template::Table;

#[derive(Debug)]
pub(super) struct Simulation {
    latencies: Latencies,
    locks: ItemLocks,
    partitions: Partitions,
    /// The names of the key's attributes, by table.
    keys: HashMap<String, Vec<String>>,
}

/// Whether a call may go on, and when it is answered.
#[derive(Debug)]
#[must_use]
pub(super) struct Admission {
    pub(super) refusal: Option<Refusal>,
    answered_at: Option<Instant>,
    /// Until the answer.
    _locked: Option<LockedItems>,
}

impl Admission {
    /// Waits for the time of the answer and unlocks the items.
    pub(super) async fn complete(self) {
        if let Some(time) = self.answered_at {
            tokio::time::sleep_until(time).await;
        }
    }
}

impl Simulation {
    /// None if nothing is to be simulated.
    pub(super) fn new(realism: Realism, tables: &[Table]) -> Option<Self> {
        let latencies = realism.latencies(&PROFILES)?;
        let attributes = |table: &Table| {
            table
                .key
                .iter()
                .map(|part| part.attribute.clone())
                .collect()
        };
        Some(Simulation {
            latencies,
            locks: ItemLocks::default(),
            partitions: Partitions::default(),
            keys: tables
                .iter()
                .map(|table| (table.name.clone(), attributes(table)))
                .collect(),
        })
    }

    /// Decides on a call, at its arrival.
    pub(super) fn admit(&self, operation: &str, request: Option<&Request<'_>>) -> Admission {
        let size = request.map_or(1, Request::size);
        let latency = self.latencies.next(operation, size);
        let (refusal, locked) = match request.map(|request| self.check(operation, request)) {
            Some(Ok(locked)) => (None, locked),
            Some(Err(refusal)) => (Some(refusal), None),
            None => (None, None),
        };
        Admission {
            refusal,
            answered_at: latency.map(|latency| Instant::now() + latency),
            _locked: locked,
        }
    }

    fn check(
        &self,
        operation: &str,
        request: &Request<'_>,
    ) -> Result<Option<LockedItems>, Refusal> {
        let access = match operation {
            "TransactWriteItems" => Access::Transaction,
            "TransactGetItems" => Access::TransactionalRead,
            "PutItem" | "UpdateItem" | "DeleteItem" => Access::Write,
            _ => return Ok(None),
        };
        let items: Vec<ItemAction<'_>> = request.items().collect();
        let keys: Option<Vec<String>> = items.iter().map(|item| self.key(item)).collect();
        // It is not a table of the template, or the engine will refuse the key.
        let Some(keys) = keys else { return Ok(None) };
        let locked = self.locks.try_lock(access, &keys).map_err(|in_conflict| {
            Refusal::new(access, &in_conflict, Reason::TransactionConflict)
        })?;
        let units: Vec<f64> = items.iter().map(|item| units(access, item)).collect();
        self.partitions
            .take(&keys, &units, std::time::Instant::now())
            .map_err(|throttled| Refusal::new(access, &throttled, Reason::Throttling))?;
        Ok(Some(locked))
    }

    /// Table and key as one text.
    fn key(&self, item: &ItemAction<'_>) -> Option<String> {
        let attributes = self.keys.get(item.table)?;
        let value: HashMap<String, Value> = serde_json::from_str(item.value.get()).ok()?;
        let mut key = item.table.to_owned();
        for attribute in attributes {
            key.push('\n');
            key.push_str(&value.get(attribute)?.to_string());
        }
        Some(key)
    }
}

/// The write units that an action takes from its item's partition.
fn units(access: Access, item: &ItemAction<'_>) -> f64 {
    if !item.action.writes() && item.action != Action::Check {
        return 0.0;
    }
    let units = capacity::write_units(item.action, item.value.get().len());
    match access {
        Access::Transaction => units as f64 * 2.0,
        Access::Write | Access::TransactionalRead => units as f64,
    }
}
