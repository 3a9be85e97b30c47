//! Starts the emulator, step by step, in the order in which its parts need each other.
//!
//! [`prepare`] finds the mistakes that need no building, [`Prepared::start`] is the list of steps, and [`Emulator`] is
//! the result, which also stops everything.

mod access;
mod data_dir;
mod emulator;
mod options;
mod prepare;
mod servers;

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Arc, OnceLock};

use anyhow::{Context as _, bail};
use axum::Router;
use tokio::task::JoinSet;

pub use emulator::Emulator;
pub use options::Options;
pub use prepare::{Prepared, prepare};

use crate::clients::Clients;
use crate::endpoint::{Aws, Deployed, Endpoint, Snapshots, WatchedQueue};
use crate::events::{schedule, sqs};
use crate::issuer::Issuer;
use crate::lambda::{Environment, Lambda, Logs};
use crate::meter::Meter;
use crate::page::Page;
use crate::services::{self, Services};
use crate::template::{HttpApi, Queue, Stack, Storage, Template};
use crate::{endpoint, gateway};
use access::{AwsAccess, LOCAL_ACCOUNT, LOCAL_REGION};
use data_dir::DataDir;
use servers::Servers;

impl Prepared {
    /// Starts everything; returns when the HTTP API answers.
    ///
    /// # Errors
    /// When a binary isn't in the folder, or a table or queue can't be created.
    pub async fn start(mut self, binaries: &Path) -> anyhow::Result<Emulator> {
        let (issuer, aws) = tokio::try_join!(make_issuer(), start_aws(&self))?;
        let endpoint = make_endpoint(&self, aws, issuer);
        let environment = function_environment(&self, binaries);
        let mut servers = Servers::new();
        servers.serve(self.aws_listener, endpoint::router(endpoint.clone()));

        let clients = self.access.clients();
        let queue_urls = create_storage(&clients, &self.storage, &mut self.template).await?;
        restore_messages(&endpoint.aws).await?;

        let stack = self.template.stack()?;
        check_binaries(&stack, binaries)?;
        let logs = Logs::new(self.options.print_logs, endpoint.page.clone());
        let lambda = Arc::new(Lambda::new(&stack.functions, &environment, Arc::new(logs))?);
        let api = Arc::new(stack.api.clone());
        servers.serve(self.api_listener, api_router(&api, &lambda, &endpoint)?);
        // Start-up calls are not billed.
        endpoint.meter.reset(Vec::new());
        let region = &self.access.region;
        let event_sources = start_event_sources(&stack, &lambda, &clients, region, &endpoint.page);

        let queues = watched_queues(&self.storage, &queue_urls, &stack);
        let _ = endpoint.deployed.set(Deployed {
            lambda: lambda.clone(),
            api,
            snapshots: Snapshots::new(self.api_url.clone(), clients, &self.storage.tables, queues),
            api_url: self.api_url.clone(),
        });
        Ok(Emulator {
            api_url: self.api_url,
            aws_url: self.aws_url,
            variables: outside_variables(&self.template, &self.access)?,
            region: self.access.region,
            binaries: binaries.to_owned(),
            servers,
            event_sources,
            lambda,
            endpoint,
            _data_dir: self.data_dir,
        })
    }
}

/// Making a key takes some tens of milliseconds of computing, so it has a thread of its own.
async fn make_issuer() -> anyhow::Result<Arc<Issuer>> {
    let issuer = tokio::task::spawn_blocking(Issuer::generate).await??;
    Ok(Arc::new(issuer))
}

/// Starts the emulator's own DynamoDB and SQS, unless others are to be used.
async fn start_aws(prepared: &Prepared) -> anyhow::Result<Aws> {
    if let Some(endpoint) = &prepared.options.aws_endpoint {
        return Ok(Aws::Elsewhere(endpoint.clone()));
    }
    let settings = services::Settings {
        region: LOCAL_REGION,
        account_id: LOCAL_ACCOUNT,
        port: prepared.aws_listener.local_addr()?.port(),
        data_dir: prepared.data_dir.as_ref().map(DataDir::path),
        realism: prepared.options.realism,
        tables: &prepared.storage.tables,
    };
    Ok(Aws::Here(Services::start(&settings).await?))
}

fn make_endpoint(prepared: &Prepared, aws: Aws, issuer: Arc<Issuer>) -> Arc<Endpoint> {
    let page = Page::new(&prepared.stack.api, prepared.options.traces);
    Arc::new(Endpoint {
        aws,
        issuer,
        page: Arc::new(page),
        meter: Arc::new(Meter::new()),
        deployed: OnceLock::new(),
    })
}

/// Creates tables and queues, and puts the queues' real addresses into the template. Returns the queues' URLs by
/// logical id.
async fn create_storage(
    clients: &Clients,
    storage: &Storage,
    template: &mut Template,
) -> anyhow::Result<BTreeMap<String, String>> {
    let mut urls = BTreeMap::new();
    for queue in services::create_resources(clients, storage).await? {
        urls.insert(queue.logical_id.clone(), queue.url.clone());
        template.place_queue(&queue.logical_id, queue.url, queue.arn);
    }
    Ok(urls)
}

/// Puts the messages that a data directory kept back into their queues, which must exist by now.
async fn restore_messages(aws: &Aws) -> anyhow::Result<()> {
    match aws {
        Aws::Here(services) => services.restore().await.context("can't restore the queues"),
        Aws::Elsewhere(_) => Ok(()),
    }
}

fn check_binaries(stack: &Stack, folder: &Path) -> anyhow::Result<()> {
    for function in &stack.functions {
        let path = folder.join(&function.binary);
        if !path.is_file() {
            bail!(
                "{} has no binary: {} is not there",
                function.logical_id,
                path.display()
            );
        }
    }
    Ok(())
}

fn function_environment(prepared: &Prepared, binaries: &Path) -> Environment {
    let Prepared {
        options,
        access,
        aws_url,
        ..
    } = prepared;
    Environment {
        binaries: binaries.to_owned(),
        region: access.region.clone(),
        account_id: LOCAL_ACCOUNT.to_owned(),
        endpoint_url: access.endpoint.clone(),
        traces_endpoint: options.traces.then(|| aws_url.clone()),
        credentials: access.credentials.clone(),
        default_concurrency: options.processes(),
    }
}

fn api_router(
    api: &Arc<HttpApi>,
    lambda: &Arc<Lambda>,
    endpoint: &Endpoint,
) -> anyhow::Result<Router> {
    gateway::router(
        api.clone(),
        LOCAL_ACCOUNT.to_owned(),
        &endpoint.issuer,
        lambda.clone(),
        endpoint.meter.clone(),
        endpoint.page.clone(),
    )
}

/// Starts the pollers of queues, and the schedules.
fn start_event_sources(
    stack: &Stack,
    lambda: &Lambda,
    clients: &Clients,
    region: &str,
    page: &Arc<Page>,
) -> JoinSet<()> {
    let mut sources = JoinSet::new();
    for source in &stack.queue_sources {
        if let Some(function) = lambda.function(&source.function) {
            sources.spawn(sqs::run(
                source.clone(),
                function.clone(),
                clients.sqs.clone(),
                region.to_owned(),
                page.clone(),
            ));
        }
    }
    for plan in &stack.schedules {
        if let Some(function) = lambda.function(&plan.function) {
            sources.spawn(schedule::run(
                plan.clone(),
                function.clone(),
                region.to_owned(),
                LOCAL_ACCOUNT.to_owned(),
            ));
        }
    }
    sources
}

fn watched_queues(
    storage: &Storage,
    urls: &BTreeMap<String, String>,
    stack: &Stack,
) -> Vec<WatchedQueue> {
    let url_of = |queue: &Queue| urls.get(&queue.logical_id).cloned();
    WatchedQueue::all(&storage.queues, url_of, &stack.queue_sources)
}

/// The variables by which a program outside finds the tables and queues.
fn outside_variables(
    template: &Template,
    access: &AwsAccess,
) -> anyhow::Result<BTreeMap<String, String>> {
    let mut variables = template.shared_environment()?;
    variables.extend(access.variables());
    Ok(variables)
}
