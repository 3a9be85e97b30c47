//! One function: its processes, the line of invocations that wait for one, and its counts.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use bytes::Bytes;
use serde::Serialize;
use tokio::sync::{Notify, OwnedSemaphorePermit, Semaphore, mpsc, oneshot, watch};
use uuid::Uuid;

use super::error::{InvokeError, MAX_PAYLOAD_BYTES};
use super::logs::Logs;
use super::process;
use super::spawner::Spawner;
use super::{Credentials, Environment};
use crate::template;

/// Longest wait for a free process. AWS would start more processes or throttle at once; here a burst waits in
/// line, since a laptop has few processors. Beyond this the caller is throttled.
const MAX_WAIT_IN_LINE: Duration = Duration::from_secs(25);
/// Longest wait for processes to be gone at shutdown; they are killed, so this is never used up.
const MAX_WAIT_FOR_END: Duration = Duration::from_secs(5);

/// Where a function sends its traces. Source of this and the next: OpenTelemetry's environment variables.
const OTLP_ENDPOINT: &str = "OTEL_EXPORTER_OTLP_ENDPOINT";
/// Between two sendings of traces. A process is never frozen here, so it need not send after each invocation.
const TRACES_DELAY: Duration = Duration::from_millis(250);
/// A laptop under load may take a while to take traces.
const TRACES_TIMEOUT: Duration = Duration::from_secs(2);

/// A function of the template.
#[derive(Debug)]
pub(crate) struct Function {
    spec: template::Function,
    environment: Environment,
    spawner: Spawner,
    logs: Arc<Logs>,
    /// One permit per process that may exist.
    places: Arc<Semaphore>,
    /// Processes waiting for work, the most recently used last.
    idle: Mutex<Vec<Idle>>,
    /// Every process, by its number, with its process id.
    processes: Mutex<BTreeMap<u64, u32>>,
    process_ended: Notify,
    stopping: watch::Sender<bool>,
    counts: Counts,
}

#[derive(Debug)]
struct Idle {
    number: u64,
    jobs: mpsc::Sender<Job>,
}

/// An invocation on its way to a process.
#[derive(Debug)]
pub(super) struct Job {
    pub(super) request_id: String,
    pub(super) trace_id: String,
    pub(super) payload: Bytes,
    pub(super) reply: Reply,
    /// The right to keep one process busy; given back when the process is idle or gone.
    pub(super) place: OwnedSemaphorePermit,
}

/// Where an invocation's result goes. What it took is counted here, since AWS bills it whether or not the caller
/// still waits.
#[derive(Debug)]
pub(super) struct Reply {
    function: Arc<Function>,
    started: Instant,
    caller: oneshot::Sender<Result<Bytes, InvokeError>>,
}

impl Reply {
    pub(super) fn send(self, result: Result<Bytes, InvokeError>) {
        let counts = &self.function.counts;
        counts.add_time(self.started.elapsed());
        if result.is_err() {
            counts.errors.fetch_add(1, Ordering::Relaxed);
        }
        // A caller that has gone needs no answer.
        let _ = self.caller.send(result);
    }
}

#[derive(Debug, Default)]
struct Counts {
    invocations: AtomicU64,
    errors: AtomicU64,
    throttles: AtomicU64,
    timeouts: AtomicU64,
    crashes: AtomicU64,
    cold_starts: AtomicU64,
    busy_micros: AtomicU64,
    billed_milliseconds: AtomicU64,
    started: AtomicU64,
}

impl Counts {
    /// Lambda bills by the millisecond, begun ones in full. Source: AWS Lambda pricing.
    fn add_time(&self, time: Duration) {
        let micros: u64 = time.as_micros().try_into().unwrap_or(u64::MAX);
        self.busy_micros.fetch_add(micros, Ordering::Relaxed);
        self.billed_milliseconds
            .fetch_add(micros.div_ceil(1_000), Ordering::Relaxed);
    }
}

/// What `GET /_local/functions` tells of a function.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Report {
    pub(crate) logical_id: String,
    pub(crate) name: String,
    pub(crate) binary: String,
    pub(crate) pids: Vec<u32>,
    pub(crate) invocations: u64,
    pub(crate) errors: u64,
    pub(crate) throttles: u64,
    pub(crate) timeouts: u64,
    pub(crate) crashes: u64,
    pub(crate) cold_starts: u64,
    /// Time that invocations kept processes busy.
    pub(crate) busy_milliseconds: u64,
    /// The same, with each invocation rounded up.
    pub(crate) billed_milliseconds: u64,
    pub(crate) memory_mb: u64,
}

impl Function {
    pub(super) fn new(
        spec: template::Function,
        environment: Environment,
        spawner: Spawner,
        logs: Arc<Logs>,
    ) -> Arc<Self> {
        let places = spec
            .reserved_concurrency
            .unwrap_or(environment.default_concurrency);
        Arc::new(Function {
            spec,
            environment,
            spawner,
            logs,
            places: Arc::new(Semaphore::new(places)),
            idle: Mutex::default(),
            processes: Mutex::default(),
            process_ended: Notify::new(),
            stopping: watch::Sender::new(false),
            counts: Counts::default(),
        })
    }

    pub(crate) fn spec(&self) -> &template::Function {
        &self.spec
    }

    pub(crate) fn arn(&self) -> String {
        let Environment {
            region, account_id, ..
        } = &self.environment;
        format!(
            "arn:aws:lambda:{region}:{account_id}:function:{}",
            self.spec.name
        )
    }

    pub(super) fn spawner(&self) -> &Spawner {
        &self.spawner
    }

    /// Tells of trouble with a process.
    pub(super) fn log(&self, text: &str) {
        self.logs.fault(&self.spec.logical_id, text);
    }

    pub(super) fn logs(&self) -> &Arc<Logs> {
        &self.logs
    }

    pub(super) fn stopping(&self) -> watch::Receiver<bool> {
        self.stopping.subscribe()
    }

    /// Invokes the function and waits for its result.
    ///
    /// # Errors
    /// See [`InvokeError`]; the function's own failure is [`InvokeError::Function`].
    pub(crate) async fn invoke(
        self: &Arc<Self>,
        payload: Bytes,
        trace_id: Option<String>,
    ) -> Result<Bytes, InvokeError> {
        let request_id = Uuid::new_v4().to_string();
        self.invoke_as(&request_id, payload, trace_id).await
    }

    /// Invokes the function as [`invoke`](Self::invoke) does, under a request id that the caller chose.
    ///
    /// # Errors
    /// The same.
    pub(crate) async fn invoke_as(
        self: &Arc<Self>,
        request_id: &str,
        payload: Bytes,
        trace_id: Option<String>,
    ) -> Result<Bytes, InvokeError> {
        if payload.len() > MAX_PAYLOAD_BYTES {
            return Err(InvokeError::RequestTooLarge);
        }
        let place = self.wait_in_line().await?;
        self.counts.invocations.fetch_add(1, Ordering::Relaxed);
        let (caller, result) = oneshot::channel();
        self.dispatch(Job {
            request_id: request_id.to_owned(),
            trace_id: trace_id.unwrap_or_else(crate::trace::new_header),
            payload,
            reply: Reply {
                function: self.clone(),
                started: Instant::now(),
                caller,
            },
            place,
        });
        result.await.unwrap_or(Err(InvokeError::ShuttingDown))
    }

    async fn wait_in_line(&self) -> Result<OwnedSemaphorePermit, InvokeError> {
        let throttled = || {
            self.counts.throttles.fetch_add(1, Ordering::Relaxed);
            InvokeError::Throttled
        };
        if self.spec.reserved_concurrency == Some(0) {
            return Err(throttled());
        }
        match tokio::time::timeout(MAX_WAIT_IN_LINE, self.places.clone().acquire_owned()).await {
            Ok(Ok(place)) => Ok(place),
            Ok(Err(_closed)) => Err(InvokeError::ShuttingDown),
            Err(_elapsed) => Err(throttled()),
        }
    }

    /// Gives the job to an idle process, or to a new one.
    pub(super) fn dispatch(self: &Arc<Self>, mut job: Job) {
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        while let Some(process) = idle.pop() {
            match process.jobs.try_send(job) {
                Ok(()) => return,
                Err(mpsc::error::TrySendError::Full(back))
                | Err(mpsc::error::TrySendError::Closed(back)) => job = back,
            }
        }
        drop(idle);
        self.counts.cold_starts.fetch_add(1, Ordering::Relaxed);
        let number = self.counts.started.fetch_add(1, Ordering::Relaxed);
        tokio::spawn(process::run(self.clone(), number, job));
    }

    /// Offers a process for work.
    pub(super) fn is_idle(&self, number: u64, jobs: &mpsc::Sender<Job>) {
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        idle.push(Idle {
            number,
            jobs: jobs.clone(),
        });
    }

    /// Withdraws a process's offer. After this no job is sent to it any more.
    pub(super) fn is_not_idle(&self, number: u64) {
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        idle.retain(|process| process.number != number);
    }

    pub(super) fn process_started(&self, number: u64, pid: u32) {
        let mut processes = self
            .processes
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        processes.insert(number, pid);
    }

    pub(super) fn process_ended(&self, number: u64) {
        let mut processes = self
            .processes
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        processes.remove(&number);
        self.process_ended.notify_waiters();
    }

    pub(super) fn count_timeout(&self) {
        self.counts.timeouts.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn count_crash(&self) {
        self.counts.crashes.fetch_add(1, Ordering::Relaxed);
    }

    /// Tells every process to end; no new one starts.
    pub(super) fn stop(&self) {
        self.places.close();
        self.stopping.send_replace(true);
    }

    /// Waits until every process has ended.
    pub(super) async fn stopped(&self) {
        let all_gone = async {
            loop {
                let ended = self.process_ended.notified();
                if self.pids().is_empty() {
                    return;
                }
                ended.await;
            }
        };
        let _ = tokio::time::timeout(MAX_WAIT_FOR_END, all_gone).await;
    }

    fn pids(&self) -> Vec<u32> {
        let processes = self
            .processes
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        processes.values().copied().collect()
    }

    pub(crate) fn report(&self) -> Report {
        let count = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        Report {
            logical_id: self.spec.logical_id.clone(),
            name: self.spec.name.clone(),
            binary: self.spec.binary.clone(),
            pids: self.pids(),
            invocations: count(&self.counts.invocations),
            errors: count(&self.counts.errors),
            throttles: count(&self.counts.throttles),
            timeouts: count(&self.counts.timeouts),
            crashes: count(&self.counts.crashes),
            cold_starts: count(&self.counts.cold_starts),
            busy_milliseconds: count(&self.counts.busy_micros) / 1_000,
            billed_milliseconds: count(&self.counts.billed_milliseconds),
            memory_mb: self.spec.memory.try_into().unwrap_or(0),
        }
    }

    /// The variables that Lambda sets, and the template's. The template's win, but for the reserved ones.
    /// Source: Lambda's developer guide, "Defined runtime environment variables".
    pub(super) fn process_environment(&self, runtime_api: &str) -> BTreeMap<String, String> {
        let Environment {
            region,
            endpoint_url,
            credentials,
            ..
        } = &self.environment;
        let spec = &self.spec;
        let mut variables = BTreeMap::new();
        let mut set = |key: &str, value: &str| {
            variables.insert(key.to_owned(), value.to_owned());
        };
        set("PATH", "/usr/local/bin:/usr/bin:/bin");
        set("LANG", "en_US.UTF-8");
        set("TZ", ":UTC");
        set("AWS_ENDPOINT_URL", endpoint_url);
        for (key, value) in &spec.environment {
            set(key, value);
        }
        if let Some(endpoint) = &self.environment.traces_endpoint {
            let given = spec.environment.get(OTLP_ENDPOINT);
            if given.is_none_or(String::is_empty) {
                set(OTLP_ENDPOINT, endpoint);
                set(
                    "OTEL_BSP_SCHEDULE_DELAY",
                    &TRACES_DELAY.as_millis().to_string(),
                );
                set(
                    "OTEL_EXPORTER_OTLP_TIMEOUT",
                    &TRACES_TIMEOUT.as_millis().to_string(),
                );
            }
        }
        match credentials {
            Some(Credentials {
                access_key_id,
                secret_access_key,
                session_token,
            }) => {
                set("AWS_ACCESS_KEY_ID", access_key_id);
                set("AWS_SECRET_ACCESS_KEY", secret_access_key);
                if let Some(token) = session_token {
                    set("AWS_SESSION_TOKEN", token);
                }
            }
            // The key's id tells the edge which function is calling.
            None => {
                set(
                    "AWS_ACCESS_KEY_ID",
                    &crate::edge::caller::access_key_id(&spec.logical_id),
                );
                set("AWS_SECRET_ACCESS_KEY", "local");
            }
        }
        set("AWS_REGION", region);
        set("AWS_DEFAULT_REGION", region);
        set("AWS_EXECUTION_ENV", "AWS_Lambda_provided.al2023");
        set("AWS_LAMBDA_RUNTIME_API", runtime_api);
        set("AWS_LAMBDA_FUNCTION_NAME", &spec.name);
        set("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", &spec.memory.to_string());
        set("AWS_LAMBDA_FUNCTION_VERSION", "$LATEST");
        set("AWS_LAMBDA_INITIALIZATION_TYPE", "on-demand");
        set(
            "AWS_LAMBDA_LOG_GROUP_NAME",
            &format!("/aws/lambda/{}", spec.name),
        );
        set(
            "AWS_LAMBDA_LOG_STREAM_NAME",
            &format!("local/{}", spec.logical_id),
        );
        if let Some(format) = &spec.log_format {
            set("AWS_LAMBDA_LOG_FORMAT", format);
        }
        set("_HANDLER", "bootstrap");
        variables
    }

    pub(super) fn binary(&self) -> std::path::PathBuf {
        self.environment.binaries.join(&self.spec.binary)
    }
}
