//! A measurement, and its tables.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::counts::BatchFigures;
use crate::latency::Percentiles;
use crate::processor::MicrosPerOrder;

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
    /// How the shop was opened, or where it is.
    pub(crate) shop: String,
    pub(crate) mode: Mode,
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
    /// Only where there is a queue.
    pub(crate) queue: Option<QueueFigures>,
    pub(crate) processor_micros_per_order: MicrosPerOrder,
}

/// What happened behind the queue.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct QueueFigures {
    /// Checkouts that were not decided when the last was accepted.
    pub(crate) left: u64,
    /// From the last acceptance until every order was there to be seen, and its message gone.
    pub(crate) seconds_until_empty: f64,
    /// From the click until a shopper that polls saw the decision, in milliseconds. Only where buyers arrive at a
    /// constant rate.
    pub(crate) seen_ms: Option<Percentiles>,
    #[serde(flatten)]
    pub(crate) batches: BatchFigures,
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
            "{:<24} {:<7} {:>7} {:>9} | {:>10} {:>10} | {:>26} | {:>29} | {:>8} {:>8}",
            "shop",
            "mode",
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
                "{:<24} {:<7} {:>7} {:>9} | {:>10.0} {:>10.0} | {:>26} | {:>29} | {:>8} {:>8}",
                one.shop,
                one.mode,
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

/// Where the processor time of a measurement went, and what happened behind the queue.
pub(crate) fn details(one: &Measurement) -> impl fmt::Display {
    fmt::from_fn(move |f| {
        write!(f, "{}, {}: ", one.shop, one.mode)?;
        writeln!(f, "{}", one.processor_micros_per_order)?;
        match &one.queue {
            Some(queue) => writeln!(f, "{queue}"),
            None => Ok(()),
        }
    })
}

impl fmt::Display for QueueFigures {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "  {} checkouts in the queue at the last acceptance, none {:.1} s later",
            self.left, self.seconds_until_empty
        )?;
        let batches = self.batches;
        writeln!(
            f,
            "  {:.1} orders a batch, {:.1} a stock write, {:.2} write units an order",
            batches.orders_per_batch, batches.orders_per_stock_write, batches.write_units_per_order
        )?;
        match self.seen_ms {
            Some(seen) => writeln!(
                f,
                "  a shopper saw its decision after {} ms (p50 / p95 / max)",
                seen.with_max()
            ),
            None => Ok(()),
        }
    }
}

fn latencies(percentiles: Percentiles) -> String {
    let Percentiles { p50, p95, p99, .. } = percentiles;
    format!("{p50:.1} / {p95:.1} / {p99:.1}")
}
