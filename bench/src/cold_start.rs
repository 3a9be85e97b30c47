//! Measures cold starts, from exec to the first request for an invocation, and the size of the binaries.
//!
//! Each function gets the environment of its process in a running shop, but without the endpoint. So it starts as
//! on AWS, with TLS. The bare function gets the environment of one of them. Every binary is started many times,
//! with a Runtime API that only measures when the process first asks for an invocation.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use clap::Args;
use loadtest::LocalShop;
use serde::Serialize;
use tokio::io::AsyncReadExt;
use tokio::net::TcpListener;

use crate::json_file::JsonFile;
use crate::latency::Latencies;
use crate::measure::{Bench, Opening};

/// The request by which a function asks for an invocation.
/// Source: AWS Lambda Developer Guide, "Using the Lambda runtime API".
const NEXT: &str = "GET /2018-06-01/runtime/invocation/next";

/// The binary of a function that does nothing.
const BARE: &str = "bare";

/// The beginning of the variables that send a function's calls to the emulator.
const ENDPOINT: &str = "AWS_ENDPOINT_URL";

/// How long a start may take.
const START_TIMEOUT: Duration = Duration::from_secs(10);

const MEGABYTE: f64 = 1e6;

#[derive(Debug, Clone, Args)]
pub(crate) struct Arguments {
    /// Starts of each function
    #[arg(long, default_value_t = 100)]
    starts: usize,
    /// Give the functions a collector to send their traces to
    #[arg(long)]
    traces: bool,
    #[command(flatten)]
    json: JsonFile,
}

#[derive(Debug, Serialize)]
struct ColdStart {
    function: String,
    p50_ms: f64,
    p95_ms: f64,
    times_bare: f64,
    megabytes: f64,
}

type Environment = BTreeMap<String, String>;

pub(crate) async fn measure(arguments: &Arguments) -> Result<()> {
    let bare = build_bare()?;
    let bench = Bench::open(Opening {
        realism: false,
        traces: arguments.traces,
    })
    .await?;
    let mut functions = functions_of(&bench.shop).await?;
    drop(bench);
    let (_, _, environment) = functions.first().context("the shop has no functions")?;
    functions.insert(0, (BARE.to_owned(), bare, environment.clone()));

    let mut measured: Vec<ColdStart> = Vec::new();
    for (function, binary, environment) in functions {
        let starts = start_often(&binary, &environment, arguments.starts)
            .await
            .with_context(|| format!("{function} was not measured"))?
            .percentiles();
        let bare_p50 = measured.first().map_or(starts.p50, |bare| bare.p50_ms);
        measured.push(ColdStart {
            function,
            p50_ms: starts.p50,
            p95_ms: starts.p95,
            times_bare: starts.p50 / bare_p50,
            megabytes: fs::metadata(&binary)?.len() as f64 / MEGABYTE,
        });
    }
    println!(
        "{:<20} {:>8} {:>8} {:>10} {:>8}",
        "function", "p50 ms", "p95 ms", "times bare", "MB"
    );
    for one in &measured {
        println!(
            "{:<20} {:>8.2} {:>8.2} {:>10.2} {:>8.1}",
            one.function, one.p50_ms, one.p95_ms, one.times_bare, one.megabytes
        );
    }
    arguments.json.write(&measured)
}

fn build_bare() -> Result<PathBuf> {
    // With the emulator, so that the dependencies are those of its build. emulator/src/build.rs
    let built = emulator::cargo(Path::new("."))
        .args(["build", "--workspace", "--release"])
        .args(["--bin", BARE, "--bin", "emulator"])
        .status()
        .context("cannot run cargo")?;
    ensure!(built.success(), "the bare function does not build");
    let program = std::env::current_exe()?;
    let folder = program.parent().context("this program is in no folder")?;
    Ok(folder.join(BARE))
}

/// Every function of the shop with its binary and the environment of its process.
async fn functions_of(shop: &LocalShop) -> Result<Vec<(String, PathBuf, Environment)>> {
    shop.invoke_all().await?;
    let mut functions = Vec::new();
    for function in shop.functions().await? {
        let pid = function
            .pids
            .first()
            .with_context(|| format!("{} has no process", function.binary))?;
        let process = Path::new("/proc").join(pid.to_string());
        functions.push((
            function.binary,
            fs::read_link(process.join("exe"))?,
            environment(&fs::read_to_string(process.join("environ"))?),
        ));
    }
    Ok(functions)
}

fn environment(text: &str) -> Environment {
    let pairs = text.split('\0').filter_map(|pair| pair.split_once('='));
    pairs
        .filter(|(name, _)| !name.starts_with(ENDPOINT))
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .collect()
}

async fn start_often(binary: &Path, environment: &Environment, starts: usize) -> Result<Latencies> {
    let runtime_api = TcpListener::bind("127.0.0.1:0").await?;
    let mut latencies = Latencies::new();
    // The first start is not counted: it reads the binary from the disk.
    start(binary, environment, &runtime_api).await?;
    for _ in 0..starts {
        latencies.record(start(binary, environment, &runtime_api).await?);
    }
    Ok(latencies)
}

/// Starts the binary and returns the time until it asks for an invocation.
async fn start(
    binary: &Path,
    environment: &Environment,
    runtime_api: &TcpListener,
) -> Result<Duration> {
    let begun = Instant::now();
    let mut process = Command::new(binary)
        .env_clear()
        .envs(environment)
        .env(
            "AWS_LAMBDA_RUNTIME_API",
            runtime_api.local_addr()?.to_string(),
        )
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .with_context(|| format!("cannot run {}", binary.display()))?;
    let asked = tokio::time::timeout(START_TIMEOUT, wait_for_next(runtime_api)).await;
    let took = begun.elapsed();
    process.kill()?;
    process.wait()?;
    asked.context("it never asked for an invocation")??;
    Ok(took)
}

async fn wait_for_next(runtime_api: &TcpListener) -> Result<()> {
    let (mut stream, _) = runtime_api.accept().await?;
    let mut head = [0; 1024];
    let length = stream.read(&mut head).await?;
    let head = String::from_utf8_lossy(&head[..length]);
    if !head.starts_with(NEXT) {
        bail!("it asked for something else: {head}");
    }
    Ok(())
}
