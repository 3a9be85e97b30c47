//! SQS: rustack's queue engine, in this process.

use std::path::Path;
use std::sync::Arc;

use axum::body::Body;
use axum::response::Response;
use rustack_sqs_core::config::SqsConfig;
use rustack_sqs_core::handler::RustackSqsHandler;
use rustack_sqs_core::provider::RustackSqs;
use rustack_sqs_http::dispatch::SqsHandler as _;
use rustack_sqs_http::response::error_to_response;
use rustack_sqs_model::operations::SqsOperation;
use uuid::Uuid;

use super::aws::{self, Call};
use super::journal::Journal;

#[derive(Debug)]
pub(crate) struct Sqs {
    engine: Arc<RustackSqs>,
    handler: RustackSqsHandler,
    journal: Option<Journal>,
}

impl Sqs {
    /// Queues whose URLs start at this port; with a file, messages outlive the emulator.
    pub(crate) fn start(
        region: &str,
        account_id: &str,
        port: u16,
        file: Option<&Path>,
    ) -> anyhow::Result<Self> {
        let engine = Arc::new(RustackSqs::new(SqsConfig {
            skip_signature_validation: true,
            default_region: region.to_owned(),
            account_id: account_id.to_owned(),
            host: "127.0.0.1".to_owned(),
            port,
        }));
        let handler = RustackSqsHandler::new(engine.clone());
        let journal = file.map(Journal::open).transpose()?;
        Ok(Sqs {
            engine,
            handler,
            journal,
        })
    }

    pub(super) async fn call(&self, call: Call) -> Response {
        let Some(operation) = SqsOperation::from_name(&call.operation) else {
            let message = format!("SQS has no operation {}", call.operation);
            return aws::refuse("UnknownOperationException", &message);
        };
        let result = match &self.journal {
            Some(journal) => journal.record(operation, call.body, &self.handler).await,
            None => self.handler.handle_operation(operation, call.body).await,
        };
        match result {
            Ok(response) => response.map(Body::new),
            Err(error) => error_to_response(&error, &Uuid::new_v4().to_string()).map(Body::new),
        }
    }

    /// Sends again what an earlier run left undone. The queues must exist.
    pub(crate) async fn restore(&self) -> anyhow::Result<usize> {
        match &self.journal {
            Some(journal) => journal.restore(&self.handler).await,
            None => Ok(0),
        }
    }

    pub(crate) async fn shut_down(&self) {
        self.engine.shutdown_all().await;
    }
}
