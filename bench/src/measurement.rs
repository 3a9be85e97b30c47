//! A measurement, and its tables.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};

use crate::latency::Percentiles;

/// The way in which the shop sells.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, clap::ValueEnum,
)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Mode {
    /// `POST /checkouts`: many orders in one transaction.
    Batch,
    /// `POST /orders`: a transaction for each order, in the request.
    Direct,
    /// A transaction for each order, written directly to the tables without the shop.
    Naive,
}

/// The result of a rush.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Measurement {
    pub(crate) mode: Mode,
    /// Whether the emulator had AWS's latencies and contention.
    pub(crate) realism: bool,
    /// Whether the functions sent their traces to the emulator.
    #[serde(default)]
    pub(crate) traces: bool,
    /// Buyers at once.
    pub(crate) buyers: usize,
    /// Buyers a second, if they arrived at a constant rate.
    pub(crate) offered_per_second: Option<f64>,
    pub(crate) seconds: f64,
    pub(crate) accepted: u64,
    pub(crate) accepted_per_second: f64,
    pub(crate) sold_out_at_once: u64,
    pub(crate) failures: u64,
    pub(crate) decided: u64,
    pub(crate) decided_per_second: f64,
    /// Attempts to write the stock item, committed or not.
    pub(crate) stock_writes: u64,
    /// From a buyer's arrival to the answer, in milliseconds.
    pub(crate) acceptance_ms: Percentiles,
    /// From submission to decision, in milliseconds.
    pub(crate) decision_ms: Percentiles,
    /// Processor time for each decided order, by process, in microseconds.
    pub(crate) processor_micros_per_order: BTreeMap<String, f64>,
}

impl Measurement {
    /// Attempts to write the stock item for each decided order.
    pub(crate) fn stock_writes_per_order(&self) -> f64 {
        self.stock_writes as f64 / self.decided.max(1) as f64
    }
}

impl fmt::Display for Mode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Mode::Batch => "batch",
            Mode::Direct => "direct",
            Mode::Naive => "naive",
        })
    }
}

/// The measurements as a table.
pub(crate) fn table(measurements: &[Measurement]) -> impl fmt::Display {
    fmt::from_fn(move |f| {
        writeln!(
            f,
            "{:<7} {:>8} {:>7} {:>7} {:>9} | {:>10} {:>10} | {:>26} | {:>29} | {:>8} {:>8}",
            "mode",
            "realism",
            "traces",
            "buyers",
            "offered/s",
            "accepted/s",
            "decided/s",
            "answer p50/p95/p99 ms",
            "to decision p50/p95/p99 ms",
            "writes",
            "failures",
        )?;
        for one in measurements {
            let offered = one
                .offered_per_second
                .map_or("-".to_owned(), |rate| format!("{rate:.0}"));
            writeln!(
                f,
                "{:<7} {:>8} {:>7} {:>7} {:>9} | {:>10.0} {:>10.0} | {:>26} | {:>29} | {:>8} {:>8}",
                one.mode,
                if one.realism { "aws" } else { "off" },
                if one.traces { "on" } else { "off" },
                one.buyers,
                offered,
                one.accepted_per_second,
                one.decided_per_second,
                latencies(one.acceptance_ms),
                latencies(one.decision_ms),
                format!("{:.4}", one.stock_writes_per_order()),
                one.failures,
            )?;
        }
        writeln!(
            f,
            "(writes: attempts to write the stock item for each decided order)"
        )
    })
}

/// The processor time for each order, as a table of processes.
pub(crate) fn processor_table(one: &Measurement) -> impl fmt::Display {
    fmt::from_fn(move |f| {
        writeln!(f, "processor time for each order ({}):", one.mode)?;
        for (process, micros) in &one.processor_micros_per_order {
            writeln!(f, "  {process:<20} {micros:>8.0} µs")?;
        }
        Ok(())
    })
}

fn latencies(percentiles: Percentiles) -> String {
    let Percentiles { p50, p95, p99, .. } = percentiles;
    format!("{p50:.1} / {p95:.1} / {p99:.1}")
}
