//! `cargo loadtest`: puts the shop under load, audits its books, and says whether it passed.

mod arguments;
mod k6;
mod load_test;
mod verdict;

use std::process::ExitCode;

use anyhow::Result;
use clap::Parser;

use crate::arguments::Arguments;
use crate::k6::K6;

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
    let verdict = load_test::run(&arguments, &k6).await?;
    println!("{verdict}");
    Ok(verdict.passed())
}
