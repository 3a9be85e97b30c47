//! Measures rates by concurrency and latencies by load, in batches and with a transaction for each buyer, with AWS's
//! latencies and contention. Draws plots of both.

use std::fs;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::Result;
use clap::Args;

use crate::arrival::Arrival;
use crate::figures::Figures;
use crate::measure::{Bench, Opening, PLENTY, Plan};
use crate::measurement::{Mode, table};
use crate::{json_file, plot};

/// Buyers at once. Each returns as soon as it is served.
const CROWDS: [usize; 7] = [1, 2, 5, 10, 20, 50, 100];

/// Buyers a second.
const RATES: [f64; 8] = [25.0, 50.0, 100.0, 200.0, 400.0, 800.0, 1_200.0, 1_600.0];

/// Connections for buyers that arrive at a constant rate: enough that none waits for a connection before the shop is
/// overloaded.
const CONNECTIONS: usize = 200;

#[derive(Debug, Clone, Args)]
pub(crate) struct Arguments {
    /// How long each point is measured
    #[arg(long, value_name = "NUMBER", default_value_t = 10.0)]
    seconds: f64,
    /// The folder for figures and plots
    #[arg(long, value_name = "DIR", default_value = "docs/performance")]
    folder: PathBuf,
}

pub(crate) async fn measure(arguments: &Arguments) -> Result<()> {
    let duration = Duration::from_secs_f64(arguments.seconds);
    let mut figures = Figures::default();
    for mode in [Mode::Batch, Mode::Naive] {
        let bench = Bench::open(Opening {
            realism: true,
            traces: false,
        })
        .await?;
        let plan = Plan {
            mode,
            buyers: CONNECTIONS,
            arrival: Arrival::Closed,
            duration,
            units: PLENTY,
        };
        for buyers in CROWDS {
            let one = bench.measure(Plan { buyers, ..plan }).await?;
            println!("{}", table(std::slice::from_ref(&one)));
            figures.by_concurrency.push(one);
        }
        for rate in RATES {
            let arrival = Arrival::Open { rate };
            let one = bench.measure(Plan { arrival, ..plan }).await?;
            println!("{}", table(std::slice::from_ref(&one)));
            let overloaded = one.decided_per_second < rate / 2.0;
            figures.by_load.push(one);
            if overloaded {
                break;
            }
        }
    }
    fs::create_dir_all(&arguments.folder)?;
    json_file::write(&arguments.folder.join("figures.json"), &figures)?;
    plot::draw(&figures, &arguments.folder)
}
