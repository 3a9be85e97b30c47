//! rustack's queue engine, in this process.

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

use super::journal::Journal;
use crate::aws_error;
use crate::services::call::Call;

#[derive(Debug)]
pub(super) struct Engine {
    engine: Arc<RustackSqs>,
    handler: RustackSqsHandler,
    journal: Option<Journal>,
}

impl Engine {
    /// Starts it with queue URLs at this port. With a file, messages outlive the emulator.
    pub(super) fn start(
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
        Ok(Engine {
            engine,
            handler,
            journal,
        })
    }

    pub(super) async fn call(&self, call: &Call) -> Response {
        let Some(operation) = SqsOperation::from_name(&call.operation) else {
            let message = format!("SQS has no operation {}", call.operation);
            return aws_error::bad_request("UnknownOperationException", &message);
        };
        let result = match &self.journal {
            Some(journal) => {
                journal
                    .record(operation, call.body.clone(), &self.handler)
                    .await
            }
            None => {
                self.handler
                    .handle_operation(operation, call.body.clone())
                    .await
            }
        };
        match result {
            Ok(response) => response.map(Body::new),
            Err(error) => error_to_response(&error, &Uuid::new_v4().to_string()).map(Body::new),
        }
    }

    /// Sends the messages again that an earlier run left. The queues must exist.
    pub(super) async fn restore(&self) -> anyhow::Result<()> {
        if let Some(journal) = &self.journal {
            journal.restore(&self.handler).await?;
        }
        Ok(())
    }

    pub(super) async fn shut_down(&self) {
        self.engine.shutdown_all().await;
    }
}
