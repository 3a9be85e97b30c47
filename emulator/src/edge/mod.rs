//! The AWS edge: DynamoDB, SQS and Lambda Invoke on one port, as LocalStack has them, and `/_local/`.

mod aws;
pub(crate) mod caller;
mod dynamodb;
mod guard;
mod journal;
mod local;
mod metered;
mod metrics;
pub(crate) mod resources;
mod sqs;

use std::sync::{Arc, OnceLock};

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::http::StatusCode;
use axum::middleware;
use axum::response::{IntoResponse as _, Response};
use axum::routing::{get, post};

pub(crate) use aws::failure_with;
pub(crate) use dynamodb::DynamoDb;
pub(crate) use local::problem;
pub(crate) use sqs::Sqs;

use crate::issuer::Issuer;
use crate::lambda::Lambda;
use crate::meter::Meter;
use crate::realism::Simulation;
use crate::template::HttpApi;
use crate::watch::{Live, Watch, http as watching};

/// DynamoDB takes requests of up to 16 MB, the most of the services here.
const MAX_REQUEST_BYTES: usize = 16 * 1024 * 1024;

/// The services behind the edge.
#[derive(Debug)]
pub(crate) struct Edge {
    pub(crate) data: Data,
    pub(crate) issuer: Arc<Issuer>,
    pub(crate) watch: Arc<Watch>,
    pub(crate) meter: Arc<Meter>,
    pub(crate) simulation: Option<Simulation>,
    /// What functions and routes there are, once the template is resolved.
    pub(crate) deployed: OnceLock<Deployed>,
}

/// Where tables and queues are.
#[derive(Debug)]
pub(crate) enum Data {
    Here(Box<DataServices>),
    /// At another endpoint, which the functions call directly.
    Elsewhere(String),
}

#[derive(Debug)]
pub(crate) struct DataServices {
    pub(crate) dynamodb: DynamoDb,
    pub(crate) sqs: Sqs,
}

#[derive(Debug)]
pub(crate) struct Deployed {
    pub(crate) lambda: Arc<Lambda>,
    pub(crate) api: Arc<HttpApi>,
    pub(crate) api_url: String,
    pub(crate) live: Live,
}

pub(crate) fn router(edge: Arc<Edge>) -> Router {
    Router::new()
        .route("/", post(aws::handle))
        .route(
            "/2015-03-31/functions/{name}/invocations",
            post(aws::invoke),
        )
        .route("/v1/traces", post(watching::take_traces))
        .route("/_local", get(watching::to_page))
        .route(watching::PAGE, get(watching::page))
        .route("/_local/live", get(watching::live))
        .route("/_local/traces/{order_id}", get(watching::order))
        .route("/_local/health", get(local::health))
        .route("/_local/functions", get(local::functions))
        .route("/_local/logs", get(local::logs))
        .route("/_local/metrics", get(metrics::read).delete(metrics::reset))
        .route("/_local/metrics/reset", post(metrics::reset))
        .route("/_local/token", post(local::token))
        .route("/.well-known/openid-configuration", get(local::discovery))
        .route("/.well-known/jwks.json", get(local::key_set))
        .route(
            "/{issuer}/.well-known/openid-configuration",
            get(local::discovery),
        )
        .route("/{issuer}/.well-known/jwks.json", get(local::key_set))
        .fallback(not_found)
        .layer(DefaultBodyLimit::max(MAX_REQUEST_BYTES))
        .layer(middleware::from_fn(guard::keep_pages_out))
        .with_state(edge)
}

async fn not_found() -> Response {
    let help = "nothing here: AWS calls are POST /; see also /_local/\n";
    (StatusCode::NOT_FOUND, help).into_response()
}
