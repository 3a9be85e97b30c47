//! The Lambda Runtime API (2018-06-01) for one process.
//!
//! Each process has a listener of its own, so a call tells by its port which process made it. The calls are
//! handed to the process's task ([`super::process`]), which holds all state.

use std::convert::Infallible;

use bytes::Bytes;
use http_body_util::{BodyExt as _, Full, LengthLimitError, Limited};
use hyper::body::Incoming;
use hyper::header::CONTENT_TYPE;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use tokio::net::TcpListener;
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinSet;

use super::error::MAX_PAYLOAD_BYTES;

const PREFIX: &str = "/2018-06-01/runtime/";

/// A call of the Runtime API with the way to answer it.
#[derive(Debug)]
pub(super) enum Call {
    /// The process is ready for work.
    Next(oneshot::Sender<Response<Full<Bytes>>>),
    /// The result of an invocation; an error if it is too large.
    Response {
        request_id: String,
        body: Result<Bytes, TooLarge>,
        answer: Answer,
    },
    /// The failure of an invocation.
    Error {
        request_id: String,
        body: Bytes,
        answer: Answer,
    },
    /// The process can't start.
    InitError { body: Bytes, answer: Answer },
}

#[derive(Debug, Clone, Copy)]
pub(super) struct TooLarge;

pub(super) type Answer = oneshot::Sender<StatusCode>;

/// Serves until the task is aborted.
pub(super) async fn serve(listener: TcpListener, calls: mpsc::Sender<Call>) {
    // Dropped with this future, which closes the connections.
    let mut connections = JoinSet::new();
    while let Ok((stream, _)) = listener.accept().await {
        let _ = stream.set_nodelay(true);
        let calls = calls.clone();
        let service = service_fn(move |request| {
            let calls = calls.clone();
            async move { Ok::<_, Infallible>(handle(request, &calls).await) }
        });
        // A broken connection is the process's end, which its task sees by itself.
        connections.spawn(async move {
            let _ = http1::Builder::new()
                .serve_connection(TokioIo::new(stream), service)
                .await;
        });
        while connections.try_join_next().is_some() {}
    }
}

async fn handle(request: Request<Incoming>, calls: &mpsc::Sender<Call>) -> Response<Full<Bytes>> {
    let (parts, body) = request.into_parts();
    let Some(action) = parts.uri.path().strip_prefix(PREFIX) else {
        return problem(
            StatusCode::NOT_FOUND,
            "NotFound",
            "no such path in the Runtime API",
        );
    };
    if parts.method == Method::GET && action == "invocation/next" {
        return next(calls).await;
    }
    let post = parts.method == Method::POST;
    let (answer, status) = oneshot::channel();
    let body = read(body).await;
    let call = match action.split('/').collect::<Vec<_>>().as_slice() {
        ["invocation", id, "response"] if post => Call::Response {
            request_id: (*id).to_owned(),
            body,
            answer,
        },
        ["invocation", id, "error"] if post => Call::Error {
            request_id: (*id).to_owned(),
            body: body.unwrap_or_default(),
            answer,
        },
        ["init", "error"] if post => Call::InitError {
            body: body.unwrap_or_default(),
            answer,
        },
        _ => {
            return problem(
                StatusCode::NOT_FOUND,
                "NotFound",
                "no such path in the Runtime API",
            );
        }
    };
    if calls.send(call).await.is_err() {
        return problem(StatusCode::GONE, "Gone", "the process was stopped");
    }
    match status.await {
        Ok(StatusCode::ACCEPTED) => accepted(),
        Ok(status @ StatusCode::PAYLOAD_TOO_LARGE) => {
            problem(status, "RequestEntityTooLarge", "the response is too large")
        }
        Ok(status) => problem(status, "InvalidRequestID", "Invalid request ID"),
        Err(_) => problem(StatusCode::GONE, "Gone", "the process was stopped"),
    }
}

async fn next(calls: &mpsc::Sender<Call>) -> Response<Full<Bytes>> {
    let (sender, invocation) = oneshot::channel();
    if calls.send(Call::Next(sender)).await.is_ok()
        && let Ok(invocation) = invocation.await
    {
        return invocation;
    }
    problem(StatusCode::GONE, "Gone", "the process was stopped")
}

/// A broken body counts as an empty one: the function's end tells what happened.
async fn read(body: Incoming) -> Result<Bytes, TooLarge> {
    match Limited::new(body, MAX_PAYLOAD_BYTES).collect().await {
        Ok(body) => Ok(body.to_bytes()),
        Err(error) if error.is::<LengthLimitError>() => Err(TooLarge),
        Err(_) => Ok(Bytes::new()),
    }
}

fn accepted() -> Response<Full<Bytes>> {
    respond(
        StatusCode::ACCEPTED,
        Bytes::from_static(br#"{"status":"OK"}"#),
    )
}

fn problem(status: StatusCode, kind: &str, message: &str) -> Response<Full<Bytes>> {
    let body = serde_json::json!({ "errorType": kind, "errorMessage": message });
    respond(status, body.to_string().into())
}

fn respond(status: StatusCode, body: Bytes) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(body));
    *response.status_mut() = status;
    response.headers_mut().insert(
        CONTENT_TYPE,
        hyper::header::HeaderValue::from_static("application/json"),
    );
    response
}
