//! Measures the answers to buyers of a product that is sold out.

use std::time::Duration;

use anyhow::Result;
use clap::Args;

use crate::arrival::Arrival;
use crate::load::Load;
use crate::measure::{Bench, Opening, Plan};
use crate::measurement::Mode;

/// Units of the product.
const UNITS: u64 = 10;

/// Time enough to sell all units and for every process to learn it.
const SELLING: Duration = Duration::from_secs(5);

#[derive(Debug, Clone, Args)]
pub(crate) struct Arguments {
    #[command(flatten)]
    load: Load,
}

pub(crate) async fn measure(arguments: &Arguments) -> Result<()> {
    let bench = Bench::open(Opening::default()).await?;
    let product = bench.shelves.add("Gone in a second", UNITS).await?;
    let plan = Plan {
        mode: Mode::Batch,
        buyers: arguments.load.buyers,
        arrival: Arrival::Closed,
        duration: SELLING,
        units: UNITS,
    };
    bench.measure_product(plan, product).await?;
    let afterwards = Plan {
        duration: arguments.load.duration(),
        ..plan
    };
    let measured = bench.measure_product(afterwards, product).await?;
    let per_second = measured.sold_out_at_once as f64 / measured.seconds;
    println!(
        "{per_second:.0} buyers a second were told at once that it is sold out; {} were queued, {} failed",
        measured.accepted, measured.failures
    );
    println!(
        "answer p50/p95/p99 ms: {:.1} / {:.1} / {:.1}",
        measured.acceptance_ms.p50, measured.acceptance_ms.p95, measured.acceptance_ms.p99
    );
    arguments.load.json.write(&measured)
}
