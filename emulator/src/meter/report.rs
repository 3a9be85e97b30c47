//! The counts as `GET /_local/metrics` answers them.

use std::collections::BTreeMap;
use std::sync::PoisonError;
use std::sync::atomic::Ordering;

use emulator_api::{CallerUsage, FunctionReport, FunctionUsage, Metrics, OperationUsage, Totals};

use super::counts::Usage;
use super::period::Period;
use crate::caller::Caller;

const MIB_PER_GB: f64 = 1_024.0;

/// `functions` are the functions' own counts now.
pub(super) fn metrics(period: &Period, functions: Vec<FunctionReport>) -> Metrics {
    let callers = period
        .callers
        .read()
        .unwrap_or_else(PoisonError::into_inner);
    let usage_of = |caller: Caller| {
        callers
            .get(&caller)
            .map(|usage| caller_usage(usage))
            .unwrap_or_default()
    };
    let before: BTreeMap<&str, &FunctionReport> = period
        .functions_before
        .iter()
        .map(|report| (report.logical_id.as_str(), report))
        .collect();
    let functions: Vec<FunctionUsage> = functions
        .into_iter()
        .map(|now| {
            let before = before.get(now.logical_id.as_str()).copied();
            let usage = usage_of(Caller::Function(now.logical_id.clone()));
            function_usage(now, before, usage)
        })
        .collect();
    let event_sources = usage_of(Caller::Emulator);
    let mut totals = Totals {
        http_requests: period.http_requests.load(Ordering::Relaxed),
        ..Totals::default()
    };
    for function in &functions {
        add_function(&mut totals, function);
    }
    add_calls(&mut totals, &event_sources.calls);
    Metrics {
        since: period.since,
        totals,
        functions,
        event_sources,
        others: usage_of(Caller::Other),
    }
}

fn add_function(totals: &mut Totals, function: &FunctionUsage) {
    totals.invocations += function.invocations;
    totals.cold_starts += function.cold_starts;
    totals.gb_seconds += function.gb_seconds;
    add_calls(totals, &function.usage.calls);
}

fn add_calls(totals: &mut Totals, calls: &[OperationUsage]) {
    for one in calls {
        totals.sqs_requests += one.billed_requests;
        totals.read_units += one.read_units;
        totals.write_units += one.write_units;
        if matches!(
            one.operation.as_str(),
            "TransactWriteItems" | "TransactGetItems"
        ) {
            totals.transactions += one.calls;
        }
        totals.cancelled_transactions += one.cancelled_transactions;
        totals.conflicts += one.conflicts;
        totals.throttles += one.throttles;
    }
}

fn function_usage(
    now: FunctionReport,
    before: Option<&FunctionReport>,
    usage: CallerUsage,
) -> FunctionUsage {
    let since =
        |count: fn(&FunctionReport) -> u64| count(&now).saturating_sub(before.map_or(0, count));
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

fn caller_usage(usage: &Usage) -> CallerUsage {
    CallerUsage {
        calls: usage.calls(),
        permissions: usage.permissions(),
    }
}
