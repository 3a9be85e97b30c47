//! The emulator's meter: calls of AWS services, and the usage that AWS would bill.

use std::collections::BTreeMap;
use std::fmt;

use anyhow::{Context, Result};
use emulator_api::{Metrics, paths};

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

impl MeterReading {
    /// Reads the meter of the emulator whose AWS endpoint is at this URL.
    pub(crate) async fn of(http: &reqwest::Client, aws_url: &str) -> Result<MeterReading> {
        let url = format!("{aws_url}{}?format=json", paths::METRICS);
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
        let totals = metrics.totals;
        let event_sources = (EVENT_SOURCES.to_owned(), metrics.event_sources);
        let functions = metrics
            .functions
            .into_iter()
            .map(|function| (function.function, function.usage));
        let calls = functions
            .chain([event_sources])
            .flat_map(|(caller, usage)| {
                let by_operation = usage.calls.into_iter();
                by_operation.map(move |one| ((caller.clone(), one.operation), one.calls))
            });
        MeterReading {
            usage: Usage {
                http_requests: totals.http_requests as f64,
                invocations: totals.invocations as f64,
                gb_seconds: totals.gb_seconds,
                sqs_requests: totals.sqs_requests as f64,
                read_units: totals.read_units,
                write_units: totals.write_units,
            },
            transactions: totals.transactions,
            conflicts: totals.conflicts,
            calls: calls.collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    /// A reading after so many orders, decided in batches of a thousand.
    fn reading(orders: u64) -> MeterReading {
        let call = |operation: &str, calls: u64| {
            json!({
                "service": "-", "operation": operation, "calls": calls, "errors": 0, "cancelled_transactions": 0,
                "conflicts": 0, "throttles": 0, "read_units": 0.0, "write_units": 0.0, "billed_requests": calls,
                "milliseconds": 1.0
            })
        };
        let metrics: Metrics = serde_json::from_value(json!({
            "since": "2026-01-01T00:00:00Z",
            "totals": {
                "http_requests": 0, "invocations": 0, "cold_starts": 0, "gb_seconds": 0.0, "sqs_requests": orders / 5,
                "read_units": 0.0, "write_units": orders * 2, "transactions": orders / 1_000,
                "cancelled_transactions": 0, "conflicts": 0, "throttles": 0
            },
            "functions": [{
                "function": "CheckoutBatchFunction", "invocations": 0, "errors": 0, "throttles": 0, "timeouts": 0,
                "crashes": 0, "cold_starts": 0, "billed_milliseconds": 0, "memory_mb": 0, "gb_seconds": 0.0,
                "calls": [call("BatchExecuteStatement", orders / 25)], "permissions": []
            }],
            "event_sources": { "calls": [call("ReceiveMessage", orders / 10)], "permissions": [] },
            "others": { "calls": [], "permissions": [] }
        }))
        .unwrap();
        MeterReading::from(metrics)
    }

    #[test]
    fn the_calls_of_functions_and_event_sources_are_divided_among_the_orders() {
        let since = reading(3_000).since(&reading(1_000));
        assert_eq!((since.transactions, since.usage.write_units), (2, 4_000.0));
        let table = since.calls_per_order(2_000).to_string();
        let lines: Vec<Vec<&str>> = table
            .lines()
            .map(|line| line.split_whitespace().collect())
            .collect();
        assert_eq!(
            lines,
            [
                vec!["CheckoutBatchFunction", "BatchExecuteStatement", "0.040"],
                vec!["event", "sources", "ReceiveMessage", "0.100"],
            ]
        );
    }
}
