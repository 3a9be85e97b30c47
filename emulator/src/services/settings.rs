//! How the services are to run.

use std::path::Path;

use crate::simulation::Realism;
use crate::template::Table;

#[derive(Debug)]
pub(crate) struct Settings<'a> {
    pub(crate) region: &'a str,
    pub(crate) account_id: &'a str,
    /// The AWS endpoint's port, which queue URLs have in them.
    pub(crate) port: u16,
    /// Where the data is kept; in memory if none.
    pub(crate) data_dir: Option<&'a Path>,
    pub(crate) realism: Realism,
    pub(crate) tables: &'a [Table],
}
