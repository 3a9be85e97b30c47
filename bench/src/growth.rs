//! Measures whether the shop slows down as its tables grow: the same rush with empty tables and with hundreds of
//! thousands of orders.

use std::time::Duration;

use anyhow::Result;
use clap::Args;

use crate::arrival::Arrival;
use crate::load::Load;
use crate::measure::{Bench, Opening, PLENTY, Plan};
use crate::measurement::{Mode, table};

/// Between the first and the last measurement, orders are made in rushes of this length.
const ROUND: Duration = Duration::from_secs(30);

#[derive(Debug, Clone, Args)]
pub(crate) struct Arguments {
    #[command(flatten)]
    load: Load,
    /// Orders that the books grow to
    #[arg(long, default_value_t = 200_000)]
    orders: u64,
}

pub(crate) async fn measure(arguments: &Arguments) -> Result<()> {
    let bench = Bench::open(Opening::default()).await?;
    let plan = Plan {
        mode: Mode::Batch,
        buyers: arguments.load.buyers,
        arrival: Arrival::Closed,
        duration: arguments.load.duration(),
        units: PLENTY,
    };
    let first = bench.measure(plan).await?;
    let mut orders = first.decided;
    while orders < arguments.orders {
        let round = Plan {
            duration: ROUND,
            ..plan
        };
        orders += bench.measure(round).await?.decided;
        println!("{orders} orders in the books");
    }
    let last = bench.measure(plan).await?;
    let change = last.decided_per_second / first.decided_per_second - 1.0;
    let both = [first, last];
    println!("{}", table(&both));
    println!(
        "With {orders} orders in the books: {:+.1} % decided orders a second",
        change * 100.0
    );
    arguments.load.json.write(&both)
}
