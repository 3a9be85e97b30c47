//! Answers that several handlers give.

use axum::Json;
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Response};
use emulator_api::Problem;

/// Why a request to `/_local/` has no other answer.
pub(super) fn problem(status: StatusCode, message: impl Into<String>) -> Response {
    let message = message.into();
    (status, Json(Problem { message })).into_response()
}
