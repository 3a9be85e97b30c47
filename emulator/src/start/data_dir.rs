//! The directory that `--data-dir` names.

use std::fs::File;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail};

/// A directory for tables and queues, locked: only one emulator at a time uses it.
#[derive(Debug)]
pub(super) struct DataDir {
    path: PathBuf,
    /// Held until this is dropped.
    _lock: File,
}

impl DataDir {
    pub(super) fn open(path: &Path) -> anyhow::Result<Self> {
        let open = || {
            std::fs::create_dir_all(path)?;
            File::create(path.join("lock"))
        };
        let lock =
            open().with_context(|| format!("can't use the data directory {}", path.display()))?;
        if lock.try_lock().is_err() {
            bail!(
                "another emulator uses the data directory {}",
                path.display()
            );
        }
        Ok(DataDir {
            path: path.to_owned(),
            _lock: lock,
        })
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }
}
