//! Measures the shop. `cargo run --release --bin bench` compares batches with a transaction for each buyer;
//! `-- --help` lists the other measurements.

mod arrival;
mod backlog;
mod buyers;
mod cold_start;
mod connection;
mod counts;
mod decisions;
mod figures;
mod growth;
mod json_file;
mod latency;
mod load;
mod lone;
mod measure;
mod measurement;
mod naive;
mod plot;
mod processor;
mod queue_filler;
mod rush;
mod shopper;
mod shops;
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
struct CommandLine {
    #[command(subcommand)]
    command: Option<Command>,
    #[command(flatten)]
    rush: rush::Arguments,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// A queue that is full before the first checkout is decided: the rate of batches, or the time to a no
    Backlog(backlog::Arguments),
    /// One shopper alone, who waits for each decision
    Lone(lone::Arguments),
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
    let CommandLine { command, rush } = CommandLine::parse();
    match command {
        None => rush::measure(&rush).await,
        Some(Command::Backlog(arguments)) => backlog::measure(&arguments).await,
        Some(Command::Lone(arguments)) => lone::measure(&arguments).await,
        Some(Command::SoldOut(arguments)) => sold_out::measure(&arguments).await,
        Some(Command::Growth(arguments)) => growth::measure(&arguments).await,
        Some(Command::Sweep(arguments)) => sweep::measure(&arguments).await,
        Some(Command::ColdStart(arguments)) => cold_start::measure(&arguments).await,
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::CommandLine;

    #[test]
    fn the_arguments_of_all_commands_agree() {
        CommandLine::command().debug_assert();
    }
}
