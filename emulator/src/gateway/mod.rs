//! The HTTP API: routes requests to functions as API Gateway does with payload format 2.0.

mod authorizer;
mod cors;
mod event;
mod response;
mod routes;
mod verified;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::Router;
use axum::body::Body;
use axum::extract::{ConnectInfo, Request, State};
use axum::http::header::HOST;
use axum::http::uri::Authority;
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode};
use axum::response::Response;
use bytes::Bytes;
use http_body_util::{BodyExt as _, LengthLimitError, Limited};
use uuid::Uuid;

use authorizer::{Authorizers, Refusal};
use routes::{Match, RouteTable};

use crate::issuer::Issuer;
use crate::lambda::{InvokeError, Lambda};
use crate::meter::Meter;
use crate::template::HttpApi;
use crate::trace;
use crate::watch::Watch;

/// Largest request body, in bytes. Source: API Gateway's quotas for HTTP APIs.
const MAX_BODY_BYTES: usize = 10 * 1024 * 1024;
/// Longest an integration may take. Source: the same.
const INTEGRATION_TIMEOUT: Duration = Duration::from_secs(30);

/// The running HTTP API.
#[derive(Debug)]
struct Gateway {
    api: Arc<HttpApi>,
    account_id: String,
    routes: RouteTable,
    authorizers: Authorizers,
    lambda: Arc<Lambda>,
    meter: Arc<Meter>,
    watch: Arc<Watch>,
}

pub(crate) fn router(
    api: Arc<HttpApi>,
    account_id: String,
    issuer: &Issuer,
    lambda: Arc<Lambda>,
    meter: Arc<Meter>,
    watch: Arc<Watch>,
) -> anyhow::Result<Router> {
    let gateway = Gateway {
        routes: RouteTable::new(&api.routes)?,
        authorizers: Authorizers::new(&api.authorizers, issuer),
        api,
        account_id,
        lambda,
        meter,
        watch,
    };
    Ok(Router::new().fallback(handle).with_state(Arc::new(gateway)))
}

async fn handle(
    State(gateway): State<Arc<Gateway>>,
    ConnectInfo(peer): ConnectInfo<SocketAddr>,
    request: Request,
) -> Response {
    let request_id = Uuid::new_v4().simple().to_string();
    let origin = cors::origin(request.headers());
    let preflight = request.method() == Method::OPTIONS && cors::is_preflight(request.headers());
    let mut response = match &gateway.api.cors {
        Some(cors) if preflight => cors::preflight(cors, origin.as_deref()),
        _ => gateway.route(peer, request, &request_id).await,
    };
    if let Some(cors) = &gateway.api.cors {
        cors::allow(cors, origin.as_deref(), response.headers_mut());
    }
    if let Ok(id) = HeaderValue::from_str(&request_id) {
        response.headers_mut().insert("apigw-requestid", id);
    }
    response
}

impl Gateway {
    async fn route(&self, peer: SocketAddr, request: Request, request_id: &str) -> Response {
        let begun = Instant::now();
        let found = self.routes.find(request.method(), request.uri().path());
        let index = found.as_ref().map(|found| found.index);
        let response = match found {
            _ if !names_a_host(request.headers()) => {
                message(StatusCode::BAD_REQUEST, "Bad Request")
            }
            None => message(StatusCode::NOT_FOUND, "Not Found"),
            Some(found) => self.answer(found, peer, request, request_id).await,
        };
        let status = response.status();
        self.watch.requests.answered(index, status, begun.elapsed());
        response
    }

    async fn answer(
        &self,
        found: Match,
        peer: SocketAddr,
        request: Request,
        request_id: &str,
    ) -> Response {
        let route = &self.api.routes[found.index];
        let claims = match &route.auth {
            None => None,
            Some(auth) => match self
                .authorizers
                .check(auth, request.headers(), request.uri())
            {
                Ok(claims) => Some(claims),
                Err(Refusal::Unauthorized) => {
                    let mut response = message(StatusCode::UNAUTHORIZED, "Unauthorized");
                    response
                        .headers_mut()
                        .insert("www-authenticate", HeaderValue::from_static("Bearer"));
                    return response;
                }
                Err(Refusal::Forbidden) => return message(StatusCode::FORBIDDEN, "Forbidden"),
            },
        };
        let Some(function) = self.lambda.function(&route.function) else {
            return message(StatusCode::INTERNAL_SERVER_ERROR, "Internal Server Error");
        };
        let (mut parts, body) = request.into_parts();
        let body = match read(body).await {
            Ok(body) => body,
            Err(response) => return response,
        };
        let trace_id = trace_header(&mut parts.headers);
        let event = event::build(&event::Incoming {
            gateway: event::Identity {
                account_id: &self.account_id,
                api_id: &self.api.id,
            },
            route,
            path_parameters: found.parameters,
            claims,
            peer,
            parts: &parts,
            body: &body,
            request_id,
        });
        let invocation = function.invoke(event, Some(trace_id));
        let result = tokio::time::timeout(INTEGRATION_TIMEOUT, invocation).await;
        let answer_bytes = match &result {
            Ok(Ok(payload)) => payload.len(),
            _ => 0,
        };
        self.meter.count_http_request(body.len(), answer_bytes);
        match result {
            Ok(Ok(payload)) => response::from_payload(&payload),
            Ok(Err(InvokeError::RequestTooLarge)) => {
                message(StatusCode::PAYLOAD_TOO_LARGE, "Request Entity Too Large")
            }
            Ok(Err(InvokeError::Function(_))) => {
                message(StatusCode::INTERNAL_SERVER_ERROR, "Internal Server Error")
            }
            Ok(Err(InvokeError::Throttled | InvokeError::ShuttingDown)) | Err(_) => {
                message(StatusCode::SERVICE_UNAVAILABLE, "Service Unavailable")
            }
        }
    }
}

/// Whether the `Host` header, if there is one, could name this API. AWS routes by it, so a function never sees
/// another; some function runtimes build URLs of it and end when that fails.
fn names_a_host(headers: &HeaderMap) -> bool {
    let Some(host) = headers.get(HOST) else {
        return true;
    };
    let Ok(authority) = Authority::try_from(host.as_bytes()) else {
        return false;
    };
    let port = authority.as_str().strip_prefix(authority.host());
    port == Some("") || authority.port_u16().is_some()
}

async fn read(body: Body) -> Result<Bytes, Response> {
    match Limited::new(body, MAX_BODY_BYTES).collect().await {
        Ok(body) => Ok(body.to_bytes()),
        Err(error) if error.is::<LengthLimitError>() => Err(message(
            StatusCode::PAYLOAD_TOO_LARGE,
            "Request Entity Too Large",
        )),
        Err(_) => Err(message(StatusCode::BAD_REQUEST, "Bad Request")),
    }
}

/// The request's trace, which begins here unless the caller began it.
fn trace_header(headers: &mut axum::http::HeaderMap) -> String {
    if let Some(given) = headers
        .get(trace::HEADER)
        .and_then(|value| value.to_str().ok())
        && given.contains("Root=")
    {
        return given.to_owned();
    }
    let fresh = trace::new_header();
    if let Ok(value) = HeaderValue::from_str(&fresh) {
        headers.insert(trace::HEADER, value);
    }
    fresh
}

/// An answer of the gateway itself.
fn message(status: StatusCode, text: &'static str) -> Response {
    let mut response = Response::new(Body::from(format!(r#"{{"message":"{text}"}}"#)));
    *response.status_mut() = status;
    let json = HeaderValue::from_static("application/json");
    response
        .headers_mut()
        .insert(axum::http::header::CONTENT_TYPE, json);
    response
}
