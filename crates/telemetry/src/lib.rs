//! How the shop tells its operators what happens.

use tracing_subscriber::EnvFilter;

/// Starts logging: one JSON object a line on standard output, as CloudWatch Logs takes it.
/// `RUST_LOG` says how much; without it, `info`.
pub fn init() {
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("info"));
    tracing_subscriber::fmt()
        .json()
        .flatten_event(true)
        .with_current_span(false)
        .with_env_filter(filter)
        .init();
}
