//! Builds the binaries that the template names.

use std::collections::BTreeSet;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context as _, bail};
use serde::Deserialize;

use crate::seed;

/// The emulator's own binary.
const EMULATOR: &str = "emulator";

#[derive(Debug, Deserialize)]
struct Metadata {
    packages: Vec<Package>,
    target_directory: PathBuf,
}

#[derive(Debug, Deserialize)]
struct Package {
    targets: Vec<Target>,
}

#[derive(Debug, Deserialize)]
struct Target {
    name: String,
    kind: Vec<String>,
}

/// Builds these binaries of the workspace at `folder`, and the seed program if it has one, in the emulator's own
/// profile. Returns the folder that they are in.
pub(crate) fn binaries<'a>(
    folder: &Path,
    names: impl Iterator<Item = &'a str>,
) -> anyhow::Result<PathBuf> {
    let names: BTreeSet<&str> = names.collect();
    let metadata = metadata(folder)?;
    for name in &names {
        if !metadata.has_binary(name) {
            bail!("the template names the binary `{name}`, which no package of the workspace has");
        }
    }
    let status = build_command(folder, &metadata, names)
        .status()
        .context("can't run cargo")?;
    if !status.success() {
        bail!("the functions don't build: see cargo's errors above");
    }
    let profile = if cfg!(debug_assertions) {
        "debug"
    } else {
        "release"
    };
    Ok(metadata.target_directory.join(profile))
}

/// The whole workspace is selected so that its dependencies are built once, with the features that all members need
/// together, for this build, for the emulator and for the tests alike.
fn build_command(folder: &Path, metadata: &Metadata, names: BTreeSet<&str>) -> Command {
    let mut command = cargo(folder);
    command.args(["build", "--workspace"]);
    let mut with_them = vec![seed::PROGRAM];
    if !cfg!(debug_assertions) {
        command.arg("--release");
        // The emulator depends on a cdylib (dynoxide). If the selection has one, cargo compiles the libraries that it
        // depends on with object code besides the bitcode for link-time optimisation, and otherwise without. With the
        // emulator in every selection, the functions use the libraries that it was built with.
        // Source: cargo's src/cargo/core/compiler/lto.rs.
        with_them.push(EMULATOR);
    }
    let with_them = with_them
        .into_iter()
        .filter(|name| metadata.has_binary(name));
    for name in names.iter().copied().chain(with_them) {
        command.args(["--bin", name]);
    }
    command
}

impl Metadata {
    fn has_binary(&self, name: &str) -> bool {
        let mut targets = self.packages.iter().flat_map(|package| &package.targets);
        targets.any(|target| target.name == name && target.kind.iter().any(|kind| kind == "bin"))
    }
}

fn metadata(folder: &Path) -> anyhow::Result<Metadata> {
    let output = cargo(folder)
        .args(["metadata", "--no-deps", "--format-version", "1"])
        .stderr(Stdio::inherit())
        .output()
        .context("can't run cargo")?;
    if !output.status.success() {
        bail!("cargo metadata failed in {}", folder.display());
    }
    serde_json::from_slice(&output.stdout).context("can't read the output of cargo metadata")
}

/// Variables that cargo sets for a program that it runs. Some build scripts look at them (ring's does), so with them
/// this build would differ from one that is started in a shell, and each would make the other build everything again.
const ABOUT_OUR_PACKAGE: [&str; 2] = ["CARGO_PKG_", "CARGO_MANIFEST_"];

/// A call of cargo in this folder: of the cargo that runs this program, or the one in the PATH.
pub fn cargo(folder: &Path) -> Command {
    let mut command = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    let names = std::env::vars_os().map(|(name, _)| name);
    let about_us = |name: &OsString| {
        let name = name.to_string_lossy();
        ABOUT_OUR_PACKAGE
            .iter()
            .any(|about| name.starts_with(about))
    };
    for name in names.filter(about_us) {
        command.env_remove(name);
    }
    let folder = if folder.as_os_str().is_empty() {
        Path::new(".")
    } else {
        folder
    };
    command.current_dir(folder).stdin(Stdio::null());
    command
}
