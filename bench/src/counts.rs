//! Counts how the queue's checkouts were decided: in how many batches, with how many writes.

use anyhow::{Context, Result};
use loadtest::{LocalShop, MeterReading};
use serde::{Deserialize, Serialize};

/// The binary of the function that decides batches.
const BATCH_FUNCTION: &str = "checkout-batch";

/// The shop's counters at one moment.
#[derive(Debug, Clone)]
pub(crate) struct Counts {
    meter: MeterReading,
    /// Invocations of the function that decides batches. The few by its schedule are among them.
    batches: u64,
}

/// The batches of a measurement.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub(crate) struct BatchFigures {
    pub(crate) batches: u64,
    pub(crate) orders_per_batch: f64,
    /// Attempts to write stock, committed or not.
    pub(crate) stock_writes: u64,
    pub(crate) orders_per_stock_write: f64,
    /// DynamoDB's write units of all functions.
    pub(crate) write_units_per_order: f64,
}

impl Counts {
    pub(crate) async fn now(shop: &LocalShop) -> Result<Counts> {
        let functions = shop.functions().await?;
        let mut functions = functions.iter();
        let batch = functions.find(|function| function.binary == BATCH_FUNCTION);
        let batch = batch.with_context(|| format!("the shop has no {BATCH_FUNCTION}"))?;
        Ok(Counts {
            meter: shop.meter().await?,
            batches: batch.invocations,
        })
    }

    /// The figures of so many orders, decided since `before`.
    pub(crate) fn since(&self, before: &Counts, orders: u64) -> BatchFigures {
        let metered = self.meter.since(&before.meter);
        let batches = self.batches.saturating_sub(before.batches);
        let orders = orders as f64;
        BatchFigures {
            batches,
            orders_per_batch: orders / batches.max(1) as f64,
            stock_writes: metered.transactions,
            orders_per_stock_write: orders / metered.transactions.max(1) as f64,
            write_units_per_order: metered.usage.write_units / orders.max(1.0),
        }
    }
}
