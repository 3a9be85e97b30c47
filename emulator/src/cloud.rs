//! Puts the parts together, in the order in which they need each other, and takes them apart again.

use std::collections::BTreeMap;
use std::fs::File;
use std::net::Ipv4Addr;
use std::num::NonZero;
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};
use std::thread;
use std::time::Duration;

use anyhow::{Context as _, bail};
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinSet;

use crate::edge::resources::{self, Clients};
use crate::edge::{Data, DataServices, Deployed, DynamoDb, Edge, Sqs};
use crate::events::{schedule, sqs};
use crate::issuer::Issuer;
use crate::lambda::{Credentials, Environment, Lambda, Logs};
use crate::meter::Meter;
use crate::net::ListenError;
use crate::realism::{Realism, Simulation};
use crate::template::{Facts, Queue, Stack, Storage, Template};
use crate::watch::{Live, Watch, WatchedQueue};
use crate::{build, edge, gateway, instructions, net, seed};

/// LocalStack's, so that tools made for it work here.
const LOCAL_REGION: &str = "us-east-1";
const LOCAL_ACCOUNT: &str = "000000000000";
const DEFAULT_STACK_NAME: &str = "local";
const DEFAULT_API_PORT: u16 = 3000;
const DEFAULT_EDGE_PORT: u16 = 4566;
/// One works while the other waits for the tables. More than that only wait for each other, and each begins without what
/// the others remember: docs/performance.md
const PROCESSES_FOR_EACH_PROCESSOR: usize = 2;
/// Where calls take as long as on AWS, processes wait for most of the time, so as many are started as Lambda would.
const PROCESSES_AS_ON_AWS: usize = 100;
/// Longest wait for requests that are under way when the emulator stops.
const SHUTDOWN_GRACE: Duration = Duration::from_millis(500);

/// What to run and where.
#[derive(Debug, Clone)]
pub struct Options {
    /// The SAM template.
    pub template: PathBuf,
    /// Values of the template's parameters; the others take their defaults.
    pub parameters: BTreeMap<String, String>,
    /// What the names of tables, queues and functions begin with.
    pub stack_name: String,
    /// The HTTP API's port on loopback; 0 for any free one.
    pub port: u16,
    /// The AWS edge's port on loopback; 0 for any free one.
    pub edge_port: u16,
    /// Where tables and queues are kept; in memory if none.
    pub data_dir: Option<PathBuf>,
    /// Another DynamoDB and SQS than the emulator's own.
    pub aws_endpoint: Option<String>,
    /// Most processes of one function at once, where the template reserves no number. By default two for each
    /// processor, and 100 where AWS's latencies are simulated.
    pub processes_per_function: Option<usize>,
    /// How much like AWS its own DynamoDB and SQS behave.
    pub realism: Realism,
    /// Whether the functions send their traces to the edge, for the page at `/_local/`.
    pub traces: bool,
    /// Whether the functions' log lines are printed.
    pub print_logs: bool,
}

impl Options {
    /// The defaults of `cargo local` for this template.
    pub fn new(template: impl Into<PathBuf>) -> Self {
        Options {
            template: template.into(),
            parameters: BTreeMap::new(),
            stack_name: DEFAULT_STACK_NAME.to_owned(),
            port: DEFAULT_API_PORT,
            edge_port: DEFAULT_EDGE_PORT,
            data_dir: None,
            aws_endpoint: None,
            processes_per_function: None,
            realism: Realism::Off,
            traces: false,
            print_logs: true,
        }
    }

    fn processes(&self) -> usize {
        let processors = || thread::available_parallelism().map_or(1, NonZero::get);
        self.processes_per_function.unwrap_or(match self.realism {
            Realism::Off => processors() * PROCESSES_FOR_EACH_PROCESSOR,
            Realism::Aws { .. } => PROCESSES_AS_ON_AWS,
        })
    }
}

/// A template that was read and ports that were taken: the errors that need no building to be found.
#[derive(Debug)]
pub struct Prepared {
    options: Options,
    template: Template,
    storage: Storage,
    stack: Stack,
    api_listener: TcpListener,
    edge_listener: TcpListener,
    api_url: String,
    edge_url: String,
    region: String,
    credentials: Option<Credentials>,
    data_dir: Option<DataDir>,
}

/// Reads the template and takes the ports. Must be called inside a Tokio runtime.
///
/// # Errors
/// [`TemplateError`](crate::TemplateError), [`ListenError`](crate::ListenError), or a data directory that can't
/// be used.
pub fn prepare(options: Options) -> anyhow::Result<Prepared> {
    let api_listener = net::listen(options.port, "--port");
    let edge_listener = net::listen(options.edge_port, "--edge-port");
    let api_url = url(&api_listener, options.port);
    let edge_url = url(&edge_listener, options.edge_port);
    let (region, credentials) = match &options.aws_endpoint {
        Some(_) => outside_identity(),
        None => (LOCAL_REGION.to_owned(), None),
    };
    let facts = Facts {
        region: region.clone(),
        account_id: LOCAL_ACCOUNT.to_owned(),
        stack_name: options.stack_name.clone(),
        edge_url: edge_url.clone(),
        api_url: api_url.clone(),
    };
    let template = Template::load(&options.template, &options.parameters, facts)?;
    let storage = template.storage()?;
    let stack = template.stack()?;
    // Only now: what is wrong with the template is wrong whatever the port.
    let (api_listener, edge_listener) = (api_listener?, edge_listener?);
    let data_dir = options.data_dir.as_deref().map(DataDir::open).transpose()?;
    Ok(Prepared {
        options,
        template,
        storage,
        stack,
        api_listener,
        edge_listener,
        api_url,
        edge_url,
        region,
        credentials,
        data_dir,
    })
}

/// Where a listener is; where it would be if it could not be had.
fn url(listener: &Result<TcpListener, ListenError>, wanted: u16) -> String {
    let address = listener.as_ref().ok().map(TcpListener::local_addr);
    let port = address.and_then(Result::ok).map_or(wanted, |it| it.port());
    format!("http://{}:{port}", Ipv4Addr::LOCALHOST)
}

/// Region and credentials for an endpoint outside: the environment's, or LocalStack's.
fn outside_identity() -> (String, Option<Credentials>) {
    let variable = |name| std::env::var(name).ok().filter(|value| !value.is_empty());
    let region = variable("AWS_REGION").or_else(|| variable("AWS_DEFAULT_REGION"));
    let credentials = Credentials {
        access_key_id: variable("AWS_ACCESS_KEY_ID").unwrap_or_else(|| "test".to_owned()),
        secret_access_key: variable("AWS_SECRET_ACCESS_KEY").unwrap_or_else(|| "test".to_owned()),
        session_token: variable("AWS_SESSION_TOKEN"),
    };
    (
        region.unwrap_or_else(|| LOCAL_REGION.to_owned()),
        Some(credentials),
    )
}

/// A directory that one emulator at a time uses.
#[derive(Debug)]
struct DataDir {
    path: PathBuf,
    _lock: File,
}

impl DataDir {
    fn open(path: &Path) -> anyhow::Result<Self> {
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
}

impl Prepared {
    /// Builds the functions' binaries with cargo, which shows its progress. Gives the folder they are in.
    ///
    /// # Errors
    /// When the template names a binary that the workspace hasn't, or cargo fails.
    pub fn build(&self) -> anyhow::Result<PathBuf> {
        let folder = self.options.template.parent().unwrap_or(Path::new("."));
        let names = self
            .stack
            .functions
            .iter()
            .map(|function| function.binary.as_str());
        build::binaries(folder, names)
    }

    /// What of the template isn't emulated, in words.
    pub fn ignored(&self) -> &[String] {
        &self.stack.ignored
    }

    /// Starts everything; returns when the HTTP API answers.
    ///
    /// # Errors
    /// When a binary isn't in the folder, or a table or queue can't be created.
    pub async fn start(self, binaries: &Path) -> anyhow::Result<RunningCloud> {
        let Prepared {
            options,
            mut template,
            storage,
            ..
        } = self;
        let stop = watch::Sender::new(false);
        let mut servers = JoinSet::new();
        let issuer = tokio::task::spawn_blocking(Issuer::generate);
        let data = match &options.aws_endpoint {
            Some(endpoint) => Data::Elsewhere(endpoint.clone()),
            None => {
                let port = self.edge_listener.local_addr()?.port();
                Data::Here(Box::new(start_data(port, self.data_dir.as_ref()).await?))
            }
        };
        let issuer = Arc::new(issuer.await??);
        let meter = Arc::new(Meter::new());
        let watch = Arc::new(Watch::new(&self.stack.api, options.traces));
        let edge = Arc::new(Edge {
            data,
            issuer: issuer.clone(),
            watch: watch.clone(),
            meter: meter.clone(),
            simulation: Simulation::new(options.realism, &storage.tables),
            deployed: OnceLock::new(),
        });
        servers.spawn(net::serve(
            self.edge_listener,
            edge::router(edge.clone()),
            stop.subscribe(),
        ));

        let endpoint = options
            .aws_endpoint
            .clone()
            .unwrap_or_else(|| self.edge_url.clone());
        let clients = Clients::new(&endpoint, &self.region, self.credentials.as_ref());
        let urls = create_storage(&clients, &storage, &mut template).await?;
        if let Data::Here(here) = &edge.data {
            let restored = here.sqs.restore().await;
            restored.context("can't restore the queues")?;
        }

        let stack = template.stack()?;
        check_binaries(&stack, binaries)?;
        let environment = Environment {
            binaries: binaries.to_owned(),
            region: self.region.clone(),
            account_id: LOCAL_ACCOUNT.to_owned(),
            endpoint_url: endpoint.clone(),
            traces_endpoint: options.traces.then(|| self.edge_url.clone()),
            credentials: self.credentials.clone(),
            default_concurrency: options.processes(),
        };
        let logs = Arc::new(Logs::new(options.print_logs, watch.clone()));
        let lambda = Arc::new(Lambda::new(&stack.functions, &environment, logs)?);
        let api = Arc::new(stack.api.clone());
        let routes = gateway::router(
            api.clone(),
            LOCAL_ACCOUNT.to_owned(),
            &issuer,
            lambda.clone(),
            meter.clone(),
            watch.clone(),
        )?;
        servers.spawn(net::serve(self.api_listener, routes, stop.subscribe()));
        // What it took to get here is on nobody's bill.
        meter.reset(Vec::new());
        let sources = start_sources(&stack, &lambda, &clients, &self.region, &watch);
        let url_of = |queue: &Queue| urls.get(&queue.logical_id).cloned();
        let queues = WatchedQueue::all(&storage.queues, url_of, &stack.queue_sources);
        let _ = edge.deployed.set(Deployed {
            lambda: lambda.clone(),
            api,
            live: Live::new(self.api_url.clone(), clients, &storage.tables, queues),
            api_url: self.api_url.clone(),
        });

        Ok(RunningCloud {
            api_url: self.api_url,
            edge_url: self.edge_url,
            environment: outside_environment(&template, &endpoint, &self.region, self.credentials)?,
            binaries: binaries.to_owned(),
            stop,
            servers,
            sources,
            lambda,
            edge,
            _data_dir: self.data_dir,
        })
    }
}

/// DynamoDB and SQS of this emulator's own, which is at this port.
async fn start_data(port: u16, data_dir: Option<&DataDir>) -> anyhow::Result<DataServices> {
    let file = |name| data_dir.map(|dir| dir.path.join(name));
    let tables = file("dynamodb.sqlite");
    let queues = file("sqs.sqlite");
    Ok(DataServices {
        dynamodb: DynamoDb::start(tables.as_deref()).await?,
        sqs: Sqs::start(LOCAL_REGION, LOCAL_ACCOUNT, port, queues.as_deref())?,
    })
}

/// Creates tables and queues, and tells the template where the queues are. Gives their URLs by logical id.
async fn create_storage(
    clients: &Clients,
    storage: &Storage,
    template: &mut Template,
) -> anyhow::Result<BTreeMap<String, String>> {
    let mut urls = BTreeMap::new();
    for queue in resources::create(clients, storage).await? {
        urls.insert(queue.logical_id.clone(), queue.url.clone());
        template.place_queue(&queue.logical_id, queue.url, queue.arn);
    }
    Ok(urls)
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

fn start_sources(
    stack: &Stack,
    lambda: &Lambda,
    clients: &Clients,
    region: &str,
    watch: &Arc<Watch>,
) -> JoinSet<()> {
    let mut sources = JoinSet::new();
    for source in &stack.queue_sources {
        if let Some(function) = lambda.function(&source.function) {
            let mapping = sqs::run(
                source.clone(),
                function.clone(),
                clients.sqs.clone(),
                region.to_owned(),
                watch.clone(),
            );
            sources.spawn(mapping);
        }
    }
    for plan in &stack.schedules {
        if let Some(function) = lambda.function(&plan.function) {
            let account = LOCAL_ACCOUNT.to_owned();
            sources.spawn(schedule::run(
                plan.clone(),
                function.clone(),
                region.to_owned(),
                account,
            ));
        }
    }
    sources
}

/// What a program outside needs to find the tables and queues.
fn outside_environment(
    template: &Template,
    endpoint: &str,
    region: &str,
    credentials: Option<Credentials>,
) -> anyhow::Result<BTreeMap<String, String>> {
    let mut variables = template.shared_environment()?;
    let mut set = |key: &str, value: &str| {
        variables.insert(key.to_owned(), value.to_owned());
    };
    set("AWS_ENDPOINT_URL", endpoint);
    set("AWS_REGION", region);
    match credentials {
        Some(given) => {
            set("AWS_ACCESS_KEY_ID", &given.access_key_id);
            set("AWS_SECRET_ACCESS_KEY", &given.secret_access_key);
            if let Some(token) = &given.session_token {
                set("AWS_SESSION_TOKEN", token);
            }
        }
        None => {
            set("AWS_ACCESS_KEY_ID", "local");
            set("AWS_SECRET_ACCESS_KEY", "local");
        }
    }
    Ok(variables)
}

/// The running cloud. It stops when it is dropped; [`shut_down`](Self::shut_down) also waits for it.
#[derive(Debug)]
pub struct RunningCloud {
    api_url: String,
    edge_url: String,
    environment: BTreeMap<String, String>,
    binaries: PathBuf,
    stop: watch::Sender<bool>,
    servers: JoinSet<()>,
    sources: JoinSet<()>,
    lambda: Arc<Lambda>,
    edge: Arc<Edge>,
    _data_dir: Option<DataDir>,
}

impl RunningCloud {
    /// The HTTP API, without a slash at the end.
    pub fn api_url(&self) -> &str {
        &self.api_url
    }

    /// DynamoDB, SQS, Lambda and `/_local/`, without a slash at the end.
    pub fn edge_url(&self) -> &str {
        &self.edge_url
    }

    /// The page that shows what goes on.
    pub fn page_url(&self) -> String {
        format!("{}{}", self.edge_url, crate::watch::http::PAGE)
    }

    /// Environment variables with which another program finds the tables and queues: endpoint, region,
    /// credentials, and what the template's `Globals` give to every function.
    pub fn environment(&self) -> &BTreeMap<String, String> {
        &self.environment
    }

    /// Commands to paste into a shell: an open route, a token, a guarded route, as far as the template has them.
    pub fn first_commands(&self) -> Vec<String> {
        let deployed = self.edge.deployed.get();
        let api = deployed.map(|deployed| deployed.api.as_ref());
        api.map(|api| instructions::commands(api, &self.api_url, &self.edge_url))
            .unwrap_or_default()
    }

    /// Runs the workspace's `seed` program against the tables, if there is one in the folder of binaries.
    ///
    /// # Errors
    /// When it fails.
    pub async fn seed(&self) -> anyhow::Result<bool> {
        seed::run(&self.binaries, &self.environment).await
    }

    /// Stops everything and waits until every function's process is gone and the data is on disk.
    pub async fn shut_down(mut self) {
        self.stop.send_replace(true);
        self.sources.shutdown().await;
        self.lambda.shut_down().await;
        let finished = async { while self.servers.join_next().await.is_some() {} };
        if tokio::time::timeout(SHUTDOWN_GRACE, finished)
            .await
            .is_err()
        {
            self.servers.shutdown().await;
        }
        if let Data::Here(here) = &self.edge.data {
            here.sqs.shut_down().await;
            here.dynamodb.shut_down().await;
        }
    }
}

impl Drop for RunningCloud {
    fn drop(&mut self) {
        self.stop.send_replace(true);
        self.lambda.stop();
    }
}
