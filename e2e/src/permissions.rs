//! Writes down the permissions that the functions used, for the test that compares them with the template's policies.

use std::path::Path;
use std::{env, fs, thread};

use tokio::runtime::{Handle, RuntimeFlavor};
use uuid::Uuid;

use crate::shop::Shop;

/// The variable with the folder for one file from each shop. Without it, nothing is written.
const FOLDER_VARIABLE: &str = "HEDONIFY_PERMISSIONS_DIR";

impl Drop for Shop {
    fn drop(&mut self) {
        let Some(folder) = env::var_os(FOLDER_VARIABLE) else {
            return;
        };
        let runtime = Handle::current();
        // A failed test has used only a part of the permissions. On a single thread the emulator could not answer.
        if thread::panicking() || runtime.runtime_flavor() == RuntimeFlavor::CurrentThread {
            return;
        }
        let metrics = tokio::task::block_in_place(|| runtime.block_on(self.metrics()));
        let file = Path::new(&folder).join(format!("{}.json", Uuid::now_v7()));
        let functions = serde_json::to_string(&metrics.functions).expect("they become JSON");
        fs::write(&file, functions).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
    }
}
