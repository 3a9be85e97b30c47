//! The Lambda Runtime API (2018-06-01) for one process.
//!
//! Each process has a listener of its own, so the port of a call shows which process made it. The calls are
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
        // A connection breaks when the process ends, which its task sees by itself.
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
    let action = parts.uri.path().strip_prefix(PREFIX).unwrap_or_default();
    let action: Vec<&str> = action.split('/').collect();
    match (&parts.method, action.as_slice()) {
        (&Method::GET, ["invocation", "next"]) => next(calls).await,
        (&Method::POST, ["invocation", id, "response"]) => {
            let request_id = (*id).to_owned();
            let body = read(body).await;
            let call = |answer| Call::Response {
                request_id,
                body,
                answer,
            };
            hand_over(calls, call).await
        }
        (&Method::POST, ["invocation", id, "error"]) => {
            let request_id = (*id).to_owned();
            let body = read(body).await.unwrap_or_default();
            let call = |answer| Call::Error {
                request_id,
                body,
                answer,
            };
            hand_over(calls, call).await
        }
        (&Method::POST, ["init", "error"]) => {
            let body = read(body).await.unwrap_or_default();
            hand_over(calls, |answer| Call::InitError { body, answer }).await
        }
        _ => problem(
            StatusCode::NOT_FOUND,
            "NotFound",
            "no such path in the Runtime API",
        ),
    }
}

/// Hands a call to the process's task and answers as the task says.
async fn hand_over(
    calls: &mpsc::Sender<Call>,
    call: impl FnOnce(Answer) -> Call,
) -> Response<Full<Bytes>> {
    let (answer, status) = oneshot::channel();
    if calls.send(call(answer)).await.is_err() {
        return gone();
    }
    match status.await {
        Ok(StatusCode::ACCEPTED) => accepted(),
        Ok(status @ StatusCode::PAYLOAD_TOO_LARGE) => {
            problem(status, "RequestEntityTooLarge", "the response is too large")
        }
        Ok(status) => problem(status, "InvalidRequestID", "Invalid request ID"),
        Err(_) => gone(),
    }
}

async fn next(calls: &mpsc::Sender<Call>) -> Response<Full<Bytes>> {
    let (sender, invocation) = oneshot::channel();
    if calls.send(Call::Next(sender)).await.is_ok()
        && let Ok(invocation) = invocation.await
    {
        return invocation;
    }
    gone()
}

/// A broken body counts as an empty one: the reason is seen when the function ends.
async fn read(body: Incoming) -> Result<Bytes, TooLarge> {
    match Limited::new(body, MAX_PAYLOAD_BYTES).collect().await {
        Ok(body) => Ok(body.to_bytes()),
        Err(error) if error.is::<LengthLimitError>() => Err(TooLarge),
        Err(_) => Ok(Bytes::new()),
    }
}

fn gone() -> Response<Full<Bytes>> {
    problem(StatusCode::GONE, "Gone", "the process was stopped")
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
