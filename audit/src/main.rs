//! `cargo run --bin audit -- --endpoint http://127.0.0.1:4566` proves that the shop's books balance.

mod progress_line;

use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context, Result};
use audit::{Progress, Report, ResourceNames, Shop, Verdict, WaitLimits, audit};
use clap::Parser;
use deployment::{Deployment, DeploymentArguments};

/// Proves from the tables that nothing was lost or oversold. It only reads.
///
/// Every unit must be on the shelf, in an order that holds stock, or in an open decision whose order is not entered
/// yet. Decisions may be open, but not for longer than a minute and a half.
///
/// Exit code 0: the books balance. 1: a rule is broken. 2: no verdict, because the tables could not be read or
/// kept changing.
#[derive(Debug, Parser)]
struct Arguments {
    #[command(flatten)]
    deployment: DeploymentArguments,
    #[command(flatten)]
    names: ResourceNames,
    /// Seconds to wait for the queue to be empty, and for stock and open decisions to stop changing
    #[arg(long, value_name = "SECONDS", default_value_t = 60)]
    wait: u64,
    /// Seconds after which a submitted cart must be decided
    #[arg(long, value_name = "SECONDS", default_value_t = 60)]
    grace: u64,
    /// Seconds after the end of its payment window by which an unpaid order must have expired
    #[arg(long, value_name = "SECONDS", default_value_t = 600)]
    expiry_grace: u64,
    /// Parts of a table to read at the same time; more are faster and put more load on the tables
    #[arg(long, default_value_t = 8, value_parser = clap::value_parser!(u16).range(1..=1000))]
    segments: u16,
    /// Products to show at most; those out of balance come first
    #[arg(long, value_name = "NUMBER", default_value_t = 50)]
    products: usize,
}

#[tokio::main]
async fn main() -> ExitCode {
    let arguments = Arguments::parse();
    match run(&arguments).await {
        Ok(report) => {
            println!("{}", report.show(arguments.products));
            match report.verdict {
                Verdict::Balanced => ExitCode::SUCCESS,
                Verdict::Off => ExitCode::from(1),
                Verdict::Unsettled => ExitCode::from(2),
            }
        }
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::from(2)
        }
    }
}

async fn run(arguments: &Arguments) -> Result<Report> {
    let deployment = Deployment::connect(&arguments.deployment).await?;
    let shop = Shop {
        segments: arguments.segments,
        ..Shop::find(&deployment, &arguments.names).await?
    };
    let limits = WaitLimits {
        rest: Duration::from_secs(arguments.wait),
        decision: Duration::from_secs(arguments.grace),
        expiry: Duration::from_secs(arguments.expiry_grace),
    };
    let progress = Progress::default();
    let estimate = shop.books.roughly().await.unwrap_or(0);
    let line = progress_line::show(progress.clone(), estimate);
    let report = audit(&shop, limits, &progress).await;
    drop(line);
    report.with_context(|| format!("the books at {} cannot be read", deployment.location()))
}
