//! AWS's latencies and contention, for measurements that mean something beyond this machine.
//!
//! The engines behind the edge answer as fast as they can and let transactions on one item wait for each other. Here
//! each call takes as long as AWS would take, a transaction holds its items for that long, who meets it is turned
//! away as AWS does it, and an item takes no more writes than a partition does.

mod contention;
mod latency;
mod refusal;
mod throttle;

use std::collections::HashMap;

use serde_json::Value;
use tokio::time::Instant;

use crate::meter::capacity;
use crate::request::{Action, ItemAction, Request};
use crate::template::Table;
use contention::{Entry, Held, Holders};
use latency::Latencies;
use refusal::Reason;
pub(crate) use refusal::Refusal;
use throttle::Partitions;

/// How much like AWS the edge behaves.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Realism {
    /// As fast as this machine, without contention.
    #[default]
    Off,
    /// AWS's latencies and contention.
    Aws {
        /// The same seed gives the same latencies: the first, second, … call of an operation takes as long as in
        /// any other run with this seed.
        seed: u64,
    },
}

/// Makes the edge behave like AWS.
#[derive(Debug)]
pub(crate) struct Simulation {
    latencies: Latencies,
    holders: Holders,
    partitions: Partitions,
    /// The names of the key's attributes, by table.
    keys: HashMap<String, Vec<String>>,
}

/// A call that may go on, or is to be refused; either way it is answered at a set time.
#[derive(Debug)]
#[must_use]
pub(crate) struct Admission {
    pub(crate) refusal: Option<Refusal>,
    answered_at: Option<Instant>,
    /// The items, until the answer.
    _held: Option<Held>,
}

impl Admission {
    /// Waits for the time of the answer and lets go of the items.
    pub(crate) async fn complete(self) {
        if let Some(time) = self.answered_at {
            tokio::time::sleep_until(time).await;
        }
    }
}

impl Simulation {
    /// None if nothing is to be simulated.
    pub(crate) fn new(realism: Realism, tables: &[Table]) -> Option<Self> {
        let Realism::Aws { seed } = realism else {
            return None;
        };
        let attributes = |table: &Table| {
            table
                .key
                .iter()
                .map(|part| part.attribute.clone())
                .collect()
        };
        Some(Simulation {
            latencies: Latencies::new(seed),
            holders: Holders::default(),
            partitions: Partitions::default(),
            keys: tables
                .iter()
                .map(|table| (table.name.clone(), attributes(table)))
                .collect(),
        })
    }

    /// Decides what becomes of a call, at its arrival.
    pub(crate) fn admit(&self, operation: &str, request: Option<&Request<'_>>) -> Admission {
        let size = request.map_or(1, Request::size);
        let latency = self.latencies.next(operation, size);
        let (refusal, held) = match request.map(|request| self.enter(operation, request)) {
            Some(Ok(held)) => (None, held),
            Some(Err(refusal)) => (Some(refusal), None),
            None => (None, None),
        };
        Admission {
            refusal,
            answered_at: latency.map(|latency| Instant::now() + latency),
            _held: held,
        }
    }

    fn enter(&self, operation: &str, request: &Request<'_>) -> Result<Option<Held>, Refusal> {
        let entry = match operation {
            "TransactWriteItems" => Entry::Transaction,
            "TransactGetItems" => Entry::TransactionalRead,
            "PutItem" | "UpdateItem" | "DeleteItem" => Entry::Write,
            _ => return Ok(None),
        };
        let items: Vec<ItemAction<'_>> = request.items().collect();
        let keys: Option<Vec<String>> = items.iter().map(|item| self.key(item)).collect();
        // Another table than the template's, or a key that will be refused.
        let Some(keys) = keys else { return Ok(None) };
        let held = self.holders.enter(entry, &keys).map_err(|in_conflict| {
            Refusal::new(entry, &in_conflict, Reason::TransactionConflict)
        })?;
        let units: Vec<f64> = items.iter().map(|item| units(entry, item)).collect();
        self.partitions
            .take(&keys, &units, std::time::Instant::now())
            .map_err(|throttled| Refusal::new(entry, &throttled, Reason::Throttling))?;
        Ok(Some(held))
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
fn units(entry: Entry, item: &ItemAction<'_>) -> f64 {
    if !item.action.writes() && item.action != Action::Check {
        return 0.0;
    }
    let units = capacity::write_units(item.action, item.value.get().len());
    match entry {
        Entry::Transaction => units as f64 * 2.0,
        Entry::Write | Entry::TransactionalRead => units as f64,
    }
}
