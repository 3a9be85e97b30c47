//! The AWS endpoint: DynamoDB, SQS and Lambda Invoke on one port, as LocalStack has them, and `/_local/`.

mod answers;
mod aws;
mod guard;
mod invoke;
mod local;
mod metrics;
mod page;
mod snapshot;
mod state;
mod stock;
mod token;

use std::sync::Arc;

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::http::StatusCode;
use axum::middleware;
use axum::response::{IntoResponse as _, Response};
use axum::routing::{get, post};
use emulator_api::paths;

pub(crate) use snapshot::{Snapshots, WatchedQueue};
pub(crate) use state::{Aws, Deployed, Endpoint};

/// DynamoDB takes requests of up to 16 MB, the most of the services here.
const MAX_REQUEST_BYTES: usize = 16 * 1024 * 1024;

pub(crate) fn router(endpoint: Arc<Endpoint>) -> Router {
    Router::new()
        .route("/", post(aws::handle))
        .route(
            "/2015-03-31/functions/{name}/invocations",
            post(invoke::invoke),
        )
        .route("/v1/traces", post(page::receive_traces))
        .route(paths::PAGE.trim_end_matches('/'), get(page::redirect))
        .route(paths::PAGE, get(page::html))
        .route(paths::LIVE, get(page::live))
        .route(&format!("{}/{{order_id}}", paths::TRACES), get(page::order))
        .route(paths::HEALTH, get(local::health))
        .route(paths::FUNCTIONS, get(local::functions))
        .route(paths::LOGS, get(local::logs))
        .route(paths::METRICS, get(metrics::read).delete(metrics::reset))
        .route(paths::METRICS_RESET, post(metrics::reset))
        .route(paths::TOKEN, post(token::token))
        .route("/.well-known/openid-configuration", get(token::discovery))
        .route("/.well-known/jwks.json", get(token::key_set))
        .route(
            "/{issuer}/.well-known/openid-configuration",
            get(token::discovery),
        )
        .route("/{issuer}/.well-known/jwks.json", get(token::key_set))
        .fallback(not_found)
        .layer(DefaultBodyLimit::max(MAX_REQUEST_BYTES))
        .layer(middleware::from_fn(guard::refuse_other_pages))
        .with_state(endpoint)
}

async fn not_found() -> Response {
    let help = "nothing here: AWS calls are POST /; see also /_local/\n";
    (StatusCode::NOT_FOUND, help).into_response()
}
