//! The page at `/_local/`, what it shows, and where traces come in.

use std::sync::Arc;

use axum::Json;
use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::http::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, X_CONTENT_TYPE_OPTIONS,
};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{Html, IntoResponse as _, Redirect, Response};

use super::{otlp, story};
use crate::edge::{Edge, problem};

/// The page's address.
pub(crate) const PAGE: &str = "/_local/";
const PAGE_HTML: &str = include_str!("page.html");
/// The page asks nobody but the emulator for anything.
const PAGE_POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; \
                           connect-src 'self'; img-src data:; base-uri 'none'; form-action 'none'; \
                           frame-ancestors 'none'";
/// No order id is longer, in bytes.
const MAX_ID_BYTES: usize = 128;

pub(crate) async fn page() -> Response {
    let headers = [
        (CACHE_CONTROL, "no-cache"),
        (CONTENT_SECURITY_POLICY, PAGE_POLICY),
        (X_CONTENT_TYPE_OPTIONS, "nosniff"),
    ];
    (headers, Html(PAGE_HTML)).into_response()
}

pub(crate) async fn to_page() -> Redirect {
    Redirect::permanent(PAGE)
}

/// What goes on right now.
pub(crate) async fn live(State(edge): State<Arc<Edge>>) -> Response {
    let Some(deployed) = edge.deployed.get() else {
        return problem(
            StatusCode::SERVICE_UNAVAILABLE,
            "the local cloud is starting",
        );
    };
    match deployed.live.snapshot(&edge.watch, &deployed.lambda).await {
        Ok(json) => {
            let headers = [
                (CONTENT_TYPE, "application/json"),
                (CACHE_CONTROL, "no-store"),
            ];
            (headers, json).into_response()
        }
        Err(error) => problem(StatusCode::INTERNAL_SERVER_ERROR, &error.to_string()),
    }
}

/// An order's story.
pub(crate) async fn order(State(edge): State<Arc<Edge>>, Path(order_id): Path<String>) -> Response {
    if order_id.len() > MAX_ID_BYTES {
        return problem(StatusCode::NOT_FOUND, "no order has so long an id");
    }
    let traces = &edge.watch.traces;
    if let Some(story) = story::tell(traces, &order_id) {
        return ([(CACHE_CONTROL, "no-store")], Json(story)).into_response();
    }
    let dropped = traces.kept().dropped_traces();
    let message = if !edge.watch.functions_trace {
        format!(
            "no trace mentions the order {order_id}: the functions send none, as traces are switched off"
        )
    } else if dropped > 0 {
        format!(
            "no trace mentions the order {order_id}; the oldest {dropped} traces made room for newer ones"
        )
    } else {
        format!(
            "no trace mentions the order {order_id}; traces come up to a second after the answer"
        )
    };
    problem(StatusCode::NOT_FOUND, &message)
}

/// Takes traces by OTLP.
pub(crate) async fn take_traces(
    State(edge): State<Arc<Edge>>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    otlp::take(&edge.watch.traces, &headers, body)
}
