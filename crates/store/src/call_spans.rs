//! A span for each call of DynamoDB or SQS, with its retries in it.
//!
//! The spans are of level debug: where nobody traces, they cost nothing.

use aws_sdk_dynamodb::config::interceptors::{
    BeforeSerializationInterceptorContextRef, FinalizerInterceptorContextRef,
};
use aws_sdk_dynamodb::config::{ConfigBag, Intercept, RuntimeComponents};
use aws_sdk_dynamodb::error::BoxError;
use aws_smithy_runtime_api::client::interceptors::dyn_dispatch_hint;
use aws_smithy_runtime_api::client::orchestrator::Metadata;
use aws_smithy_runtime_api::client::retries::RequestAttempts;
use aws_smithy_types::config_bag::{Storable, StoreReplace};
use tracing::Span;
use tracing::field::{Empty, display};

/// Opens a span for each call that a client makes.
#[derive(Debug)]
pub(crate) struct CallSpans;

/// The span of the call that is under way.
#[derive(Debug)]
struct Call(Span);

impl Storable for Call {
    type Storer = StoreReplace<Self>;
}

#[dyn_dispatch_hint]
impl Intercept for CallSpans {
    fn name(&self) -> &'static str {
        "CallSpans"
    }

    /// The first moment at which the operation is known.
    fn read_before_serialization(
        &self,
        _: &BeforeSerializationInterceptorContextRef<'_>,
        _: &RuntimeComponents,
        config: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let Some(operation) = config.load::<Metadata>() else {
            return Ok(());
        };
        let (service, method) = (operation.service(), operation.name());
        let span = tracing::debug_span!(
            "call",
            otel.name = format!("{service}.{method}"),
            otel.kind = "client",
            otel.status_code = Empty,
            otel.status_description = Empty,
            rpc.system = "aws-api",
            rpc.service = service,
            rpc.method = method,
            http.response.status_code = Empty,
            aws.attempts = Empty,
        );
        if !span.is_disabled() {
            config.interceptor_state().store_put(Call(span));
        }
        Ok(())
    }

    fn read_after_execution(
        &self,
        context: &FinalizerInterceptorContextRef<'_>,
        _: &RuntimeComponents,
        config: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let Some(Call(span)) = config.load::<Call>() else {
            return Ok(());
        };
        if let Some(response) = context.response() {
            span.record("http.response.status_code", response.status().as_u16());
        }
        if let Some(attempts) = config.load::<RequestAttempts>() {
            span.record("aws.attempts", attempts.attempts());
        }
        if let Some(Err(error)) = context.output_or_error() {
            span.record("otel.status_code", "ERROR");
            match error.as_operation_error() {
                Some(error) => span.record("otel.status_description", display(error)),
                None => span.record("otel.status_description", "no answer"),
            };
        }
        config.interceptor_state().unset::<Call>();
        Ok(())
    }
}
