//! `cargo run -p audit -- --endpoint http://127.0.0.1:4566` proves that the shop's books balance.
//! The exit code is 0 when they do, 1 when anything is off, 2 when there is no verdict.

mod progress_line;

use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context, Result};
use audit::{Names, Patience, Progress, Report, Shop, Verdict, audit};
use clap::Parser;
use cloud::{Cloud, CloudArguments};

/// Proves from the tables that nothing was lost or oversold. Reads only.
///
/// Exit code 0: the books balance. 1: something is off. 2: no verdict, because the tables could not
/// be read or kept moving.
#[derive(Debug, Parser)]
struct Arguments {
    #[command(flatten)]
    cloud: CloudArguments,
    #[command(flatten)]
    names: Names,
    /// Seconds to wait for the queue to be empty and the stock to stand still
    #[arg(long, value_name = "SECONDS", default_value_t = 60)]
    wait: u64,
    /// Seconds after which a submitted cart must have become an order
    #[arg(long, value_name = "SECONDS", default_value_t = 60)]
    grace: u64,
    /// Seconds after the end of its payment window by which an unpaid order must have expired
    #[arg(long, value_name = "SECONDS", default_value_t = 600)]
    expiry_grace: u64,
    /// Parts of a table to read side by side; more are faster and ask more of the tables
    #[arg(long, default_value_t = 8, value_parser = clap::value_parser!(u16).range(1..=1000))]
    segments: u16,
    /// Products to show at most; those that are off come first
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
    let cloud = Cloud::connect(&arguments.cloud).await?;
    let shop = Shop {
        segments: arguments.segments,
        ..Shop::find(&cloud, &arguments.names).await?
    };
    let patience = Patience {
        for_rest: Duration::from_secs(arguments.wait),
        for_a_decision: Duration::from_secs(arguments.grace),
        for_an_expiry: Duration::from_secs(arguments.expiry_grace),
    };
    let progress = Progress::default();
    let roughly = shop.books.roughly().await.unwrap_or(0);
    let line = progress_line::show(progress.clone(), roughly);
    let report = audit(&shop, patience, &progress).await;
    drop(line);
    report.with_context(|| format!("the books at {} cannot be read", cloud.place()))
}
