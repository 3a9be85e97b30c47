//! Measures how fast a full queue is decided: the checkouts are in it before the shop gets the first of them.
//!
//! With plenty of units this is the rate of batches; with few, the time until the last buyer is told no.

use std::fmt;

use anyhow::{Result, ensure};
use clap::Args;
use domain::Units;
use jiff::Timestamp;
use serde::Serialize;

use crate::counts::{BatchFigures, Counts};
use crate::json_file::JsonFile;
use crate::measure::{Bench, PLENTY};
use crate::processor::{MicrosPerOrder, ProcessorTimes};
use crate::shops::Shops;

#[derive(Debug, Clone, Args)]
pub(crate) struct Arguments {
    #[command(flatten)]
    shops: Shops,
    /// Checkouts in the queue, of one unit each
    #[arg(long, value_name = "NUMBER", default_value_t = 50_000)]
    orders: usize,
    /// Units of the product [default: plenty]
    #[arg(long, value_name = "NUMBER", default_value_t = PLENTY, hide_default_value = true)]
    units: Units,
    #[command(flatten)]
    json: JsonFile,
}

#[derive(Debug, Serialize)]
struct Emptying {
    shop: String,
    orders: u64,
    rejected: u64,
    /// From the full queue to the last decision. Those made before are not counted.
    decided_per_second: f64,
    /// From the full queue to the last decision, as the orders say.
    seconds_to_last_decision: f64,
    /// From the full queue until every order was there to be seen, and its message gone.
    seconds_until_empty: f64,
    /// Decisions in each second.
    decided_each_second: Vec<u64>,
    #[serde(flatten)]
    batches: BatchFigures,
    processor_micros_per_order: MicrosPerOrder,
}

pub(crate) async fn measure(arguments: &Arguments) -> Result<()> {
    let shops = &arguments.shops;
    let measured = shops
        .measure(async |bench| empty(bench, arguments).await)
        .await?;
    for one in &measured {
        println!("{}: {}", one.shop, one.processor_micros_per_order);
    }
    println!("{}", table(&measured));
    arguments.json.write(&measured)
}

async fn empty(bench: &Bench, arguments: &Arguments) -> Result<Emptying> {
    let product = bench
        .shelves
        .add("Limited product", arguments.units)
        .await?;
    let filler = bench.ledger.queue_filler();
    let full = filler.fill(product, arguments.orders).await?;
    let before = Counts::now(&bench.shop).await?;
    tokio::time::sleep_until(full.into()).await;
    let full_at = Timestamp::now();
    let used_before = ProcessorTimes::now(&bench.shop).await?;
    bench.ledger.wait_until_empty().await?;
    let until_empty = full.elapsed();
    let used = ProcessorTimes::now(&bench.shop).await?.since(&used_before);
    let counts = Counts::now(&bench.shop).await?;
    let decisions = bench.ledger.decisions(product).await?;
    ensure!(
        decisions.count() == arguments.orders as u64,
        "{} orders were made of {} checkouts",
        decisions.count(),
        arguments.orders
    );
    let each_second = decisions.each_second_from(full_at);
    let to_last = decisions.last_since(full_at).as_secs_f64();
    Ok(Emptying {
        shop: bench.name.clone(),
        orders: decisions.count(),
        rejected: decisions.rejected,
        decided_per_second: each_second.iter().sum::<u64>() as f64 / to_last,
        seconds_to_last_decision: to_last,
        seconds_until_empty: until_empty.as_secs_f64(),
        decided_each_second: each_second,
        batches: counts.since(&before, decisions.count()),
        processor_micros_per_order: MicrosPerOrder::of(used, decisions.count()),
    })
}

fn table(measured: &[Emptying]) -> impl fmt::Display {
    fmt::from_fn(move |f| {
        writeln!(
            f,
            "{:<24} {:>7} {:>8} | {:>9} {:>13} {:>9} | {:>8} {:>12} {:>18} {:>17}",
            "shop",
            "orders",
            "rejected",
            "decided/s",
            "last decision",
            "empty",
            "batches",
            "orders/batch",
            "orders/stock write",
            "write units/order",
        )?;
        for one in measured {
            let to_last = format!("{:.1} s", one.seconds_to_last_decision);
            let empty = format!("{:.1} s", one.seconds_until_empty);
            writeln!(
                f,
                "{:<24} {:>7} {:>8} | {:>9.0} {to_last:>13} {empty:>9} | {:>8} {:>12.1} {:>18.1} {:>17.2}",
                one.shop,
                one.orders,
                one.rejected,
                one.decided_per_second,
                one.batches.batches,
                one.batches.orders_per_batch,
                one.batches.orders_per_stock_write,
                one.batches.write_units_per_order,
            )?;
        }
        writeln!(
            f,
            "(times from the full queue; their carts do not exist, so nothing is written for accepting them)"
        )
    })
}
