//! Loads the first products with the workspace's own program.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Stdio;

use anyhow::{Context as _, bail};
use tokio::process::Command;

/// The binary's name, by convention. It finds the tables by environment variables, as the functions do.
pub(crate) const PROGRAM: &str = "seed";

/// Runs the program if it is in the folder. Returns whether it was.
pub(crate) async fn run(
    binaries: &Path,
    environment: &BTreeMap<String, String>,
) -> anyhow::Result<bool> {
    let program = binaries.join(PROGRAM);
    if !program.is_file() {
        return Ok(false);
    }
    let status = Command::new(&program)
        .envs(environment)
        .stdin(Stdio::null())
        .kill_on_drop(true)
        .status()
        .await
        .with_context(|| format!("can't run {}", program.display()))?;
    if !status.success() {
        bail!(
            "{} failed ({status}); start with --no-seed to go without it",
            program.display()
        );
    }
    Ok(true)
}
