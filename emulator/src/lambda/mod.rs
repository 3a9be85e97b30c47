//! Lambda: runs each function's binary in processes of its own, over the real Lambda Runtime API.

mod counts;
mod environment;
mod error;
mod function;
mod logs;
mod pool;
mod process;
mod runtime_api;
mod spawner;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use emulator_api::FunctionReport;

pub(crate) use environment::Environment;
pub(crate) use error::InvokeError;
pub(crate) use function::Function;
pub(crate) use logs::Logs;

use crate::template;
use spawner::Spawner;

/// Pauses before the two retries that Lambda makes of a failed asynchronous invocation.
/// Source: Lambda's developer guide, "Error handling for asynchronous invocations".
const ASYNC_RETRY_PAUSES: [Duration; 2] = [Duration::from_secs(60), Duration::from_secs(120)];

/// Every function of the template.
#[derive(Debug)]
pub(crate) struct Lambda {
    by_logical_id: BTreeMap<String, Arc<Function>>,
    logs: Arc<Logs>,
}

impl Lambda {
    pub(crate) fn new(
        functions: &[template::Function],
        environment: &Environment,
        logs: Arc<Logs>,
    ) -> std::io::Result<Self> {
        let spawner = Spawner::start()?;
        let by_logical_id = functions
            .iter()
            .map(|spec| {
                let function = Function::new(
                    spec.clone(),
                    environment.clone(),
                    spawner.clone(),
                    logs.clone(),
                );
                (spec.logical_id.clone(), function)
            })
            .collect();
        Ok(Lambda {
            by_logical_id,
            logs,
        })
    }

    pub(crate) fn function(&self, logical_id: &str) -> Option<&Arc<Function>> {
        self.by_logical_id.get(logical_id)
    }

    /// A function as callers name it: name, ARN or partial ARN, with or without a qualifier.
    pub(crate) fn find(&self, name: &str) -> Option<&Arc<Function>> {
        let name = name.rsplit_once("function:").map_or(name, |(_, name)| name);
        let name = name.split_once(':').map_or(name, |(name, _qualifier)| name);
        self.by_logical_id
            .values()
            .find(|function| function.is_called(name))
    }

    /// What every function has counted.
    pub(crate) fn reports(&self) -> Vec<FunctionReport> {
        let functions = self.by_logical_id.values();
        functions.map(|function| function.report()).collect()
    }

    pub(crate) fn logs(&self) -> &Arc<Logs> {
        &self.logs
    }

    /// Ends every process.
    pub(crate) fn stop(&self) {
        for function in self.by_logical_id.values() {
            function.stop();
        }
    }

    /// Ends every process and waits until they are gone.
    pub(crate) async fn shut_down(&self) {
        self.stop();
        for function in self.by_logical_id.values() {
            function.stopped().await;
        }
    }
}

/// Invokes without waiting, with the retries that Lambda makes.
pub(crate) fn invoke_event(function: Arc<Function>, payload: Bytes) {
    tokio::spawn(async move {
        for pause in ASYNC_RETRY_PAUSES {
            if function.invoke(payload.clone(), None).await.is_ok() {
                return;
            }
            tokio::time::sleep(pause).await;
        }
        // A third failure drops the event, as Lambda does where no destination is configured.
        let _ = function.invoke(payload, None).await;
    });
}
