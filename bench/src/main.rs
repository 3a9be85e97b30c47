//! Measures the shop. `cargo run --release --bin bench` compares batches with a transaction for each buyer;
//! `-- --help` lists the other measurements.

mod arrival;
mod buyers;
mod cold_start;
mod connection;
mod decisions;
mod figures;
mod growth;
mod json_file;
mod latency;
mod load;
mod measure;
mod measurement;
mod naive;
mod plot;
mod processor;
mod rush;
mod sold_out;
mod sweep;

use anyhow::Result;
use clap::{Parser, Subcommand};

/// Measures the shop on this machine, in its release build.
///
/// Without a command: many buyers want one product. It is sold in batches and, for comparison, with a transaction
/// for each buyer; without and with AWS's latencies and contention.
#[derive(Debug, Parser)]
#[command(args_conflicts_with_subcommands = true)]
struct Arguments {
    #[command(subcommand)]
    command: Option<Command>,
    #[command(flatten)]
    rush: rush::Arguments,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Buyers of a product that is sold out
    SoldOut(sold_out::Arguments),
    /// Whether the shop slows down as its tables grow
    Growth(growth::Arguments),
    /// Rates by concurrency, latencies by load, and plots of both
    Sweep(sweep::Arguments),
    /// Of every function: the time from exec to the first request for an invocation, and the size of the binary
    ColdStart(cold_start::Arguments),
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<()> {
    let Arguments { command, rush } = Arguments::parse();
    match command {
        None => rush::measure(&rush).await,
        Some(Command::SoldOut(arguments)) => sold_out::measure(&arguments).await,
        Some(Command::Growth(arguments)) => growth::measure(&arguments).await,
        Some(Command::Sweep(arguments)) => sweep::measure(&arguments).await,
        Some(Command::ColdStart(arguments)) => cold_start::measure(&arguments).await,
    }
}
