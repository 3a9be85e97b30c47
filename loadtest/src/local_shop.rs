//! The shop that `cargo local` runs: found, or started for the time of a run.

use std::env;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{self, Stdio};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use anyhow::{Context, Result, bail};
use emulator_api::ReadyLines;
use serde::Deserialize;
use serde_json::json;
use tokio::process::{Child, Command};

use crate::cargo::cargo;
use crate::meter::MeterReading;

/// How long a shop may take to open: it builds its functions first, which takes minutes once.
const OPENING: Duration = Duration::from_secs(30 * 60);

/// How long a shop that is open may take to say so.
const ANSWER: Duration = Duration::from_secs(5);

/// How the shop's binaries are built.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Profile {
    /// Quick to build, as tests use it.
    Dev,
    /// As AWS runs it. The first build takes minutes.
    Release,
}

/// A shop on this machine. One that was started for the run ends when this is dropped.
#[derive(Debug)]
pub struct LocalShop {
    /// Where shoppers go.
    pub api_url: String,
    /// Where AWS calls go.
    pub edge_url: String,
    /// The process that runs the local cloud.
    pub emulator_pid: u32,
    http: reqwest::Client,
    /// Kept to be ended with the run.
    _started: Option<Child>,
}

/// What the emulator tells of a function.
#[derive(Debug, Clone, Deserialize)]
pub struct FunctionReport {
    /// The function's name.
    pub name: String,
    /// The binary it runs.
    pub binary: String,
    /// Its processes at the moment.
    pub pids: Vec<u32>,
    /// Invocations so far.
    pub invocations: u64,
    /// Processes started so far.
    pub cold_starts: u64,
    /// Invocations that failed so far.
    pub errors: u64,
}

#[derive(Deserialize)]
struct Health {
    api_url: String,
    pid: u32,
}

impl LocalShop {
    /// The shop whose AWS edge is at this URL, or `None` when nothing answers there.
    ///
    /// # Errors
    /// When something else answers, or what listens there says nothing.
    pub async fn find(edge_url: &str) -> Result<Option<LocalShop>> {
        let http = reqwest::Client::new();
        let url = format!("{edge_url}/_local/health");
        let answer = match http.get(&url).timeout(ANSWER).send().await {
            Ok(answer) => answer,
            Err(error) if error.is_timeout() => {
                return Err(error).context(format!("what listens at {edge_url} does not answer"));
            }
            Err(_) => return Ok(None),
        };
        let health: Health = answer
            .json()
            .await
            .with_context(|| format!("what answers at {edge_url} is no shop that is open"))?;
        Ok(Some(LocalShop {
            api_url: health.api_url,
            edge_url: edge_url.to_owned(),
            emulator_pid: health.pid,
            http,
            _started: None,
        }))
    }

    /// Builds the shop and opens it on free ports, with empty shelves. `arguments` are the
    /// emulator's own. What it prints goes to a file in the target directory.
    ///
    /// # Errors
    /// When it does not build or does not open; tells where to read why.
    pub async fn start(profile: Profile, arguments: &[&str]) -> Result<LocalShop> {
        let program = build(profile).await?;
        let log = log_file()?;
        let output =
            File::create(&log).with_context(|| format!("cannot write {}", log.display()))?;
        let mut emulator = Command::new(&program)
            .args(["--no-seed", "--port", "0", "--edge-port", "0"])
            .args(arguments)
            .stdin(Stdio::null())
            .stdout(output.try_clone()?)
            .stderr(output)
            .kill_on_drop(true)
            .spawn()
            .with_context(|| format!("cannot run {}", program.display()))?;
        let give_up = Instant::now() + OPENING;
        while Instant::now() < give_up {
            if let Some(ReadyLines { aws_url, .. }) = ReadyLines::find(&fs::read_to_string(&log)?) {
                let edge_url = &aws_url;
                let shop = LocalShop::find(edge_url).await?;
                let shop = shop.with_context(|| format!("nothing answers at {edge_url}"))?;
                let _started = Some(emulator);
                return Ok(LocalShop { _started, ..shop });
            }
            if let Some(status) = emulator.try_wait()? {
                bail!("the shop did not open ({status}): see {}", log.display());
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        bail!(
            "the shop did not open within half an hour: see {}",
            log.display()
        )
    }

    /// Every function with its processes.
    ///
    /// # Errors
    /// When the shop does not tell.
    pub async fn functions(&self) -> Result<Vec<FunctionReport>> {
        #[derive(Deserialize)]
        struct Reports {
            functions: Vec<FunctionReport>,
        }
        let url = format!("{}/_local/functions", self.edge_url);
        let reports: Reports = self.http.get(url).send().await?.json().await?;
        Ok(reports.functions)
    }

    /// Makes every function work once, so that each has a process. What it works on is no event that
    /// it knows, so it may well fail.
    ///
    /// # Errors
    /// When the shop does not answer.
    pub async fn wake_all(&self) -> Result<()> {
        for function in self.functions().await? {
            let name = &function.name;
            let url = format!("{}/2015-03-31/functions/{name}/invocations", self.edge_url);
            self.http.post(url).body("{}").send().await?;
        }
        Ok(())
    }

    /// A token for a shopper, good for a day.
    ///
    /// # Errors
    /// When none is given.
    pub async fn token(&self, sub: &str) -> Result<String> {
        #[derive(Deserialize)]
        struct Grant {
            access_token: String,
        }
        let url = format!("{}/_local/token", self.edge_url);
        let claims = json!({ "sub": sub, "ttl_seconds": 24 * 60 * 60 });
        let grant: Grant = self
            .http
            .post(url)
            .json(&claims)
            .send()
            .await?
            .json()
            .await?;
        Ok(grant.access_token)
    }

    /// What its meter has counted so far.
    ///
    /// # Errors
    /// When it does not answer.
    pub async fn meter(&self) -> Result<MeterReading> {
        MeterReading::of(&self.http, &self.edge_url).await
    }
}

/// Builds the emulator, and with it everything that it would build for itself when it starts.
async fn build(profile: Profile) -> Result<PathBuf> {
    let mut build = Command::from(cargo());
    // As the emulator builds the functions: with the features of the whole workspace.
    build.args(["build", "--workspace", "--bin", "emulator"]);
    if profile == Profile::Release {
        build.arg("--release");
    }
    let status = build.status().await.context("cannot run cargo")?;
    if !status.success() {
        bail!("the emulator does not build: see cargo's errors above");
    }
    let folder = match profile {
        Profile::Dev => "debug",
        Profile::Release => "release",
    };
    Ok(target_directory()?.join(folder).join("emulator"))
}

/// Where cargo puts what it builds: this program is in `<target>/<profile>/`.
fn target_directory() -> Result<PathBuf> {
    let program = env::current_exe()?;
    let target = program.parent().and_then(Path::parent);
    Ok(target
        .context("this program is in no target directory")?
        .to_owned())
}

/// A file of this run's own.
fn log_file() -> Result<PathBuf> {
    let folder = target_directory()?.join("loadtest");
    fs::create_dir_all(&folder)?;
    let started = SystemTime::now().duration_since(UNIX_EPOCH)?.as_millis();
    Ok(folder.join(format!("emulator-{started}-{}.log", process::id())))
}
