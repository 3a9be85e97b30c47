//! A product is sold out, and buyers keep coming.

use std::time::Duration;

use anyhow::Result;
use clap::Args;

use crate::Crowd;
use crate::arrival::Arrival;
use crate::measure::{Bench, Opening, Plan};
use crate::measurement::Mode;

/// Units that are there at first.
const UNITS: u64 = 10;

/// How long it takes at most to sell them, and for everybody to know.
const SELLING: Duration = Duration::from_secs(5);

#[derive(Debug, Clone, Args)]
pub(crate) struct Arguments {
    #[command(flatten)]
    crowd: Crowd,
}

pub(crate) async fn measure(arguments: &Arguments) -> Result<()> {
    let bench = Bench::open(Opening::default()).await?;
    let product = bench.shelves.add("Gone in a second", UNITS).await?;
    let plan = Plan {
        mode: Mode::Batch,
        buyers: arguments.crowd.buyers,
        arrival: Arrival::Closed,
        duration: SELLING,
        units: UNITS,
    };
    bench.measure_product(plan, product).await?;
    let afterwards = Plan {
        duration: arguments.crowd.duration(),
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
    arguments.crowd.write(&measured)
}
