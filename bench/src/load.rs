//! The arguments that most measurements share.

use std::time::Duration;

use clap::Args;

use crate::json_file::JsonFile;

/// The load of a measurement, and the file for its figures.
#[derive(Debug, Clone, Args)]
pub(crate) struct Load {
    /// Buyers at once, each on a connection of its own
    #[arg(long, default_value_t = 50)]
    pub(crate) buyers: usize,
    /// How long they keep buying
    #[arg(long, value_name = "NUMBER", default_value_t = 30.0)]
    seconds: f64,
    #[command(flatten)]
    pub(crate) json: JsonFile,
}

impl Load {
    pub(crate) fn duration(&self) -> Duration {
        Duration::from_secs_f64(self.seconds)
    }
}
