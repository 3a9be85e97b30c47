//! Files of figures.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use clap::Args;
use serde::Serialize;

/// The argument that names the file for a measurement's figures.
#[derive(Debug, Clone, Args)]
pub(crate) struct JsonFile {
    /// Write the figures to this file, as JSON
    #[arg(long = "json", value_name = "FILE")]
    file: Option<PathBuf>,
}

impl JsonFile {
    /// Writes the figures, if a file was given.
    pub(crate) fn write(&self, figures: &impl Serialize) -> Result<()> {
        match &self.file {
            Some(file) => write(file, figures),
            None => Ok(()),
        }
    }
}

/// Writes the figures as JSON.
pub(crate) fn write(file: &Path, figures: &impl Serialize) -> Result<()> {
    let text = serde_json::to_string_pretty(figures)? + "\n";
    fs::write(file, text).with_context(|| format!("cannot write {}", file.display()))
}
