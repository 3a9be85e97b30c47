//! The emulator while it runs, and how it stops.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use emulator_api::{ReadyLines, paths};
use tokio::task::JoinSet;

use super::data_dir::DataDir;
use super::servers::Servers;
use crate::endpoint::{Aws, Endpoint};
use crate::lambda::Lambda;
use crate::{instructions, seed};

/// The running emulator. It stops when it is dropped; [`shut_down`](Self::shut_down) also waits for it.
#[derive(Debug)]
pub struct Emulator {
    pub(super) api_url: String,
    pub(super) aws_url: String,
    pub(super) region: String,
    pub(super) variables: BTreeMap<String, String>,
    pub(super) binaries: PathBuf,
    pub(super) servers: Servers,
    /// The pollers of queues, and the schedules.
    pub(super) event_sources: JoinSet<()>,
    pub(super) lambda: Arc<Lambda>,
    pub(super) endpoint: Arc<Endpoint>,
    /// Locked until everything has stopped.
    pub(super) _data_dir: Option<DataDir>,
}

impl Emulator {
    /// The HTTP API, without a slash at the end.
    pub fn api_url(&self) -> &str {
        &self.api_url
    }

    /// DynamoDB, SQS, Lambda and `/_local/`, without a slash at the end.
    pub fn aws_url(&self) -> &str {
        &self.aws_url
    }

    /// What to print when the emulator is ready: where everything is.
    pub fn ready_lines(&self) -> ReadyLines {
        ReadyLines {
            api_url: self.api_url.clone(),
            aws_url: self.aws_url.clone(),
            page_url: format!("{}{}", self.aws_url, paths::PAGE),
            region: self.region.clone(),
        }
    }

    /// Environment variables with which another program finds the tables and queues: endpoint, region,
    /// credentials, and those that the template's `Globals` give to every function.
    pub fn environment(&self) -> &BTreeMap<String, String> {
        &self.variables
    }

    /// Commands to paste into a shell: an open route, a token, a guarded route, as far as the template has them.
    pub fn first_commands(&self) -> Vec<String> {
        let deployed = self.endpoint.deployed.get();
        let api = deployed.map(|deployed| deployed.api.as_ref());
        api.map(|api| instructions::commands(api, &self.api_url, &self.aws_url))
            .unwrap_or_default()
    }

    /// Runs the workspace's `seed` program against the tables, if there is one in the folder of binaries.
    ///
    /// # Errors
    /// When it fails.
    pub async fn seed(&self) -> anyhow::Result<bool> {
        seed::run(&self.binaries, &self.variables).await
    }

    /// Stops everything and waits until every function's process is gone and the data is on disk.
    pub async fn shut_down(mut self) {
        self.servers.stop();
        self.event_sources.shutdown().await;
        self.lambda.shut_down().await;
        self.servers.stopped().await;
        match &self.endpoint.aws {
            Aws::Here(services) => services.shut_down().await,
            Aws::Elsewhere(_) => {}
        }
    }
}

impl Drop for Emulator {
    fn drop(&mut self) {
        self.servers.stop();
        self.lambda.stop();
    }
}
