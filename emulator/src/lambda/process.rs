//! The life of one process: start, wait for work, invocation after invocation, end.
//!
//! A task of its own follows each process and holds its state. It hears three things: calls of the Runtime
//! API, jobs, and the process's end.

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
use super::function::{Function, Job, Reply};
use super::logs;
use super::runtime_api::{self, Answer, Call};
use super::spawner;

/// Time that Lambda gives a function to start. Source: Lambda's developer guide, "Init phase".
const INIT_TIMEOUT: Duration = Duration::from_secs(10);
/// A result waits this long for its process to ask for more, which takes microseconds unless the function tidies up.
/// So a caller's next request finds a warm process instead of starting another.
const READY_GRACE: Duration = Duration::from_millis(5);
/// A process makes one call at a time; a few more leave room for a confused one.
const CALLS_IN_FLIGHT: usize = 8;

type NextAnswer = oneshot::Sender<Response<Full<Bytes>>>;

/// Starts a process for `first` and follows it to its end.
pub(super) async fn run(function: Arc<Function>, number: u64, first: Job) {
    match Process::start(&function, number).await {
        Ok(mut process) => {
            process.live(first).await;
            process.end().await;
        }
        Err(error) => {
            let path = function.binary();
            function.log(&format!("can't start {}: {error}", path.display()));
            let message = format!(
                "RequestId: {} Error: can't start {}: {error}",
                first.request_id,
                path.display()
            );
            let error = InvokeError::function("Runtime.InvalidEntrypoint", &message);
            first.reply.send(Err(error));
        }
    }
}

struct Process {
    function: Arc<Function>,
    number: u64,
    child: Child,
    /// Also its process group's id.
    pid: Option<u32>,
    calls: mpsc::Receiver<Call>,
    jobs: mpsc::Receiver<Job>,
    /// What the pool sends jobs to.
    inbox: mpsc::Sender<Job>,
    stopping: watch::Receiver<bool>,
    /// Runtime API and log readers, which end with the process.
    helpers: JoinSet<()>,
}

/// An invocation that is over, with the process ready for the next.
struct Finished {
    next: NextAnswer,
    place: OwnedSemaphorePermit,
    /// What is still to be answered.
    answer: Option<Answered>,
}

type Answered = (Reply, Result<Bytes, InvokeError>);

fn send(answer: Option<Answered>) {
    if let Some((reply, result)) = answer {
        reply.send(result);
    }
}

/// Why a process is no longer of use.
enum End {
    Exited(Option<ExitStatus>),
    InitFailed(Bytes),
    InitTimedOut,
    TimedOut,
    Stopped,
}

impl Process {
    async fn start(function: &Arc<Function>, number: u64) -> std::io::Result<Process> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let runtime_api = listener.local_addr()?.to_string();
        let mut command = Command::new(function.binary());
        command
            .env_clear()
            .envs(function.process_environment(&runtime_api))
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        let mut child = function.spawner().spawn(command).await?;
        let pid = child.id();
        if let Some(pid) = pid {
            function.process_started(number, pid);
        }
        let (call_sender, calls) = mpsc::channel(CALLS_IN_FLIGHT);
        let (inbox, jobs) = mpsc::channel(1);
        let mut helpers = JoinSet::new();
        helpers.spawn(runtime_api::serve(listener, call_sender));
        if let Some(output) = child.stdout.take() {
            follow(&mut helpers, function, output);
        }
        if let Some(output) = child.stderr.take() {
            follow(&mut helpers, function, output);
        }
        let stopping = function.stopping();
        Ok(Process {
            function: function.clone(),
            number,
            child,
            pid,
            calls,
            jobs,
            inbox,
            stopping,
            helpers,
        })
    }

    /// Runs `first` and then whatever the pool sends.
    async fn live(&mut self, first: Job) {
        let mut next = match self.ready(Instant::now() + INIT_TIMEOUT, true).await {
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
    async fn ready(&mut self, deadline: Instant, starting: bool) -> Result<NextAnswer, End> {
        loop {
            tokio::select! {
                biased;
                call = self.calls.recv() => match call {
                    Some(Call::Next(next)) => return Ok(next),
                    Some(Call::InitError { body, answer }) => {
                        let _ = answer.send(StatusCode::ACCEPTED);
                        return Err(End::InitFailed(body));
                    }
                    Some(Call::Response { answer, .. } | Call::Error { answer, .. }) => refuse(answer),
                    None => return Err(End::Exited(None)),
                },
                status = self.child.wait() => return Err(End::Exited(status.ok())),
                () = tokio::time::sleep_until(deadline) => {
                    return Err(if starting { End::InitTimedOut } else { End::TimedOut });
                }
                _ = self.stopping.wait_for(|&stop| stop) => return Err(End::Stopped),
            }
        }
    }

    /// Hands the job over and waits for its result and for the process to ask for more. Nothing is returned if the
    /// process ended; the job is answered in any case.
    async fn invoke(&mut self, job: Job, next: NextAnswer) -> Option<Finished> {
        let timeout = self.function.spec().timeout;
        let deadline = Instant::now() + timeout;
        let invocation = invocation(&job, &self.function.arn(), timeout);
        // If the process is gone, its end is seen below.
        let _ = next.send(invocation);
        let result = match self.result(&job.request_id, deadline).await {
            Ok(result) => result,
            Err(end) => {
                self.fail(job, end);
                return None;
            }
        };
        let Job { reply, place, .. } = job;
        let mut answer = Some((reply, result));
        let grace = Instant::now() + READY_GRACE;
        let ready = match tokio::time::timeout_at(grace, self.ready(deadline, false)).await {
            Ok(ready) => ready,
            Err(_elapsed) => {
                send(answer.take());
                self.ready(deadline, false).await
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
                self.tell_end(&end);
                None
            }
        }
    }

    /// What the process answers to the invocation.
    async fn result(
        &mut self,
        request_id: &str,
        deadline: Instant,
    ) -> Result<Result<Bytes, InvokeError>, End> {
        loop {
            let call = tokio::select! {
                biased;
                call = self.calls.recv() => call,
                status = self.child.wait() => return Err(End::Exited(status.ok())),
                () = tokio::time::sleep_until(deadline) => return Err(End::TimedOut),
                _ = self.stopping.wait_for(|&stop| stop) => return Err(End::Stopped),
            };
            match call {
                Some(Call::Response {
                    request_id: id,
                    body,
                    answer,
                }) if id == request_id => {
                    return Ok(match body {
                        Ok(body) => {
                            let _ = answer.send(StatusCode::ACCEPTED);
                            Ok(body)
                        }
                        Err(_too_large) => {
                            let _ = answer.send(StatusCode::PAYLOAD_TOO_LARGE);
                            Err(InvokeError::response_too_large(request_id))
                        }
                    });
                }
                Some(Call::Error {
                    request_id: id,
                    body,
                    answer,
                }) if id == request_id => {
                    let _ = answer.send(StatusCode::ACCEPTED);
                    return Ok(Err(InvokeError::Function(body)));
                }
                Some(Call::InitError { body, answer }) => {
                    let _ = answer.send(StatusCode::ACCEPTED);
                    return Err(End::InitFailed(body));
                }
                Some(Call::Response { answer, .. } | Call::Error { answer, .. }) => refuse(answer),
                // Work is handed out once at a time, so a second /next is turned away.
                Some(Call::Next(_)) => {}
                None => return Err(End::Exited(None)),
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
        self.function.is_idle(self.number, &self.inbox);
        // Only now: who gets the place, or calls again, must find this process idle and not start another.
        drop(place);
        send(answer);
        let end = loop {
            tokio::select! {
                biased;
                job = self.jobs.recv() => return job.map(|job| (job, next)),
                call = self.calls.recv() => match call {
                    Some(Call::Next(again)) => next = again,
                    Some(Call::Response { answer, .. } | Call::Error { answer, .. }) => refuse(answer),
                    Some(Call::InitError { body, answer }) => {
                        let _ = answer.send(StatusCode::ACCEPTED);
                        break End::InitFailed(body);
                    }
                    None => break End::Exited(None),
                },
                status = self.child.wait() => break End::Exited(status.ok()),
                _ = self.stopping.wait_for(|&stop| stop) => break End::Stopped,
            }
        };
        self.tell_end(&end);
        self.function.is_not_idle(self.number);
        // A job that was sent while the process was ending goes to another one.
        if let Ok(job) = self.jobs.try_recv() {
            self.function.dispatch(job);
        }
        None
    }

    /// Fails the job in Lambda's words for how the process ended.
    fn fail(&self, job: Job, end: End) {
        self.tell_end(&end);
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
            End::TimedOut => InvokeError::timed_out(id, self.function.spec().timeout),
            End::Stopped => InvokeError::ShuttingDown,
        };
        job.reply.send(Err(error));
    }

    fn tell_end(&self, end: &End) {
        let text = match end {
            End::Stopped => return,
            End::Exited(status) => {
                self.function.count_crash();
                format!("process exited {}", describe_exit(*status))
            }
            End::InitFailed(body) => {
                self.function.count_crash();
                format!("failed to start: {}", String::from_utf8_lossy(body))
            }
            End::InitTimedOut => {
                self.function.count_timeout();
                format!("not ready after {} s; killed", INIT_TIMEOUT.as_secs())
            }
            End::TimedOut => {
                self.function.count_timeout();
                let seconds = self.function.spec().timeout.as_secs_f64();
                format!("Task timed out after {seconds:.2} seconds; killed")
            }
        };
        self.function.log(&text);
    }

    /// Kills what is left of it and of its own children, and reads its last log lines.
    async fn end(mut self) {
        if let Some(pid) = self.pid {
            spawner::kill_group(pid);
        }
        let _ = self.child.kill().await;
        // The pipes close with the process; a grandchild that holds them must not keep this task.
        self.calls.close();
        let _ = tokio::time::timeout(Duration::from_millis(100), async {
            // Two log readers; the Runtime API's server never ends by itself.
            let _ = self.helpers.join_next().await;
            let _ = self.helpers.join_next().await;
        })
        .await;
        self.function.process_ended(self.number);
    }
}

fn follow(
    helpers: &mut JoinSet<()>,
    function: &Arc<Function>,
    output: impl tokio::io::AsyncRead + Unpin + Send + 'static,
) {
    let logs = function.logs().clone();
    let name = function.spec().logical_id.clone();
    helpers.spawn(async move { logs::follow(output, &name, &logs).await });
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
