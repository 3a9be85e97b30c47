//! The processes of one function: which exist, which are idle, and how many may be busy.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use bytes::Bytes;
use tokio::sync::{AcquireError, Notify, OwnedSemaphorePermit, Semaphore, mpsc, oneshot, watch};

use super::counts::Counts;
use super::environment::Environment;
use super::error::InvokeError;
use super::logs::Logs;
use super::spawner::Spawner;
use crate::template;

/// Longest wait for processes to be gone at shutdown; they are killed, so this is never used up.
const MAX_WAIT_FOR_END: Duration = Duration::from_secs(5);

/// A function's settings and processes.
#[derive(Debug)]
pub(super) struct Pool {
    pub(super) spec: template::Function,
    pub(super) environment: Environment,
    pub(super) spawner: Spawner,
    pub(super) logs: Arc<Logs>,
    pub(super) counts: Counts,
    /// One permit per process that may exist.
    places: Arc<Semaphore>,
    /// Processes waiting for work, the most recently used last.
    idle: Mutex<Vec<Idle>>,
    /// Every process, by its number, with its process id.
    processes: Mutex<BTreeMap<u64, u32>>,
    process_ended: Notify,
    stopping: watch::Sender<bool>,
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

/// The way back to an invocation's caller. The time is counted here, since AWS bills it whether or not the caller
/// still waits.
#[derive(Debug)]
pub(super) struct Reply {
    pool: Arc<Pool>,
    started: Instant,
    caller: oneshot::Sender<Result<Bytes, InvokeError>>,
}

impl Reply {
    /// The invocation's time starts now.
    pub(super) fn new(
        pool: Arc<Pool>,
        caller: oneshot::Sender<Result<Bytes, InvokeError>>,
    ) -> Self {
        Reply {
            pool,
            started: Instant::now(),
            caller,
        }
    }

    pub(super) fn send(self, result: Result<Bytes, InvokeError>) {
        let counts = &self.pool.counts;
        counts.add_time(self.started.elapsed());
        if result.is_err() {
            counts.errors.increment();
        }
        // A caller that has gone needs no answer.
        let _ = self.caller.send(result);
    }
}

impl Pool {
    pub(super) fn new(
        spec: template::Function,
        environment: Environment,
        spawner: Spawner,
        logs: Arc<Logs>,
    ) -> Self {
        let places = spec
            .reserved_concurrency
            .unwrap_or(environment.default_concurrency);
        Pool {
            spec,
            environment,
            spawner,
            logs,
            counts: Counts::default(),
            places: Arc::new(Semaphore::new(places)),
            idle: Mutex::default(),
            processes: Mutex::default(),
            process_ended: Notify::new(),
            stopping: watch::Sender::new(false),
        }
    }

    pub(super) fn arn(&self) -> String {
        let Environment {
            region, account_id, ..
        } = &self.environment;
        format!(
            "arn:aws:lambda:{region}:{account_id}:function:{}",
            self.spec.name
        )
    }

    pub(super) fn binary(&self) -> PathBuf {
        self.environment.binaries.join(&self.spec.binary)
    }

    /// Logs a problem with a process.
    pub(super) fn log_fault(&self, text: &str) {
        self.logs.fault(&self.spec.logical_id, text);
    }

    /// Waits for the right to keep one process busy; an error once the pool is stopped.
    pub(super) async fn place(&self) -> Result<OwnedSemaphorePermit, AcquireError> {
        self.places.clone().acquire_owned().await
    }

    /// Gives the job to an idle process. Returns the job if there is none.
    pub(super) fn offer(&self, mut job: Job) -> Option<Job> {
        let mut idle = self.idle();
        while let Some(process) = idle.pop() {
            match process.jobs.try_send(job) {
                Ok(()) => return None,
                Err(mpsc::error::TrySendError::Full(back))
                | Err(mpsc::error::TrySendError::Closed(back)) => job = back,
            }
        }
        Some(job)
    }

    /// Counts a process that is about to start. Returns its number.
    pub(super) fn count_start(&self) -> u64 {
        self.counts.cold_starts.increment()
    }

    /// Offers a process for work.
    pub(super) fn add_idle(&self, number: u64, jobs: &mpsc::Sender<Job>) {
        self.idle().push(Idle {
            number,
            jobs: jobs.clone(),
        });
    }

    /// Withdraws a process's offer. After this no job is sent to it any more.
    pub(super) fn remove_idle(&self, number: u64) {
        self.idle().retain(|process| process.number != number);
    }

    pub(super) fn process_started(&self, number: u64, pid: u32) {
        self.processes().insert(number, pid);
    }

    pub(super) fn process_ended(&self, number: u64) {
        self.processes().remove(&number);
        self.process_ended.notify_waiters();
    }

    pub(super) fn pids(&self) -> Vec<u32> {
        self.processes().values().copied().collect()
    }

    /// Becomes true when every process has to end.
    pub(super) fn stopping(&self) -> watch::Receiver<bool> {
        self.stopping.subscribe()
    }

    /// Ends every process; no new one starts.
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

    fn idle(&self) -> MutexGuard<'_, Vec<Idle>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn processes(&self) -> MutexGuard<'_, BTreeMap<u64, u32>> {
        self.processes
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}
