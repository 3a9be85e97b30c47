//! What the meter tells, as JSON.

use std::collections::BTreeMap;
use std::sync::PoisonError;
use std::sync::atomic::Ordering;

use jiff::Timestamp;
use serde::Serialize;

use super::Period;
use super::counts::{Calls, Usage, Used};
use crate::edge::caller::Caller;
use crate::lambda;

const MIB_PER_GB: f64 = 1_024.0;

/// `GET /_local/metrics`.
#[derive(Debug, Serialize)]
pub(crate) struct Report {
    pub(crate) since: Timestamp,
    /// What AWS would bill for the template's resources: the HTTP API, functions and event sources.
    pub(crate) totals: Totals,
    pub(crate) functions: Vec<FunctionUsage>,
    /// The polling and deleting that Lambda does for queues, on the bill as well.
    pub(crate) event_sources: CallerUsage,
    /// Tests, tools and people. Not in the totals.
    pub(crate) others: CallerUsage,
}

#[derive(Debug, Default, Clone, Serialize)]
pub(crate) struct Totals {
    pub(crate) http_requests: u64,
    pub(crate) invocations: u64,
    pub(crate) cold_starts: u64,
    pub(crate) gb_seconds: f64,
    pub(crate) sqs_requests: u64,
    pub(crate) read_units: f64,
    pub(crate) write_units: f64,
    /// Transactions that were tried, with those that were cancelled.
    pub(crate) transactions: u64,
    pub(crate) cancelled_transactions: u64,
    pub(crate) conflicts: u64,
    pub(crate) throttles: u64,
}

#[derive(Debug, Serialize)]
pub(crate) struct FunctionUsage {
    /// The logical id.
    pub(crate) function: String,
    pub(crate) invocations: u64,
    pub(crate) errors: u64,
    pub(crate) throttles: u64,
    pub(crate) timeouts: u64,
    pub(crate) crashes: u64,
    pub(crate) cold_starts: u64,
    /// Each invocation's time, its cold start with it, rounded up to a millisecond.
    pub(crate) billed_milliseconds: u64,
    pub(crate) memory_mb: u64,
    pub(crate) gb_seconds: f64,
    #[serde(flatten)]
    pub(crate) usage: CallerUsage,
}

#[derive(Debug, Default, Serialize)]
pub(crate) struct CallerUsage {
    pub(crate) calls: Vec<Calls>,
    /// The permissions that these calls needed.
    pub(crate) permissions: Vec<Used>,
}

impl Report {
    pub(super) fn of(period: &Period, functions: Vec<lambda::Report>) -> Self {
        let callers = period
            .callers
            .read()
            .unwrap_or_else(PoisonError::into_inner);
        let usage = |caller: Caller| callers.get(&caller).map(|usage| CallerUsage::of(usage));
        let before: BTreeMap<&str, &lambda::Report> = period
            .before
            .iter()
            .map(|report| (report.logical_id.as_str(), report))
            .collect();
        let functions: Vec<FunctionUsage> = functions
            .into_iter()
            .map(|now| {
                let before = before.get(now.logical_id.as_str()).copied();
                let usage = usage(Caller::Function(now.logical_id.clone())).unwrap_or_default();
                FunctionUsage::of(now, before, usage)
            })
            .collect();
        let event_sources = usage(Caller::Emulator).unwrap_or_default();
        let mut totals = Totals {
            http_requests: period.http_requests.load(Ordering::Relaxed),
            ..Totals::default()
        };
        for function in &functions {
            totals.add_function(function);
        }
        totals.add_calls(&event_sources.calls);
        Report {
            since: period.since,
            totals,
            functions,
            event_sources,
            others: usage(Caller::Other).unwrap_or_default(),
        }
    }
}

impl Totals {
    fn add_function(&mut self, function: &FunctionUsage) {
        self.invocations += function.invocations;
        self.cold_starts += function.cold_starts;
        self.gb_seconds += function.gb_seconds;
        self.add_calls(&function.usage.calls);
    }

    fn add_calls(&mut self, calls: &[Calls]) {
        for one in calls {
            self.sqs_requests += one.billed_requests;
            self.read_units += one.read_units;
            self.write_units += one.write_units;
            if matches!(
                one.operation.as_str(),
                "TransactWriteItems" | "TransactGetItems"
            ) {
                self.transactions += one.calls;
            }
            self.cancelled_transactions += one.cancelled_transactions;
            self.conflicts += one.conflicts;
            self.throttles += one.throttles;
        }
    }
}

impl FunctionUsage {
    fn of(now: lambda::Report, before: Option<&lambda::Report>, usage: CallerUsage) -> Self {
        let since =
            |count: fn(&lambda::Report) -> u64| count(&now).saturating_sub(before.map_or(0, count));
        let billed_milliseconds = since(|report| report.billed_milliseconds);
        let seconds = billed_milliseconds as f64 / 1_000.0;
        FunctionUsage {
            invocations: since(|report| report.invocations),
            errors: since(|report| report.errors),
            throttles: since(|report| report.throttles),
            timeouts: since(|report| report.timeouts),
            crashes: since(|report| report.crashes),
            cold_starts: since(|report| report.cold_starts),
            billed_milliseconds,
            memory_mb: now.memory_mb,
            gb_seconds: seconds * now.memory_mb as f64 / MIB_PER_GB,
            usage,
            function: now.logical_id,
        }
    }
}

impl CallerUsage {
    fn of(usage: &Usage) -> Self {
        CallerUsage {
            calls: usage.calls(),
            permissions: usage.permissions(),
        }
    }
}
