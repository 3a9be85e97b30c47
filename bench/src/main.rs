//! Measures the shop. `cargo run -p bench --release` compares selling in batches with a transaction
//! for every buyer; `-- --help` lists what else it measures.

mod arrival;
mod buyers;
mod cold_start;
mod connection;
mod decisions;
mod growth;
mod latency;
mod measure;
mod measurement;
mod naive;
mod plot;
mod processor;
mod rush;
mod sold_out;
mod sweep;

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result};
use clap::{Args, Parser, Subcommand};
use serde::Serialize;

/// Measures the shop on this machine, in its release build.
///
/// Without a command: many buyers want one product, sold in batches and, for comparison, in a
/// transaction for every buyer; without and with AWS's latencies and contention.
#[derive(Debug, Parser)]
#[command(args_conflicts_with_subcommands = true)]
struct Arguments {
    #[command(subcommand)]
    what: Option<What>,
    #[command(flatten)]
    rush: rush::Arguments,
}

#[derive(Debug, Subcommand)]
enum What {
    /// Buyers of a product that is sold out
    SoldOut(sold_out::Arguments),
    /// Whether the shop slows down as its books grow
    Growth(growth::Arguments),
    /// Rates against concurrency, latencies against load, and plots of both
    Sweep(sweep::Arguments),
    /// From exec to the first request for work, of every function; and the size of its binary
    ColdStart(cold_start::Arguments),
}

/// Who comes, for how long, and where the figures go.
#[derive(Debug, Clone, Args)]
struct Crowd {
    /// Buyers at once, each on a connection of its own
    #[arg(long, default_value_t = 50)]
    buyers: usize,
    /// How long they keep buying
    #[arg(long, value_name = "NUMBER", default_value_t = 30.0)]
    seconds: f64,
    /// Write the figures to this file, as JSON
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
}

impl Crowd {
    fn duration(&self) -> Duration {
        Duration::from_secs_f64(self.seconds)
    }

    fn write(&self, figures: &impl Serialize) -> Result<()> {
        match &self.json {
            Some(file) => write_json(file, figures),
            None => Ok(()),
        }
    }
}

fn write_json(file: &Path, figures: &impl Serialize) -> Result<()> {
    let text = serde_json::to_string_pretty(figures)? + "\n";
    fs::write(file, text).with_context(|| format!("cannot write {}", file.display()))
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<()> {
    let Arguments { what, rush } = Arguments::parse();
    match what {
        None => rush::measure(&rush).await,
        Some(What::SoldOut(arguments)) => sold_out::measure(&arguments).await,
        Some(What::Growth(arguments)) => growth::measure(&arguments).await,
        Some(What::Sweep(arguments)) => sweep::measure(&arguments).await,
        Some(What::ColdStart(arguments)) => cold_start::measure(&arguments).await,
    }
}
