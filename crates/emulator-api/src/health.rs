use serde::{Deserialize, Serialize};

/// `GET /_local/health`.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(tag = "status", rename_all = "lowercase")]
pub enum Health {
    /// Not everything runs yet.
    Starting,
    /// Everything runs.
    Ok {
        /// The HTTP API, without a slash at the end.
        api_url: String,
        /// The emulator's process id.
        pid: u32,
    },
}
