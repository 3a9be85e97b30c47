//! The HTTP API: routes requests to functions as API Gateway does with payload format 2.0.

mod authorizer;
mod cors;
mod event;
mod response;
mod routes;
mod verified_tokens;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::Router;
use axum::body::Body;
use axum::extract::{ConnectInfo, Request, State};
use axum::http::header::{HOST, WWW_AUTHENTICATE};
use axum::http::uri::Authority;
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode};
use axum::response::Response;
use bytes::Bytes;
use http_body_util::{BodyExt as _, LengthLimitError, Limited};
use uuid::Uuid;

use authorizer::{Authorizers, Claims, Refusal};
use response::{internal_error, message};
use routes::{Match, RouteTable};

use crate::issuer::Issuer;
use crate::lambda::{InvokeError, Lambda};
use crate::meter::Meter;
use crate::page::Page;
use crate::template::{HttpApi, Route};
use crate::trace;

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
    page: Arc<Page>,
}

pub(crate) fn router(
    api: Arc<HttpApi>,
    account_id: String,
    issuer: &Issuer,
    lambda: Arc<Lambda>,
    meter: Arc<Meter>,
    page: Arc<Page>,
) -> anyhow::Result<Router> {
    let gateway = Gateway {
        routes: RouteTable::new(&api.routes)?,
        authorizers: Authorizers::new(&api.authorizers, issuer),
        api,
        account_id,
        lambda,
        meter,
        page,
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
            Some(found) => self
                .answer(found, peer, request, request_id)
                .await
                .unwrap_or_else(|refusal| refusal),
        };
        let status = response.status();
        self.page.requests.count(index, status, begun.elapsed());
        response
    }

    /// The function's answer, or an error if no function is to see the request.
    async fn answer(
        &self,
        found: Match,
        peer: SocketAddr,
        request: Request,
        request_id: &str,
    ) -> Result<Response, Response> {
        let route = &self.api.routes[found.index];
        let claims = self.authorize(route, &request).map_err(refused)?;
        let Some(function) = self.lambda.function(&route.function) else {
            return Err(internal_error());
        };
        let (mut parts, body) = request.into_parts();
        let body = read(body).await?;
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
            Ok(Err(_)) | Err(_) => 0,
        };
        self.meter.count_http_request(body.len(), answer_bytes);
        Ok(result.map_or_else(|_elapsed| unavailable(), from_result))
    }

    /// The claims of the caller's token, on a route that asks for one.
    fn authorize(&self, route: &Route, request: &Request) -> Result<Option<Claims>, Refusal> {
        let Some(auth) = &route.auth else {
            return Ok(None);
        };
        let checked = self
            .authorizers
            .check(auth, request.headers(), request.uri());
        checked.map(Some)
    }
}

fn refused(refusal: Refusal) -> Response {
    match refusal {
        Refusal::Unauthorized => {
            let mut response = message(StatusCode::UNAUTHORIZED, "Unauthorized");
            let challenge = HeaderValue::from_static("Bearer");
            response.headers_mut().insert(WWW_AUTHENTICATE, challenge);
            response
        }
        Refusal::Forbidden => message(StatusCode::FORBIDDEN, "Forbidden"),
    }
}

fn from_result(result: Result<Bytes, InvokeError>) -> Response {
    match result {
        Ok(payload) => response::from_payload(&payload),
        Err(InvokeError::RequestTooLarge) => {
            message(StatusCode::PAYLOAD_TOO_LARGE, "Request Entity Too Large")
        }
        Err(InvokeError::Function(_)) => internal_error(),
        Err(InvokeError::Throttled | InvokeError::ShuttingDown) => unavailable(),
    }
}

fn unavailable() -> Response {
    message(StatusCode::SERVICE_UNAVAILABLE, "Service Unavailable")
}

/// Whether the `Host` header, if there is one, is a name that this API could have. AWS routes by it, so functions get no
/// other; some function runtimes build URLs from it and end when that fails.
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
fn trace_header(headers: &mut HeaderMap) -> String {
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
