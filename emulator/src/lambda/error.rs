//! The failures of an invocation, in the words and JSON that Lambda uses.

use std::process::ExitStatus;
use std::time::Duration;

use bytes::Bytes;
use serde_json::json;

/// Largest request or response of a synchronous invocation, in bytes. Source: Lambda quotas.
pub(super) const MAX_PAYLOAD_BYTES: usize = 6 * 1024 * 1024 + 100;

/// The reason for an invocation's lack of a result.
#[derive(Debug, Clone, thiserror::Error)]
pub(crate) enum InvokeError {
    /// All processes stayed busy too long, or the template reserves none.
    #[error("rate exceeded: every process of the function is busy")]
    Throttled,
    #[error("the request is larger than {MAX_PAYLOAD_BYTES} bytes")]
    RequestTooLarge,
    /// The function ran and failed. Lambda returns this JSON to the caller.
    #[error("{}", String::from_utf8_lossy(.0))]
    Function(Bytes),
    #[error("the emulator is shutting down")]
    ShuttingDown,
}

impl InvokeError {
    pub(super) fn function(kind: &str, message: &str) -> Self {
        let body = json!({ "errorType": kind, "errorMessage": message }).to_string();
        InvokeError::Function(body.into())
    }

    pub(super) fn timed_out(request_id: &str, timeout: Duration) -> Self {
        let seconds = timeout.as_secs_f64();
        let message =
            format!("RequestId: {request_id} Error: Task timed out after {seconds:.2} seconds");
        Self::function("Sandbox.Timedout", &message)
    }

    pub(super) fn exited(request_id: &str, status: Option<ExitStatus>) -> Self {
        let message = format!(
            "RequestId: {request_id} Error: Runtime exited {}",
            describe_exit(status)
        );
        Self::function("Runtime.ExitError", &message)
    }

    pub(super) fn response_too_large(request_id: &str) -> Self {
        let message = format!(
            "RequestId: {request_id} Error: Response payload size exceeded maximum allowed payload \
             size ({MAX_PAYLOAD_BYTES} bytes)."
        );
        Self::function("Function.ResponseSizeTooLarge", &message)
    }
}

/// An exit status in Go's words, as in Lambda's error messages.
pub(super) fn describe_exit(status: Option<ExitStatus>) -> String {
    use std::os::unix::process::ExitStatusExt as _;
    let Some(status) = status else {
        return "with error: unknown status".to_owned();
    };
    match (status.code(), status.signal()) {
        (Some(0), _) => "without providing a reason".to_owned(),
        (Some(code), _) => format!("with error: exit status {code}"),
        (None, Some(9)) => "with error: signal: killed".to_owned(),
        (None, Some(signal)) => format!("with error: signal: {signal}"),
        (None, None) => "with error: unknown status".to_owned(),
    }
}
