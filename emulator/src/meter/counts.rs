//! Counters that many tasks add to at once.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{PoisonError, RwLock};
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::capacity::Capacity;
use crate::request::{Permission, Service};

/// How a call ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ending {
    Success,
    /// A transaction was cancelled.
    Cancelled {
        /// Another transaction was under way on one of its items.
        by_conflict: bool,
        by_throttle: bool,
    },
    /// A transaction was under way on the item.
    Conflict,
    Throttle,
    ConditionFailed,
    OtherFailure,
}

impl Ending {
    /// Whether DynamoDB charges for what was tried.
    pub(crate) fn is_charged(self) -> bool {
        match self {
            Ending::ConditionFailed => true,
            Ending::Cancelled { by_throttle, .. } => !by_throttle,
            _ => false,
        }
    }

    /// By DynamoDB's words for a failure.
    pub(crate) fn of_failure(answer: &[u8]) -> Self {
        #[derive(Deserialize)]
        struct Failure<'a> {
            #[serde(borrow, rename = "__type")]
            kind: Cow<'a, str>,
            #[serde(rename = "CancellationReasons", default)]
            reasons: Vec<Reason>,
        }
        #[derive(Deserialize)]
        #[serde(rename_all = "PascalCase")]
        struct Reason {
            #[serde(default)]
            code: String,
        }
        let Ok(failure) = serde_json::from_slice::<Failure<'_>>(answer) else {
            return Ending::OtherFailure;
        };
        let has = |codes: &[&str]| {
            let mut reasons = failure.reasons.iter();
            reasons.any(|reason| codes.contains(&reason.code.as_str()))
        };
        match failure.kind.rsplit('#').next().unwrap_or_default() {
            "TransactionCanceledException" => Ending::Cancelled {
                by_conflict: has(&["TransactionConflict"]),
                by_throttle: has(&["ThrottlingError", "ProvisionedThroughputExceeded"]),
            },
            "TransactionConflictException" => Ending::Conflict,
            "ThrottlingException" | "ProvisionedThroughputExceededException" => Ending::Throttle,
            "ConditionalCheckFailedException" => Ending::ConditionFailed,
            _ => Ending::OtherFailure,
        }
    }
}

/// What is written down of a call.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Entry {
    pub(crate) ending: Ending,
    pub(crate) capacity: Capacity,
    /// Requests that SQS bills.
    pub(crate) billed_requests: u64,
    pub(crate) took: Duration,
}

/// What one caller did.
#[derive(Debug, Default)]
pub(super) struct Usage {
    operations: RwLock<HashMap<Operation, Counts>>,
    permissions: RwLock<HashMap<Service, Granted>>,
}

/// Resources by action.
type Granted = BTreeMap<String, BTreeSet<String>>;

#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
struct Operation {
    service: Service,
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

/// The calls of one operation.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(crate) struct Calls {
    pub(crate) service: &'static str,
    pub(crate) operation: String,
    pub(crate) calls: u64,
    /// Calls that failed, for any reason.
    pub(crate) errors: u64,
    pub(crate) cancelled_transactions: u64,
    /// Calls that met a transaction under way.
    pub(crate) conflicts: u64,
    pub(crate) throttles: u64,
    pub(crate) read_units: f64,
    pub(crate) write_units: f64,
    pub(crate) billed_requests: u64,
    /// Time that callers waited, altogether.
    pub(crate) milliseconds: f64,
}

/// A permission that was used.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Used {
    /// As IAM policies name it: `dynamodb:PutItem`.
    pub(crate) action: String,
    /// A table, `table/index/name` or queue, without the ARN around it.
    pub(crate) resource: String,
}

impl Usage {
    pub(super) fn add(&self, service: Service, operation: &str, entry: &Entry) {
        let key = Operation {
            service,
            name: operation.to_owned(),
        };
        let operations = self
            .operations
            .read()
            .unwrap_or_else(PoisonError::into_inner);
        if let Some(counts) = operations.get(&key) {
            return counts.add(entry);
        }
        drop(operations);
        let mut operations = self
            .operations
            .write()
            .unwrap_or_else(PoisonError::into_inner);
        operations.entry(key).or_default().add(entry);
    }

    pub(super) fn used(&self, service: Service, permissions: &[Permission<'_>]) {
        let known = self
            .permissions
            .read()
            .unwrap_or_else(PoisonError::into_inner);
        let granted = known.get(&service);
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
    pub(super) fn calls(&self) -> Vec<Calls> {
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

    pub(super) fn permissions(&self) -> Vec<Used> {
        let known = self
            .permissions
            .read()
            .unwrap_or_else(PoisonError::into_inner);
        let mut all = Vec::new();
        for (service, granted) in known.iter() {
            for (action, resources) in granted {
                all.extend(resources.iter().map(|resource| Used {
                    action: format!("{}:{action}", service.prefix()),
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
    fn add(&self, entry: &Entry) {
        let add = |counter: &AtomicU64, amount: u64| {
            if amount > 0 {
                counter.fetch_add(amount, Ordering::Relaxed);
            }
        };
        let count = |counter: &AtomicU64, counts: bool| add(counter, u64::from(counts));
        let (cancelled, conflict, throttle) = match entry.ending {
            Ending::Cancelled {
                by_conflict,
                by_throttle,
            } => (true, by_conflict, by_throttle),
            Ending::Conflict => (false, true, false),
            Ending::Throttle => (false, false, true),
            Ending::Success | Ending::ConditionFailed | Ending::OtherFailure => {
                (false, false, false)
            }
        };
        add(&self.calls, 1);
        count(&self.errors, entry.ending != Ending::Success);
        count(&self.cancelled, cancelled);
        count(&self.conflicts, conflict);
        count(&self.throttles, throttle);
        add(&self.read_half_units, entry.capacity.read.0);
        add(&self.write_half_units, entry.capacity.write.0);
        add(&self.billed_requests, entry.billed_requests);
        let micros = entry.took.as_micros().try_into().unwrap_or(u64::MAX);
        add(&self.micros, micros);
    }

    fn read(&self, operation: &Operation) -> Calls {
        let count = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        Calls {
            service: operation.service.prefix(),
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
