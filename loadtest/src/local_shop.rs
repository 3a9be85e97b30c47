//! A shop run by the emulator on this machine: found running, or started for one run.

use std::env;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{self, Stdio};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use anyhow::{Context, Result, bail};
use emulator_api::{FunctionReport, Functions, Grant, Health, ReadyLines, Token, paths};
use tokio::process::{Child, Command};

use crate::meter::MeterReading;

/// How long a shop may take to open. It builds its functions first, which takes minutes at first.
const OPENING_TIMEOUT: Duration = Duration::from_secs(30 * 60);

/// How long an open shop may take to answer.
const HEALTH_TIMEOUT: Duration = Duration::from_secs(5);

/// The build profile of the shop's binaries.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Profile {
    /// The profile of the tests: quick to build.
    Dev,
    /// The profile that AWS runs. The first build takes minutes.
    Release,
}

/// A shop on this machine. If it was started for the run, it ends when this is dropped.
#[derive(Debug)]
pub struct LocalShop {
    /// The URL of the HTTP API.
    pub api_url: String,
    /// The URL of DynamoDB, SQS, Lambda and the emulator's own routes.
    pub aws_url: String,
    pub emulator_pid: u32,
    http: reqwest::Client,
    /// The emulator, if it was started for the run: dropping it ends the process.
    _started: Option<Child>,
}

impl LocalShop {
    /// Finds the shop whose AWS endpoint is at this URL. `None` if nothing listens there.
    ///
    /// # Errors
    /// When the listener does not answer, or is not an open shop.
    pub async fn find(aws_url: &str) -> Result<Option<LocalShop>> {
        let http = reqwest::Client::new();
        let url = format!("{aws_url}{}", paths::HEALTH);
        let answer = match http.get(&url).timeout(HEALTH_TIMEOUT).send().await {
            Ok(answer) => answer,
            Err(error) if error.is_timeout() => {
                return Err(error).context(format!("what listens at {aws_url} does not answer"));
            }
            Err(_) => return Ok(None),
        };
        let Ok(Health::Ok { api_url, pid }) = answer.json().await else {
            bail!("what answers at {aws_url} is no shop that is open");
        };
        Ok(Some(LocalShop {
            api_url,
            aws_url: aws_url.to_owned(),
            emulator_pid: pid,
            http,
            _started: None,
        }))
    }

    /// Builds the shop and opens it on free ports, without products. `arguments` are passed to the emulator. Its
    /// output goes to a file in the target directory, which an error names.
    pub async fn start(profile: Profile, arguments: &[&str]) -> Result<LocalShop> {
        let program = build(profile).await?;
        let log = log_file()?;
        let output =
            File::create(&log).with_context(|| format!("cannot write {}", log.display()))?;
        let mut emulator = Command::new(&program)
            .args(["--no-seed", "--port", "0", "--aws-port", "0"])
            .args(arguments)
            .stdin(Stdio::null())
            .stdout(output.try_clone()?)
            .stderr(output)
            .kill_on_drop(true)
            .spawn()
            .with_context(|| format!("cannot run {}", program.display()))?;
        let give_up = Instant::now() + OPENING_TIMEOUT;
        while Instant::now() < give_up {
            if let Some(ReadyLines { aws_url, .. }) = ReadyLines::find(&fs::read_to_string(&log)?) {
                let shop = LocalShop::find(&aws_url).await?;
                let shop = shop.with_context(|| format!("nothing answers at {aws_url}"))?;
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

    pub async fn functions(&self) -> Result<Vec<FunctionReport>> {
        let url = format!("{}{}", self.aws_url, paths::FUNCTIONS);
        let Functions { functions } = self.http.get(url).send().await?.json().await?;
        Ok(functions)
    }

    /// Invokes every function once, so that each has a process. The event is empty, so the invocation may fail.
    pub async fn invoke_all(&self) -> Result<()> {
        for function in self.functions().await? {
            let name = &function.name;
            let url = format!("{}/2015-03-31/functions/{name}/invocations", self.aws_url);
            self.http.post(url).body("{}").send().await?;
        }
        Ok(())
    }

    /// An access token for a shopper, valid for a day.
    pub async fn token(&self, sub: &str) -> Result<String> {
        let url = format!("{}{}", self.aws_url, paths::TOKEN);
        let grant = Grant {
            sub: sub.to_owned(),
            ttl_seconds: Some(24 * 60 * 60),
            ..Grant::default()
        };
        let answer = self.http.post(url).json(&grant).send().await?;
        let Token { access_token, .. } = answer.json().await?;
        Ok(access_token)
    }

    /// The counts of the emulator's meter so far.
    pub async fn meter(&self) -> Result<MeterReading> {
        MeterReading::of(&self.http, &self.aws_url).await
    }
}

/// Builds the emulator. It builds the functions itself when it starts.
async fn build(profile: Profile) -> Result<PathBuf> {
    let mut build = Command::from(emulator::cargo(Path::new(".")));
    // The whole workspace is selected so that features are resolved as in every other build.
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

/// Cargo's target directory: this program is in `<target>/<profile>/`.
fn target_directory() -> Result<PathBuf> {
    let program = env::current_exe()?;
    let target = program.parent().and_then(Path::parent);
    Ok(target
        .context("this program is in no target directory")?
        .to_owned())
}

/// A new file for the emulator's output in this run.
fn log_file() -> Result<PathBuf> {
    let folder = target_directory()?.join("loadtest");
    fs::create_dir_all(&folder)?;
    let started = SystemTime::now().duration_since(UNIX_EPOCH)?.as_millis();
    Ok(folder.join(format!("emulator-{started}-{}.log", process::id())))
}
