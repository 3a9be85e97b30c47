//! What the local cloud's meter has counted: calls of AWS, and what they would be billed by.

use std::collections::BTreeMap;
use std::fmt;

use anyhow::{Context, Result};
use serde::Deserialize;

use crate::prices::Usage;

/// Who the event sources are on the list of callers.
const EVENT_SOURCES: &str = "event sources";

/// The meter, read at one moment.
#[derive(Debug, Clone, Default)]
pub struct MeterReading {
    /// What AWS would bill.
    pub usage: Usage,
    /// Transactions that were tried, committed or not.
    pub transactions: u64,
    /// Those of them that met another writer.
    pub conflicts: u64,
    /// Calls by caller and operation.
    calls: BTreeMap<(String, String), u64>,
}

/// `GET /_local/metrics`, as far as it is needed here.
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
    /// Reads the meter of the local cloud whose AWS edge is at this URL.
    ///
    /// # Errors
    /// When it does not answer, or has another meter.
    pub(crate) async fn of(http: &reqwest::Client, edge_url: &str) -> Result<MeterReading> {
        let url = format!("{edge_url}/_local/metrics?format=json");
        let answer = http.get(&url).send().await?.error_for_status()?;
        let metrics: Metrics = answer.json().await.context("the meter reads otherwise")?;
        Ok(MeterReading::from(metrics))
    }

    /// What was counted since `before`.
    #[must_use]
    pub fn since(&self, before: &MeterReading) -> MeterReading {
        let calls = self.calls.iter().map(|(who, count)| {
            let then = before.calls.get(who).copied().unwrap_or(0);
            (who.clone(), count.saturating_sub(then))
        });
        MeterReading {
            usage: self.usage.since(before.usage),
            transactions: self.transactions.saturating_sub(before.transactions),
            conflicts: self.conflicts.saturating_sub(before.conflicts),
            calls: calls.filter(|(_, count)| *count > 0).collect(),
        }
    }

    /// The calls, for each of so many orders.
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
