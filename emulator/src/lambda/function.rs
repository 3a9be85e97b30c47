//! A function as its callers see it: they invoke it and read its numbers.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use emulator_api::FunctionReport;
use tokio::sync::{OwnedSemaphorePermit, oneshot};
use uuid::Uuid;

use super::environment::Environment;
use super::error::{InvokeError, MAX_PAYLOAD_BYTES};
use super::logs::Logs;
use super::pool::{Job, Pool, Reply};
use super::process;
use super::spawner::Spawner;
use crate::{template, trace};

/// Longest wait for a free process. AWS would start more processes or throttle at once; here a burst waits in
/// line, since a laptop has few processors. Beyond this the caller is throttled.
const MAX_WAIT_IN_LINE: Duration = Duration::from_secs(25);

/// A function of the template.
#[derive(Debug)]
pub(crate) struct Function(Arc<Pool>);

impl Function {
    pub(super) fn new(
        spec: template::Function,
        environment: Environment,
        spawner: Spawner,
        logs: Arc<Logs>,
    ) -> Arc<Self> {
        let pool = Pool::new(spec, environment, spawner, logs);
        Arc::new(Function(Arc::new(pool)))
    }

    /// Whether this is its name or its logical id.
    pub(super) fn is_called(&self, name: &str) -> bool {
        self.0.spec.name == name || self.0.spec.logical_id == name
    }

    /// Invokes the function and waits for its result.
    ///
    /// # Errors
    /// See [`InvokeError`]; the function's own failure is [`InvokeError::Function`].
    pub(crate) async fn invoke(
        &self,
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
        &self,
        request_id: &str,
        payload: Bytes,
        trace_id: Option<String>,
    ) -> Result<Bytes, InvokeError> {
        if payload.len() > MAX_PAYLOAD_BYTES {
            return Err(InvokeError::RequestTooLarge);
        }
        let place = self.wait_in_line().await?;
        self.0.counts.invocations.increment();
        let (caller, result) = oneshot::channel();
        let job = Job {
            request_id: request_id.to_owned(),
            trace_id: trace_id.unwrap_or_else(trace::new_header),
            payload,
            reply: Reply::new(self.0.clone(), caller),
            place,
        };
        process::dispatch(&self.0, job);
        result.await.unwrap_or(Err(InvokeError::ShuttingDown))
    }

    async fn wait_in_line(&self) -> Result<OwnedSemaphorePermit, InvokeError> {
        let throttled = || {
            self.0.counts.throttles.increment();
            InvokeError::Throttled
        };
        if self.0.spec.reserved_concurrency == Some(0) {
            return Err(throttled());
        }
        match tokio::time::timeout(MAX_WAIT_IN_LINE, self.0.place()).await {
            Ok(Ok(place)) => Ok(place),
            Ok(Err(_closed)) => Err(InvokeError::ShuttingDown),
            Err(_elapsed) => Err(throttled()),
        }
    }

    /// Ends every process; no new one starts.
    pub(super) fn stop(&self) {
        self.0.stop();
    }

    /// Waits until every process has ended.
    pub(super) async fn stopped(&self) {
        self.0.stopped().await;
    }

    /// The function's entry in `GET /_local/functions`.
    pub(crate) fn report(&self) -> FunctionReport {
        let Pool { spec, counts, .. } = &*self.0;
        FunctionReport {
            logical_id: spec.logical_id.clone(),
            name: spec.name.clone(),
            binary: spec.binary.clone(),
            pids: self.0.pids(),
            invocations: counts.invocations.get(),
            errors: counts.errors.get(),
            throttles: counts.throttles.get(),
            timeouts: counts.timeouts.get(),
            crashes: counts.crashes.get(),
            cold_starts: counts.cold_starts.get(),
            busy_milliseconds: counts.busy_milliseconds(),
            billed_milliseconds: counts.billed_milliseconds.get(),
            memory_mb: spec.memory.try_into().unwrap_or(0),
        }
    }
}
