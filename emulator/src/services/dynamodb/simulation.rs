//! DynamoDB's latencies, contention and throttling.
//!
//! The engine answers as fast as it can and makes transactions on one item wait for each other. Here each call takes as
//! long as on AWS, a transaction locks its items for that long, a call that conflicts with it is refused as on AWS, and
//! an item takes no more writes and reads than a partition does.

use std::collections::HashMap;

use tokio::time::Instant;

use super::capacity;
use super::contention::{Access, ItemLocks, LockedItems};
use super::latency::PROFILES;
use super::refusal::{Reason, Refusal};
use super::request::{Action, ItemAction, Request};
use super::statements::RefusedStatements;
use super::throttling::{Partitions, READ_UNITS_PER_SECOND, WRITE_UNITS_PER_SECOND};
use crate::meter::HalfUnits;
use crate::simulation::{Latencies, Realism, Work};
use crate::template::Table;

#[derive(Debug)]
pub(super) struct Simulation {
    latencies: Latencies,
    locks: ItemLocks,
    writes: Partitions,
    reads: Partitions,
    /// The names of the key's attributes, by table.
    keys: HashMap<String, Vec<String>>,
}

/// Whether a call may go on, and when it is answered.
#[derive(Debug)]
#[must_use]
pub(super) struct Admission {
    pub(super) verdict: Verdict,
    answered_at: Option<Instant>,
    /// The partitions that it reads from.
    reads_from: Vec<String>,
    /// Until the answer.
    _locked: Vec<LockedItems>,
}

#[derive(Debug)]
pub(super) enum Verdict {
    Admitted,
    Refused(Refusal),
    /// Of a batch of statements, some are refused.
    PartlyRefused(RefusedStatements),
}

/// What a call that goes on holds and uses.
#[derive(Debug, Default)]
struct Hold {
    locked: Vec<LockedItems>,
    reads_from: Vec<String>,
    refused: Option<RefusedStatements>,
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
            writes: Partitions::new(WRITE_UNITS_PER_SECOND),
            reads: Partitions::new(READ_UNITS_PER_SECOND),
            keys: tables
                .iter()
                .map(|table| (table.name.clone(), attributes(table)))
                .collect(),
        })
    }

    /// Decides on a call with a body of so many bytes, at its arrival.
    pub(super) fn admit(
        &self,
        operation: &str,
        request: Option<&Request<'_>>,
        bytes: usize,
    ) -> Admission {
        let items = request.map_or(1, Request::size);
        let latency = self.latencies.next(operation, Work { items, bytes });
        let checked = request.map_or_else(
            || Ok(Hold::default()),
            |request| self.check(operation, request),
        );
        let (verdict, hold) = match checked {
            Err(refusal) => (Verdict::Refused(refusal), Hold::default()),
            Ok(mut hold) => match hold.refused.take() {
                Some(refused) => (Verdict::PartlyRefused(refused), hold),
                None => (Verdict::Admitted, hold),
            },
        };
        Admission {
            verdict,
            answered_at: latency.map(|latency| Instant::now() + latency),
            reads_from: hold.reads_from,
            _locked: hold.locked,
        }
    }

    /// Takes the units that a call has read from its partitions, in equal parts.
    pub(super) fn charge_reads(&self, admission: &Admission, read: HalfUnits) {
        let partitions = &admission.reads_from;
        if !partitions.is_empty() {
            let each = read.0 as f64 / 2.0 / partitions.len() as f64;
            self.reads.charge(partitions, each, now());
        }
    }

    fn check(&self, operation: &str, request: &Request<'_>) -> Result<Hold, Refusal> {
        match operation {
            "TransactWriteItems" => self.check_transaction(request),
            "PutItem" | "UpdateItem" | "DeleteItem" => self.check_write(request),
            "BatchExecuteStatement" => Ok(self.check_statements(request)),
            "TransactGetItems" => self.check_transactional_read(request),
            "GetItem" | "BatchGetItem" => self.check_read(self.read_keys(request)),
            // It reads a partition after another; a page comes from one.
            "Scan" => self.check_read(request.table().map(|table| vec![table.to_owned()])),
            _ => Ok(Hold::default()),
        }
    }

    fn check_transaction(&self, request: &Request<'_>) -> Result<Hold, Refusal> {
        let items: Vec<ItemAction<'_>> = request.items().collect();
        // It is not a table of the template, or the engine will refuse the key.
        let Some(keys) = self.keys(&items) else {
            return Ok(Hold::default());
        };
        let locked = self
            .locks
            .try_lock(Access::Transaction, &keys)
            .map_err(|items| Refusal::of_transaction(items, Reason::TransactionConflict))?;
        // Each item is written twice, to prepare and to commit.
        let units: Vec<f64> = items.iter().map(|item| units(item) * 2.0).collect();
        self.writes
            .take(&keys, &units, now())
            .map_err(|items| Refusal::of_transaction(items, Reason::Throttling))?;
        Ok(Hold {
            locked: vec![locked],
            ..Hold::default()
        })
    }

    fn check_write(&self, request: &Request<'_>) -> Result<Hold, Refusal> {
        let mut hold = Hold::default();
        if let Some(item) = request.items().next() {
            let locked = self.try_write(&item).map_err(Refusal::single)?;
            hold.locked.extend(locked);
        }
        Ok(hold)
    }

    /// Statements are admitted or refused one by one.
    fn check_statements(&self, request: &Request<'_>) -> Hold {
        let mut hold = Hold::default();
        let mut reasons = Vec::new();
        for item in request.inserts() {
            let result = item.map_or(Ok(None), |item| self.try_write(&item));
            reasons.push(result.as_ref().err().copied());
            hold.locked.extend(result.ok().flatten());
        }
        let refused = reasons.iter().any(Option::is_some);
        hold.refused = refused.then_some(RefusedStatements(reasons));
        hold
    }

    fn check_transactional_read(&self, request: &Request<'_>) -> Result<Hold, Refusal> {
        let Some(keys) = self.read_keys(request) else {
            return Ok(Hold::default());
        };
        // It locks nothing: a later call does not conflict with it.
        self.locks
            .try_lock(Access::TransactionalRead, &keys)
            .map_err(|items| Refusal::of_transaction(items, Reason::TransactionConflict))?;
        self.reads
            .admit(&keys, now())
            .map_err(|items| Refusal::of_transaction(items, Reason::Throttling))?;
        Ok(Hold {
            reads_from: keys,
            ..Hold::default()
        })
    }

    fn check_read(&self, partitions: Option<Vec<String>>) -> Result<Hold, Refusal> {
        let reads_from = partitions.unwrap_or_default();
        self.reads
            .admit(&reads_from, now())
            .map_err(|_| Refusal::single(Reason::Throttling))?;
        Ok(Hold {
            reads_from,
            ..Hold::default()
        })
    }

    /// Locks the item of a write that is in no transaction, and takes its units. Nothing is locked of an item that
    /// the engine will refuse.
    fn try_write(&self, item: &ItemAction<'_>) -> Result<Option<LockedItems>, Reason> {
        if !item.action.writes() {
            return Ok(None);
        }
        let Some(key) = self.key(item) else {
            return Ok(None);
        };
        let keys = [key];
        let locked = self
            .locks
            .try_lock(Access::Write, &keys)
            .map_err(|_| Reason::TransactionConflict)?;
        self.writes
            .take(&keys, &[units(item)], now())
            .map_err(|_| Reason::Throttling)?;
        Ok(Some(locked))
    }

    fn read_keys(&self, request: &Request<'_>) -> Option<Vec<String>> {
        self.keys(&request.items_to_get())
    }

    /// None if one is of a table that is not the template's, or has no such key.
    fn keys(&self, items: &[ItemAction<'_>]) -> Option<Vec<String>> {
        items.iter().map(|item| self.key(item)).collect()
    }

    fn key(&self, item: &ItemAction<'_>) -> Option<String> {
        item.key(self.keys.get(item.table)?)
    }
}

fn now() -> std::time::Instant {
    std::time::Instant::now()
}

/// The write units that an action takes from its item's partition, outside a transaction.
fn units(item: &ItemAction<'_>) -> f64 {
    match item.action {
        Action::Get => 0.0,
        Action::Put | Action::Update | Action::Delete | Action::Check => {
            capacity::write_units(item) as f64
        }
    }
}
