//! The life of one process: start, wait for work, invocation after invocation, end.
//!
//! One task follows each process and holds its state. Three things reach the task: calls of the Runtime API, jobs,
//! and the process's end.

use std::process::{ExitStatus, Stdio};
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use bytes::Bytes;
use http_body_util::Full;
use hyper::header::{CONTENT_TYPE, HeaderValue};
use hyper::{Response, StatusCode};
use tokio::net::TcpListener;
use tokio::process::{Child, Command};
use tokio::sync::{OwnedSemaphorePermit, mpsc, oneshot, watch};
use tokio::task::JoinSet;
use tokio::time::Instant;

use super::error::{InvokeError, describe_exit};
use super::logs;
use super::pool::{Job, Pool, Reply};
use super::runtime_api::{self, Answer, Call, TooLarge};
use super::spawner;

/// Time that Lambda gives a function to start. Source: Lambda's developer guide, "Init phase".
const INIT_TIMEOUT: Duration = Duration::from_secs(10);
/// A result waits this long for its process to ask for more, which takes microseconds unless the function tidies up.
/// So a caller's next request finds a warm process instead of starting another.
const READY_GRACE: Duration = Duration::from_millis(5);
/// Longest wait for the last log lines of a process that has ended.
const LOGS_GRACE: Duration = Duration::from_millis(100);
/// A process makes one call at a time; a few more leave room for a confused one.
const CALLS_IN_FLIGHT: usize = 8;

type NextAnswer = oneshot::Sender<Response<Full<Bytes>>>;

/// Gives the job to an idle process, or to a new one.
pub(super) fn dispatch(pool: &Arc<Pool>, job: Job) {
    if let Some(job) = pool.offer(job) {
        let number = pool.count_start();
        tokio::spawn(run(pool.clone(), number, job));
    }
}

/// Starts a process for `first` and follows it to its end.
async fn run(pool: Arc<Pool>, number: u64, first: Job) {
    match Process::start(&pool, number).await {
        Ok(mut process) => {
            process.live(first).await;
            process.end().await;
        }
        Err(error) => {
            let problem = format!("can't start {}: {error}", pool.binary().display());
            pool.log_fault(&problem);
            let message = format!("RequestId: {} Error: {problem}", first.request_id);
            let error = InvokeError::function("Runtime.InvalidEntrypoint", &message);
            first.reply.send(Err(error));
        }
    }
}

struct Process {
    pool: Arc<Pool>,
    number: u64,
    /// Also its process group's id.
    pid: Option<u32>,
    signals: Signals,
    jobs: mpsc::Receiver<Job>,
    /// The other end of `jobs`, for the pool.
    inbox: mpsc::Sender<Job>,
    /// Runtime API and log readers, which end with the process.
    helpers: JoinSet<()>,
}

/// Calls of the Runtime API, and reasons to end.
struct Signals {
    child: Child,
    calls: mpsc::Receiver<Call>,
    stopping: watch::Receiver<bool>,
}

impl Signals {
    /// Waits for a call of the Runtime API.
    ///
    /// Dropping the future loses nothing.
    async fn call(&mut self, deadline: Option<Instant>) -> Result<Call, End> {
        let late = async {
            match deadline {
                Some(deadline) => tokio::time::sleep_until(deadline).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            biased;
            call = self.calls.recv() => call.ok_or(End::Exited(None)),
            status = self.child.wait() => Err(End::Exited(status.ok())),
            () = late => Err(End::TimedOut),
            _ = self.stopping.wait_for(|&stop| stop) => Err(End::Stopped),
        }
    }
}

/// An invocation that is over, with the process ready for the next.
struct Finished {
    next: NextAnswer,
    place: OwnedSemaphorePermit,
    /// The caller's answer, if it was not sent yet.
    answer: Option<Answered>,
}

type Answered = (Reply, Result<Bytes, InvokeError>);

fn send(answer: Option<Answered>) {
    if let Some((reply, result)) = answer {
        reply.send(result);
    }
}

/// The reason for a process's end.
enum End {
    Exited(Option<ExitStatus>),
    InitFailed(Bytes),
    InitTimedOut,
    TimedOut,
    Stopped,
}

impl End {
    /// The same end before the process was ready for the first time.
    fn while_starting(self) -> End {
        match self {
            End::TimedOut => End::InitTimedOut,
            End::Exited(_) | End::InitFailed(_) | End::InitTimedOut | End::Stopped => self,
        }
    }
}

impl Process {
    async fn start(pool: &Arc<Pool>, number: u64) -> std::io::Result<Process> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let command = command(pool, &listener.local_addr()?.to_string());
        let mut child = pool.spawner.spawn(command).await?;
        let pid = child.id();
        if let Some(pid) = pid {
            pool.process_started(number, pid);
        }
        let (call_sender, calls) = mpsc::channel(CALLS_IN_FLIGHT);
        let (inbox, jobs) = mpsc::channel(1);
        let mut helpers = JoinSet::new();
        helpers.spawn(runtime_api::serve(listener, call_sender));
        if let Some(output) = child.stdout.take() {
            follow(&mut helpers, pool, output);
        }
        if let Some(output) = child.stderr.take() {
            follow(&mut helpers, pool, output);
        }
        let signals = Signals {
            child,
            calls,
            stopping: pool.stopping(),
        };
        Ok(Process {
            pool: pool.clone(),
            number,
            pid,
            signals,
            jobs,
            inbox,
            helpers,
        })
    }

    /// Runs `first`, and then the jobs that the pool sends.
    async fn live(&mut self, first: Job) {
        let ready = self.ready(Instant::now() + INIT_TIMEOUT).await;
        let mut next = match ready.map_err(End::while_starting) {
            Ok(next) => next,
            Err(end) => return self.fail(first, end),
        };
        let mut job = first;
        loop {
            let Some(finished) = self.invoke(job, next).await else {
                return;
            };
            let Some(work) = self.wait_for_work(finished).await else {
                return;
            };
            (job, next) = work;
        }
    }

    /// Waits for the process to ask for work.
    async fn ready(&mut self, deadline: Instant) -> Result<NextAnswer, End> {
        loop {
            match self.signals.call(Some(deadline)).await? {
                Call::Next(next) => return Ok(next),
                Call::InitError { body, answer } => return Err(init_failed(body, answer)),
                Call::Response { answer, .. } | Call::Error { answer, .. } => refuse(answer),
            }
        }
    }

    /// Hands the job over and waits for its result and for the process to ask for more. Nothing is returned if the
    /// process ended; the job is answered in any case.
    async fn invoke(&mut self, job: Job, next: NextAnswer) -> Option<Finished> {
        let timeout = self.pool.spec.timeout;
        let deadline = Instant::now() + timeout;
        // If the process is gone, its end is seen below.
        let _ = next.send(invocation(&job, &self.pool.arn(), timeout));
        match self.result(&job.request_id, deadline).await {
            Ok(result) => self.finish(job, result, deadline).await,
            Err(end) => {
                self.fail(job, end);
                None
            }
        }
    }

    /// Waits for the process to answer the invocation.
    async fn result(
        &mut self,
        request_id: &str,
        deadline: Instant,
    ) -> Result<Result<Bytes, InvokeError>, End> {
        loop {
            match self.signals.call(Some(deadline)).await? {
                Call::Response {
                    request_id: id,
                    body,
                    answer,
                } if id == request_id => return Ok(response(request_id, body, answer)),
                Call::Error {
                    request_id: id,
                    body,
                    answer,
                } if id == request_id => {
                    accept(answer);
                    return Ok(Err(InvokeError::Function(body)));
                }
                Call::Response { answer, .. } | Call::Error { answer, .. } => refuse(answer),
                Call::InitError { body, answer } => return Err(init_failed(body, answer)),
                // Work is handed out once at a time, so a second /next is turned away.
                Call::Next(_) => {}
            }
        }
    }

    /// Waits for the process to ask for more. Its result goes to the caller then, or when the grace is over.
    async fn finish(
        &mut self,
        job: Job,
        result: Result<Bytes, InvokeError>,
        deadline: Instant,
    ) -> Option<Finished> {
        let Job { reply, place, .. } = job;
        let mut answer = Some((reply, result));
        let grace = Instant::now() + READY_GRACE;
        let ready = match tokio::time::timeout_at(grace, self.ready(deadline)).await {
            Ok(ready) => ready,
            Err(_elapsed) => {
                send(answer.take());
                self.ready(deadline).await
            }
        };
        match ready {
            Ok(next) => Some(Finished {
                next,
                place,
                answer,
            }),
            Err(end) => {
                send(answer);
                self.record_end(&end);
                None
            }
        }
    }

    /// Idles until the pool sends a job.
    async fn wait_for_work(&mut self, finished: Finished) -> Option<(Job, NextAnswer)> {
        let Finished {
            mut next,
            place,
            answer,
        } = finished;
        self.pool.add_idle(self.number, &self.inbox);
        // Only now: another caller that gets the place, or this one with its next call, must find this process idle
        // and not start another.
        drop(place);
        send(answer);
        let end = loop {
            let call = tokio::select! {
                biased;
                job = self.jobs.recv() => return job.map(|job| (job, next)),
                call = self.signals.call(None) => call,
            };
            match call {
                Ok(Call::Next(again)) => next = again,
                Ok(Call::Response { answer, .. } | Call::Error { answer, .. }) => refuse(answer),
                Ok(Call::InitError { body, answer }) => break init_failed(body, answer),
                Err(end) => break end,
            }
        };
        self.record_end(&end);
        self.pool.remove_idle(self.number);
        // A job that was sent while the process was ending goes to another one.
        if let Ok(job) = self.jobs.try_recv() {
            dispatch(&self.pool, job);
        }
        None
    }

    /// Fails the job in Lambda's words for how the process ended.
    fn fail(&self, job: Job, end: End) {
        self.record_end(&end);
        let id = &job.request_id;
        let error = match end {
            End::Exited(status) => InvokeError::exited(id, status),
            End::InitFailed(body) => InvokeError::Function(body),
            End::InitTimedOut => {
                let message = format!(
                    "RequestId: {id} Error: not ready after {} s",
                    INIT_TIMEOUT.as_secs()
                );
                InvokeError::function("Sandbox.Timedout", &message)
            }
            End::TimedOut => InvokeError::timed_out(id, self.pool.spec.timeout),
            End::Stopped => InvokeError::ShuttingDown,
        };
        job.reply.send(Err(error));
    }

    /// Counts how the process ended, and logs it.
    fn record_end(&self, end: &End) {
        let text = match end {
            End::Stopped => return,
            End::Exited(status) => {
                self.pool.counts.crashes.increment();
                format!("process exited {}", describe_exit(*status))
            }
            End::InitFailed(body) => {
                self.pool.counts.crashes.increment();
                format!("failed to start: {}", String::from_utf8_lossy(body))
            }
            End::InitTimedOut => {
                self.pool.counts.timeouts.increment();
                format!("not ready after {} s; killed", INIT_TIMEOUT.as_secs())
            }
            End::TimedOut => {
                self.pool.counts.timeouts.increment();
                let seconds = self.pool.spec.timeout.as_secs_f64();
                format!("Task timed out after {seconds:.2} seconds; killed")
            }
        };
        self.pool.log_fault(&text);
    }

    /// Kills what is left of it and of its own children, and reads its last log lines.
    async fn end(mut self) {
        if let Some(pid) = self.pid {
            spawner::kill_group(pid);
        }
        let _ = self.signals.child.kill().await;
        // The pipes close with the process; a grandchild that holds them must not keep this task.
        self.signals.calls.close();
        let _ = tokio::time::timeout(LOGS_GRACE, async {
            // Two log readers; the Runtime API's server never ends by itself.
            let _ = self.helpers.join_next().await;
            let _ = self.helpers.join_next().await;
        })
        .await;
        self.pool.process_ended(self.number);
    }
}

/// The command that runs the function's binary, with nothing of the emulator's own environment.
fn command(pool: &Pool, runtime_api: &str) -> Command {
    let mut command = Command::new(pool.binary());
    command
        .env_clear()
        .envs(pool.environment.variables(&pool.spec, runtime_api))
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    command
}

/// Logs a process's output until it ends.
fn follow(
    helpers: &mut JoinSet<()>,
    pool: &Pool,
    output: impl tokio::io::AsyncRead + Unpin + Send + 'static,
) {
    let logs = pool.logs.clone();
    let name = pool.spec.logical_id.clone();
    helpers.spawn(async move { logs::follow(output, &name, &logs).await });
}

fn accept(answer: Answer) {
    let _ = answer.send(StatusCode::ACCEPTED);
}

fn init_failed(body: Bytes, answer: Answer) -> End {
    accept(answer);
    End::InitFailed(body)
}

/// The result of an invocation, of which Lambda takes so many bytes.
fn response(
    request_id: &str,
    body: Result<Bytes, TooLarge>,
    answer: Answer,
) -> Result<Bytes, InvokeError> {
    match body {
        Ok(body) => {
            accept(answer);
            Ok(body)
        }
        Err(TooLarge) => {
            let _ = answer.send(StatusCode::PAYLOAD_TOO_LARGE);
            Err(InvokeError::response_too_large(request_id))
        }
    }
}

fn refuse(answer: Answer) {
    let _ = answer.send(StatusCode::BAD_REQUEST);
}

/// The answer to `/next`. Source: Lambda's developer guide, "Lambda runtime API".
fn invocation(job: &Job, arn: &str, timeout: Duration) -> Response<Full<Bytes>> {
    let deadline = (SystemTime::now() + timeout)
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    let mut response = Response::new(Full::new(job.payload.clone()));
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    for (name, value) in [
        ("lambda-runtime-aws-request-id", job.request_id.as_str()),
        (
            "lambda-runtime-deadline-ms",
            &deadline.as_millis().to_string(),
        ),
        ("lambda-runtime-invoked-function-arn", arn),
        ("lambda-runtime-trace-id", &job.trace_id),
    ] {
        // A trace header from a client was valid as a header once, so it is again.
        if let Ok(value) = HeaderValue::from_str(value) {
            headers.insert(name, value);
        }
    }
    response
}
