//! `cargo loadtest`: puts the shop under load, audits its books, and says whether it stood the test.

mod k6;
mod proof;

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Result;
use clap::Parser;

use crate::k6::K6;

/// Puts a shop under load with k6, then proves from its tables that nothing was lost or oversold.
///
/// Uses the shop that `cargo local` runs, or starts one for the time of the test. Exit code 0: all
/// thresholds were met and the books balance. 1: not so. 2: the test could not run.
#[derive(Debug, Clone, Parser)]
#[command(name = "cargo loadtest --")]
pub(crate) struct Arguments {
    /// A small test that takes less than a minute, with the binaries as `cargo test` builds them
    #[arg(long)]
    quick: bool,
    /// The AWS edge of the shop to use; when nothing answers there, one is started
    #[arg(long, value_name = "URL", default_value = "http://127.0.0.1:4566")]
    edge_url: String,
    /// Shoppers at once on the ordinary day [default: 200; with --quick 40]
    #[arg(long)]
    shoppers: Option<u32>,
    /// Shoppers of the ordinary day leave when their order is decided, and nobody pays
    #[arg(long)]
    unpaid: bool,
    /// Buyers a second in the flash sale [default: 300; with --quick 100]
    #[arg(long)]
    rate: Option<u32>,
    /// Seconds of each part, up to 870: unpaid orders can hold their units for 900 [default: 30; with --quick 6]
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..=870))]
    seconds: Option<u32>,
    /// Keep k6's HTML reports in this directory
    #[arg(long, value_name = "DIR")]
    report: Option<PathBuf>,
}

#[tokio::main]
async fn main() -> ExitCode {
    match run(Arguments::parse()).await {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::from(1),
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::from(2)
        }
    }
}

async fn run(arguments: Arguments) -> Result<bool> {
    let k6 = K6::find(arguments.report.clone()).await?;
    proof::run(&arguments, &k6).await
}
