//! The command line of `cargo loadtest`.

use std::path::PathBuf;

use clap::Parser;

/// Puts a shop under load with k6, then proves from its tables that nothing was lost or oversold.
///
/// Uses the shop that `cargo local` runs, or starts one for the time of the test. Exit code 0: all thresholds were
/// met, k6 sent every buyer, and the books balance. 1: not so. 2: the test could not run.
#[derive(Debug, Clone, Parser)]
#[command(name = "cargo loadtest --")]
pub(crate) struct Arguments {
    /// A small test that takes less than a minute, with the binaries as `cargo test` builds them
    #[arg(long)]
    pub(crate) quick: bool,
    /// The AWS endpoint of the shop to use; when nothing answers there, a shop is started
    #[arg(
        long,
        visible_alias = "edge-url",
        value_name = "URL",
        default_value = "http://127.0.0.1:4566"
    )]
    pub(crate) aws_url: String,
    /// Shoppers at the same time on the ordinary day [default: 200; with --quick 40]
    #[arg(long)]
    pub(crate) shoppers: Option<u32>,
    /// Shoppers of the ordinary day leave when their order is decided, and do not pay
    #[arg(long)]
    pub(crate) unpaid: bool,
    /// Buyers a second in the flash sale [default: 300; with --quick 100]
    #[arg(long)]
    pub(crate) rate: Option<u32>,
    /// Instead of ordinary day and flash sale: so many shoppers buy with one click, wait for the decision, and buy
    /// again
    #[arg(
        long,
        value_name = "SHOPPERS",
        conflicts_with_all = ["shoppers", "unpaid", "rate"],
        value_parser = clap::value_parser!(u32).range(1..)
    )]
    pub(crate) closed_loop: Option<u32>,
    /// Seconds of each part, up to 870: unpaid orders can hold their units for 900 [default: 30; with --quick 6]
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..=870))]
    pub(crate) seconds: Option<u32>,
    /// Keep k6's HTML reports in this directory
    #[arg(long, value_name = "DIR")]
    pub(crate) report: Option<PathBuf>,
}
