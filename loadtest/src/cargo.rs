//! Building what a test needs.

use std::env;
use std::ffi::OsString;
use std::process::Command;

/// What cargo tells a program that it runs of the program's package. Some build scripts look at these (ring's
/// does); left in place, they would find something else in our build than in one from a shell, and each would
/// undo what the other has built.
const ABOUT_OUR_PACKAGE: [&str; 2] = ["CARGO_PKG_", "CARGO_MANIFEST_"];

/// The cargo that runs this program, if one does.
pub fn cargo() -> Command {
    let mut cargo = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    let names = env::vars_os().map(|(name, _)| name);
    let about_us = |name: &OsString| {
        let name = name.to_string_lossy();
        ABOUT_OUR_PACKAGE
            .iter()
            .any(|about| name.starts_with(about))
    };
    for name in names.filter(about_us) {
        cargo.env_remove(name);
    }
    cargo
}
