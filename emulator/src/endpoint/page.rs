//! The page at `/_local/`: its HTML, the data that it loads, and the traces that it shows.

use std::sync::Arc;

use axum::Json;
use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::http::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, X_CONTENT_TYPE_OPTIONS,
};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{Html, IntoResponse as _, Redirect, Response};
use emulator_api::paths;

use super::answers::problem;
use super::state::Endpoint;

const PAGE_HTML: &str = include_str!("page.html");
/// The page loads from the emulator alone.
const PAGE_POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; \
                           connect-src 'self'; img-src data:; base-uri 'none'; form-action 'none'; \
                           frame-ancestors 'none'";
/// No order id is longer, in bytes.
const MAX_ID_BYTES: usize = 128;

pub(super) async fn html() -> Response {
    let headers = [
        (CACHE_CONTROL, "no-cache"),
        (CONTENT_SECURITY_POLICY, PAGE_POLICY),
        (X_CONTENT_TYPE_OPTIONS, "nosniff"),
    ];
    (headers, Html(PAGE_HTML)).into_response()
}

pub(super) async fn redirect() -> Redirect {
    Redirect::permanent(paths::PAGE)
}

/// A snapshot of what goes on now.
pub(super) async fn live(State(endpoint): State<Arc<Endpoint>>) -> Response {
    let Some(deployed) = endpoint.deployed.get() else {
        return problem(StatusCode::SERVICE_UNAVAILABLE, "the emulator is starting");
    };
    match deployed
        .snapshots
        .latest(&endpoint.page, &deployed.lambda)
        .await
    {
        Ok(json) => {
            let headers = [
                (CONTENT_TYPE, "application/json"),
                (CACHE_CONTROL, "no-store"),
            ];
            (headers, json).into_response()
        }
        Err(error) => problem(StatusCode::INTERNAL_SERVER_ERROR, error.to_string()),
    }
}

/// What happened to an order.
pub(super) async fn order(
    State(endpoint): State<Arc<Endpoint>>,
    Path(order_id): Path<String>,
) -> Response {
    if order_id.len() > MAX_ID_BYTES {
        return problem(StatusCode::NOT_FOUND, "no order has so long an id");
    }
    let page = &endpoint.page;
    if let Some(trace) = page.order_trace(&order_id) {
        return ([(CACHE_CONTROL, "no-store")], Json(trace)).into_response();
    }
    let dropped = page.dropped_traces();
    let reason = if !page.traces_are_on {
        ": the functions send none, as traces are switched off".to_owned()
    } else if dropped > 0 {
        format!("; the oldest {dropped} traces made room for newer ones")
    } else {
        "; traces come up to a second after the answer".to_owned()
    };
    let message = format!("no trace mentions the order {order_id}{reason}");
    problem(StatusCode::NOT_FOUND, message)
}

/// Receives traces by OTLP.
pub(super) async fn receive_traces(
    State(endpoint): State<Arc<Endpoint>>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    endpoint.page.receive_traces(&headers, &body)
}
