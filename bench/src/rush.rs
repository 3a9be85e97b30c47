//! Measures many buyers of one product: batches compared with a transaction for each buyer.

use anyhow::{Context, Result};
use clap::{Args, ValueEnum};
use domain::Units;
use loadtest::LocalShop;

use crate::arrival::Arrival;
use crate::load::Load;
use crate::measure::{Bench, Opening, PLENTY, Plan};
use crate::measurement::{Mode, processor_table, table};

#[derive(Debug, Clone, Args)]
pub(crate) struct Arguments {
    #[command(flatten)]
    load: Load,
    /// The way to sell; may be given several times [default: batch and naive]
    #[arg(long = "mode", value_enum)]
    modes: Vec<Mode>,
    /// Buyers a second, however slow the shop is [default: each as often as it is served]
    #[arg(long, value_name = "NUMBER")]
    rate: Option<f64>,
    /// Units of the product [default: plenty]
    #[arg(long, value_name = "NUMBER", default_value_t = PLENTY, hide_default_value = true)]
    units: Units,
    /// Whether the emulator has AWS's latencies and contention [default: one after the other]
    #[arg(long, value_enum)]
    realism: Option<Realism>,
    /// Let the functions send their traces to the emulator, to measure the cost
    #[arg(long)]
    traces: bool,
    /// Measure the shop with this AWS endpoint, such as http://127.0.0.1:4566 [default: a shop that is opened for the
    /// measurement]
    #[arg(long, visible_alias = "edge-url", value_name = "URL", conflicts_with_all = ["realism", "traces"])]
    aws_url: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Realism {
    Off,
    Aws,
}

pub(crate) async fn measure(arguments: &Arguments) -> Result<()> {
    let modes = match arguments.modes.as_slice() {
        [] => &[Mode::Batch, Mode::Naive],
        chosen => chosen,
    };
    let realism = match arguments.realism {
        Some(chosen) => vec![chosen == Realism::Aws],
        None if arguments.aws_url.is_some() => vec![false],
        None => vec![false, true],
    };
    let mut measurements = Vec::new();
    for realism in realism {
        let bench = open(arguments, realism).await?;
        for mode in modes {
            measurements.push(bench.measure(plan(arguments, *mode)).await?);
        }
    }
    for one in &measurements {
        println!("{}", processor_table(one));
    }
    println!("{}", table(&measurements));
    arguments.load.write(&measurements)
}

async fn open(arguments: &Arguments, realism: bool) -> Result<Bench> {
    let Some(url) = &arguments.aws_url else {
        let traces = arguments.traces;
        return Bench::open(Opening { realism, traces }).await;
    };
    let shop = LocalShop::find(url).await?;
    let shop = shop.with_context(|| format!("nothing answers at {url}"))?;
    Bench::of(shop, Opening::default()).await
}

fn plan(arguments: &Arguments, mode: Mode) -> Plan {
    Plan {
        mode,
        buyers: arguments.load.buyers,
        arrival: match arguments.rate {
            Some(rate) => Arrival::Open { rate },
            None => Arrival::Closed,
        },
        duration: arguments.load.duration(),
        units: arguments.units,
    }
}
