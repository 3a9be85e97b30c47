//! The arguments that most measurements share.

use std::path::PathBuf;
use std::time::Duration;

use anyhow::Result;
use clap::Args;
use serde::Serialize;

use crate::json_file;

/// The load of a measurement, and the file for its figures.
#[derive(Debug, Clone, Args)]
pub(crate) struct Load {
    /// Buyers at once, each on a connection of its own
    #[arg(long, default_value_t = 50)]
    pub(crate) buyers: usize,
    /// How long they keep buying
    #[arg(long, value_name = "NUMBER", default_value_t = 30.0)]
    seconds: f64,
    /// Write the figures to this file, as JSON
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
}

impl Load {
    pub(crate) fn duration(&self) -> Duration {
        Duration::from_secs_f64(self.seconds)
    }

    /// Writes the figures to the file, if one was given.
    pub(crate) fn write(&self, figures: &impl Serialize) -> Result<()> {
        match &self.json {
            Some(file) => json_file::write(file, figures),
            None => Ok(()),
        }
    }
}
