//! The measurements of a sweep.

use serde::{Deserialize, Serialize};

use crate::measurement::Measurement;

/// The points of the plots.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(crate) struct Figures {
    /// By buyers at once.
    pub(crate) by_concurrency: Vec<Measurement>,
    /// By buyers a second.
    pub(crate) by_load: Vec<Measurement>,
}
