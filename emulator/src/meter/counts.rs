//! Counters that many tasks add to at once.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{PoisonError, RwLock};

use emulator_api::{OperationUsage, UsedPermission};

use super::call::{Ending, MeteredCall, Permission};

/// The calls of one caller.
#[derive(Debug, Default)]
pub(super) struct Usage {
    operations: RwLock<HashMap<Operation, Counts>>,
    /// By service.
    permissions: RwLock<HashMap<&'static str, Granted>>,
}

/// Resources by action.
type Granted = BTreeMap<String, BTreeSet<String>>;

#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
struct Operation {
    service: &'static str,
    name: String,
}

#[derive(Debug, Default)]
struct Counts {
    calls: AtomicU64,
    errors: AtomicU64,
    cancelled: AtomicU64,
    conflicts: AtomicU64,
    throttles: AtomicU64,
    read_half_units: AtomicU64,
    write_half_units: AtomicU64,
    billed_requests: AtomicU64,
    micros: AtomicU64,
}

impl Usage {
    pub(super) fn add(&self, call: &MeteredCall<'_>) {
        let key = Operation {
            service: call.service,
            name: call.operation.to_owned(),
        };
        let operations = self
            .operations
            .read()
            .unwrap_or_else(PoisonError::into_inner);
        if let Some(counts) = operations.get(&key) {
            return counts.add(call);
        }
        drop(operations);
        let mut operations = self
            .operations
            .write()
            .unwrap_or_else(PoisonError::into_inner);
        operations.entry(key).or_default().add(call);
    }

    pub(super) fn add_permissions(&self, service: &'static str, permissions: &[Permission<'_>]) {
        let known = self
            .permissions
            .read()
            .unwrap_or_else(PoisonError::into_inner);
        let granted = known.get(service);
        let is_known = |used: &Permission<'_>| {
            granted
                .and_then(|granted| granted.get(used.action))
                .is_some_and(|resources| resources.contains(used.resource.as_ref()))
        };
        if permissions.iter().all(is_known) {
            return;
        }
        drop(known);
        let mut known = self
            .permissions
            .write()
            .unwrap_or_else(PoisonError::into_inner);
        let granted = known.entry(service).or_default();
        for used in permissions {
            let resources = granted.entry(used.action.to_owned()).or_default();
            resources.insert(used.resource.clone().into_owned());
        }
    }

    /// In alphabetical order, so that two readings can be compared.
    pub(super) fn calls(&self) -> Vec<OperationUsage> {
        let operations = self
            .operations
            .read()
            .unwrap_or_else(PoisonError::into_inner);
        let mut all: Vec<_> = operations.iter().collect();
        all.sort_unstable_by_key(|(operation, _)| *operation);
        all.into_iter()
            .map(|(operation, counts)| counts.read(operation))
            .collect()
    }

    pub(super) fn permissions(&self) -> Vec<UsedPermission> {
        let known = self
            .permissions
            .read()
            .unwrap_or_else(PoisonError::into_inner);
        let mut all = Vec::new();
        for (service, granted) in known.iter() {
            for (action, resources) in granted {
                all.extend(resources.iter().map(|resource| UsedPermission {
                    action: format!("{service}:{action}"),
                    resource: resource.clone(),
                }));
            }
        }
        all.sort_unstable_by(|one, other| {
            (&one.action, &one.resource).cmp(&(&other.action, &other.resource))
        });
        all
    }
}

impl Counts {
    fn add(&self, call: &MeteredCall<'_>) {
        let add = |counter: &AtomicU64, amount: u64| {
            if amount > 0 {
                counter.fetch_add(amount, Ordering::Relaxed);
            }
        };
        let count = |counter: &AtomicU64, counts: bool| add(counter, u64::from(counts));
        let (cancelled, conflict, throttle) = match call.consumption.ending {
            Ending::Cancelled {
                by_conflict,
                by_throttle,
            } => (true, by_conflict, by_throttle),
            Ending::PartlyRefused {
                by_conflict,
                by_throttle,
            } => (false, by_conflict, by_throttle),
            Ending::Conflict => (false, true, false),
            Ending::Throttle => (false, false, true),
            Ending::Success | Ending::ConditionFailed | Ending::OtherFailure => {
                (false, false, false)
            }
        };
        add(&self.calls, 1);
        count(&self.errors, call.consumption.ending != Ending::Success);
        count(&self.cancelled, cancelled);
        count(&self.conflicts, conflict);
        count(&self.throttles, throttle);
        add(&self.read_half_units, call.consumption.capacity.read.0);
        add(&self.write_half_units, call.consumption.capacity.write.0);
        add(&self.billed_requests, call.consumption.billed_requests);
        let micros = call.took.as_micros().try_into().unwrap_or(u64::MAX);
        add(&self.micros, micros);
    }

    fn read(&self, operation: &Operation) -> OperationUsage {
        let count = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        OperationUsage {
            service: operation.service.to_owned(),
            operation: operation.name.clone(),
            calls: count(&self.calls),
            errors: count(&self.errors),
            cancelled_transactions: count(&self.cancelled),
            conflicts: count(&self.conflicts),
            throttles: count(&self.throttles),
            read_units: count(&self.read_half_units) as f64 / 2.0,
            write_units: count(&self.write_half_units) as f64 / 2.0,
            billed_requests: count(&self.billed_requests),
            milliseconds: count(&self.micros) as f64 / 1_000.0,
        }
    }
}
