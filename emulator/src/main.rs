//! `cargo local`: builds the functions, starts the emulator, loads the seed, and prints how to use it.

use std::io::Write as _;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Instant;

use anyhow::Context as _;
use clap::{Parser, ValueEnum};
use emulator::{Emulator, Options, Realism};
use tokio::signal::unix::{SignalKind, signal};
use tracing_subscriber::EnvFilter;

/// Much of the emulator's work is JSON in many small pieces, freed on other threads: with this an order
/// costs it less processor time than with glibc's allocator.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Shown where RUST_LOG asks for nothing else.
const DEFAULT_LOG_FILTER: &str = "warn,dynoxide=error,rustack_sqs_core=error";

/// Runs template.yaml on this machine: HTTP API, functions, queues and tables.
#[derive(Debug, Parser)]
#[command(name = "cargo local --")]
struct Arguments {
    /// The SAM template.
    #[arg(long, default_value = "template.yaml")]
    template: PathBuf,
    /// The HTTP API's port; 0 for any free one.
    #[arg(long, default_value_t = 3000)]
    port: u16,
    /// The port of DynamoDB, SQS and Lambda, as LocalStack's; 0 for any free one.
    #[arg(long, visible_alias = "edge-port", default_value_t = 4566)]
    aws_port: u16,
    /// The value of one of the template's parameters; may be given several times.
    #[arg(long = "param", value_name = "KEY=VALUE", value_parser = key_value)]
    parameters: Vec<(String, String)>,
    /// The beginning of the names of tables, queues and functions: for shops side by side at one endpoint.
    #[arg(long, value_name = "NAME", default_value = "local")]
    stack: String,
    /// Keeps tables and queues in this directory; without it they live in memory.
    #[arg(long, value_name = "DIR")]
    data_dir: Option<PathBuf>,
    /// Starts with empty tables.
    #[arg(long)]
    no_seed: bool,
    /// Uses DynamoDB and SQS at this one endpoint, which answers both, as LocalStack's and MiniStack's do; the emulator
    /// keeps the HTTP API, functions and event sources.
    #[arg(long, value_name = "URL")]
    aws_endpoint: Option<String>,
    /// Keeps no traces: the page at /_local/ then shows no order's trace, and orders take less time.
    #[arg(long)]
    no_traces: bool,
    /// Runs the binaries in this folder as they are, instead of building them.
    #[arg(long, value_name = "DIR")]
    binaries: Option<PathBuf>,
    /// Most processes of one function at once, where the template reserves no number [default: two for each processor;
    /// with --realism aws 100].
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..))]
    processes: Option<u16>,
    /// Prints no log lines of the functions; GET /_local/logs still has the last of them.
    #[arg(long)]
    quiet: bool,
    /// Gives DynamoDB and SQS the latencies and the contention that they have on AWS.
    #[arg(long, value_name = "LIKE", conflicts_with = "aws_endpoint")]
    realism: Option<Imitated>,
    /// The same seed gives the same latencies.
    #[arg(long, value_name = "N", default_value_t = 1, requires = "realism")]
    realism_seed: u64,
}

/// What `--realism` can name.
#[derive(Debug, Clone, Copy, ValueEnum)]
enum Imitated {
    Aws,
}

fn key_value(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((key, value)) if !key.is_empty() => Ok((key.to_owned(), value.to_owned())),
        _ => Err("expected KEY=VALUE".to_owned()),
    }
}

impl From<&Arguments> for Options {
    fn from(arguments: &Arguments) -> Self {
        Options {
            parameters: arguments.parameters.iter().cloned().collect(),
            stack_name: arguments.stack.clone(),
            port: arguments.port,
            aws_port: arguments.aws_port,
            data_dir: arguments.data_dir.clone(),
            aws_endpoint: arguments.aws_endpoint.clone(),
            processes_per_function: arguments.processes.map(usize::from),
            realism: match arguments.realism {
                None => Realism::Off,
                Some(Imitated::Aws) => Realism::Aws {
                    seed: arguments.realism_seed,
                },
            },
            traces: !arguments.no_traces,
            print_logs: !arguments.quiet,
            ..Options::new(&arguments.template)
        }
    }
}

#[tokio::main]
async fn main() -> ExitCode {
    match run(Arguments::parse()).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

async fn run(arguments: Arguments) -> anyhow::Result<()> {
    start_logging();
    let prepared = emulator::prepare(Options::from(&arguments))?;
    for ignored in prepared.ignored() {
        eprintln!("note: {ignored}");
    }
    let binaries = match &arguments.binaries {
        Some(folder) => folder.clone(),
        None => tokio::task::block_in_place(|| prepared.build())?,
    };
    // From here on a signal stops the emulator in good order.
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut terminate = signal(SignalKind::terminate())?;
    let begun = Instant::now();
    let mut emulator = None;
    let ready = async {
        let running = emulator.insert(prepared.start(&binaries).await?);
        if !arguments.no_seed {
            running.seed().await.context("the seed was not loaded")?;
        }
        print_ready(running, begun, &data_notice(&arguments));
        std::future::pending::<anyhow::Result<()>>().await
    };
    let result = tokio::select! {
        result = ready => result,
        _ = interrupt.recv() => Ok(()),
        _ = terminate.recv() => Ok(()),
    };
    if let Some(emulator) = emulator {
        emulator.shut_down().await;
    }
    result
}

fn start_logging() {
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| DEFAULT_LOG_FILTER.into());
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_target(false)
        .with_writer(std::io::stderr)
        .init();
}

/// Tells whether the tables and queues survive the emulator.
fn data_notice(arguments: &Arguments) -> String {
    match (&arguments.aws_endpoint, &arguments.data_dir) {
        (Some(endpoint), _) => format!("tables and queues stay at {endpoint}"),
        (None, Some(folder)) => format!("tables and queues stay in {}", folder.display()),
        (None, None) => "tables and queues are forgotten (--data-dir DIR keeps them)".to_owned(),
    }
}

fn print_ready(emulator: &Emulator, begun: Instant, data_notice: &str) {
    let mut text = format!(
        "\nReady after {:.1} s. Ctrl-C stops everything; {data_notice}.\n\n{}\n",
        begun.elapsed().as_secs_f32(),
        emulator.ready_lines(),
    );
    for command in emulator.first_commands() {
        text.push_str(&format!("  {command}\n"));
    }
    text.push('\n');
    // A closed pipe is no reason to stop.
    let _ = std::io::stdout().write_all(text.as_bytes());
}
