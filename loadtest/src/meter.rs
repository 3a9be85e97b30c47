//! The emulator's meter: calls of AWS services, and the usage that AWS would bill.

use std::collections::BTreeMap;
use std::fmt;

use anyhow::{Context, Result};
use serde::Deserialize;

use crate::prices::Usage;

/// The name of the event sources in the list of callers.
const EVENT_SOURCES: &str = "event sources";

/// The counts of the meter at one moment.
#[derive(Debug, Clone, Default)]
pub struct MeterReading {
    pub usage: Usage,
    /// Attempted transactions, committed or not.
    pub transactions: u64,
    /// Transactions that were cancelled because of a concurrent write.
    pub conflicts: u64,
    /// By caller and operation.
    calls: BTreeMap<(String, String), u64>,
}

/// The part of `GET /_local/metrics` that is used here.
#[derive(Deserialize)]
struct Metrics {
    totals: Totals,
    functions: Vec<Function>,
    event_sources: Caller,
}

#[derive(Deserialize)]
struct Totals {
    http_requests: f64,
    invocations: f64,
    gb_seconds: f64,
    sqs_requests: f64,
    read_units: f64,
    write_units: f64,
    transactions: u64,
    conflicts: u64,
}

#[derive(Deserialize)]
struct Function {
    function: String,
    #[serde(flatten)]
    caller: Caller,
}

#[derive(Deserialize)]
struct Caller {
    calls: Vec<Calls>,
}

#[derive(Deserialize)]
struct Calls {
    operation: String,
    calls: u64,
}

impl MeterReading {
    /// Reads the meter of the emulator whose AWS endpoint is at this URL.
    pub(crate) async fn of(http: &reqwest::Client, aws_url: &str) -> Result<MeterReading> {
        let url = format!("{aws_url}/_local/metrics?format=json");
        let answer = http.get(&url).send().await?.error_for_status()?;
        let metrics: Metrics = answer
            .json()
            .await
            .context("the meter's answer has another form")?;
        Ok(MeterReading::from(metrics))
    }

    /// The counts since `before`.
    #[must_use]
    pub fn since(&self, before: &MeterReading) -> MeterReading {
        let calls = self.calls.iter().map(|(key, count)| {
            let then = before.calls.get(key).copied().unwrap_or(0);
            (key.clone(), count.saturating_sub(then))
        });
        MeterReading {
            usage: self.usage.since(before.usage),
            transactions: self.transactions.saturating_sub(before.transactions),
            conflicts: self.conflicts.saturating_sub(before.conflicts),
            calls: calls.filter(|(_, count)| *count > 0).collect(),
        }
    }

    /// The calls divided by the number of orders, as a table.
    pub fn calls_per_order(&self, orders: u64) -> impl fmt::Display {
        fmt::from_fn(move |f| {
            for ((caller, operation), calls) in &self.calls {
                let each = *calls as f64 / orders.max(1) as f64;
                writeln!(f, "  {caller:<26} {operation:<22} {each:>8.3}")?;
            }
            Ok(())
        })
    }
}

impl From<Metrics> for MeterReading {
    fn from(metrics: Metrics) -> MeterReading {
        let Totals {
            http_requests,
            invocations,
            gb_seconds,
            sqs_requests,
            read_units,
            write_units,
            transactions,
            conflicts,
        } = metrics.totals;
        let event_sources = (EVENT_SOURCES.to_owned(), metrics.event_sources);
        let functions = metrics
            .functions
            .into_iter()
            .map(|function| (function.function, function.caller));
        let calls = functions
            .chain([event_sources])
            .flat_map(|(caller, calls)| {
                let by_operation = calls.calls.into_iter();
                by_operation.map(move |one| ((caller.clone(), one.operation), one.calls))
            });
        MeterReading {
            usage: Usage {
                http_requests,
                invocations,
                gb_seconds,
                sqs_requests,
                read_units,
                write_units,
            },
            transactions,
            conflicts,
            calls: calls.collect(),
        }
    }
}
