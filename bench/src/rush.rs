//! Measures many buyers of one product: batches compared with a transaction for each buyer.

use anyhow::Result;
use clap::Args;
use domain::Units;

use crate::arrival::Arrival;
use crate::load::Load;
use crate::measure::{PLENTY, Plan};
use crate::measurement::{Measurement, Mode, details, table};
use crate::shops::Shops;

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
    #[command(flatten)]
    shops: Shops,
}

pub(crate) async fn measure(arguments: &Arguments) -> Result<()> {
    let modes = match arguments.modes.as_slice() {
        [] => &[Mode::Batch, Mode::Naive],
        chosen => chosen,
    };
    let by_shop = arguments.shops.measure(async |bench| {
        let mut measured = Vec::new();
        for mode in modes {
            measured.push(bench.measure(plan(arguments, *mode)).await?);
        }
        Ok(measured)
    });
    let measurements: Vec<Measurement> = by_shop.await?.into_iter().flatten().collect();
    for one in &measurements {
        println!("{}", details(one));
    }
    println!("{}", table(&measurements));
    arguments.load.json.write(&measurements)
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
