//! The event that a function gets: payload format 2.0.
//!
//! Source: API Gateway's developer guide, "Create AWS Lambda proxy integrations for HTTP APIs". The types of
//! `aws_lambda_events` can't be used to write it: they add fields that API Gateway doesn't send.

use std::collections::BTreeMap;
use std::net::SocketAddr;

use axum::http::header::{CONTENT_TYPE, COOKIE, HOST, USER_AGENT};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderName};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use jiff::Timestamp;
use serde::Serialize;

use super::authorizer::Claims;
use crate::template::Route;

/// A routed and authorized request.
pub(super) struct Incoming<'a> {
    pub(super) gateway: Identity<'a>,
    pub(super) route: &'a Route,
    pub(super) path_parameters: BTreeMap<String, String>,
    pub(super) claims: Option<Claims>,
    pub(super) peer: SocketAddr,
    pub(super) parts: &'a Parts,
    pub(super) body: &'a Bytes,
    pub(super) request_id: &'a str,
}

#[derive(Clone, Copy)]
pub(super) struct Identity<'a> {
    pub(super) account_id: &'a str,
    pub(super) api_id: &'a str,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Event<'a> {
    version: &'static str,
    route_key: &'a str,
    raw_path: &'a str,
    raw_query_string: &'a str,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    cookies: Vec<String>,
    headers: BTreeMap<&'a str, String>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    query_string_parameters: BTreeMap<String, String>,
    request_context: RequestContext<'a>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    path_parameters: &'a BTreeMap<String, String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    body: Option<String>,
    is_base64_encoded: bool,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct RequestContext<'a> {
    account_id: &'a str,
    api_id: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    authorizer: Option<Authorizer<'a>>,
    domain_name: &'a str,
    domain_prefix: &'a str,
    http: Http<'a>,
    request_id: &'a str,
    route_key: &'a str,
    stage: &'static str,
    time: String,
    time_epoch: i64,
}

#[derive(Serialize)]
struct Authorizer<'a> {
    jwt: Jwt<'a>,
}

#[derive(Serialize)]
struct Jwt<'a> {
    claims: &'a BTreeMap<String, String>,
    scopes: &'a Option<Vec<String>>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Http<'a> {
    method: &'a str,
    path: &'a str,
    protocol: String,
    source_ip: String,
    user_agent: &'a str,
}

pub(super) fn build(incoming: &Incoming<'_>) -> Bytes {
    let Incoming { route, parts, .. } = incoming;
    let route_key = match route.path.as_str() {
        "$default" => "$default".to_owned(),
        path => format!("{} {path}", route.method),
    };
    let query = parts.uri.query().unwrap_or("");
    let (body, is_base64_encoded) = encode_body(&parts.headers, incoming.body);
    let event = Event {
        version: "2.0",
        route_key: &route_key,
        raw_path: parts.uri.path(),
        raw_query_string: query,
        cookies: cookies(&parts.headers),
        headers: headers(incoming),
        query_string_parameters: joined(form_urlencoded::parse(query.as_bytes())),
        request_context: request_context(incoming, &route_key),
        path_parameters: &incoming.path_parameters,
        body,
        is_base64_encoded,
    };
    // Maps of text can always be written.
    serde_json::to_vec(&event).unwrap_or_default().into()
}

fn request_context<'a>(incoming: &'a Incoming<'_>, route_key: &'a str) -> RequestContext<'a> {
    let domain_name = host_name(&incoming.parts.headers);
    let authorizer = incoming.claims.as_ref().map(|found| Authorizer {
        jwt: Jwt {
            claims: &found.claims,
            scopes: &found.scopes,
        },
    });
    let now = Timestamp::now();
    RequestContext {
        account_id: incoming.gateway.account_id,
        api_id: incoming.gateway.api_id,
        authorizer,
        domain_name,
        domain_prefix: domain_name.split('.').next().unwrap_or(domain_name),
        http: http(incoming),
        request_id: incoming.request_id,
        route_key,
        stage: "$default",
        time: now.strftime("%d/%b/%Y:%H:%M:%S +0000").to_string(),
        time_epoch: now.as_millisecond(),
    }
}

fn http<'a>(incoming: &Incoming<'a>) -> Http<'a> {
    let parts = incoming.parts;
    Http {
        method: parts.method.as_str(),
        path: parts.uri.path(),
        protocol: format!("{:?}", parts.version),
        source_ip: incoming.peer.ip().to_string(),
        user_agent: text(&parts.headers, &USER_AGENT),
    }
}

fn text<'a>(headers: &'a HeaderMap, name: &HeaderName) -> &'a str {
    headers
        .get(name)
        .and_then(|value| value.to_str().ok())
        .unwrap_or("")
}

fn host_name(headers: &HeaderMap) -> &str {
    let host = text(headers, &HOST);
    host.rsplit_once(':').map_or(host, |(name, _port)| name)
}

/// Each cookie by itself; they are not repeated in the headers.
fn cookies(headers: &HeaderMap) -> Vec<String> {
    headers
        .get_all(COOKIE)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|line| line.split(';'))
        .map(|cookie| cookie.trim().to_owned())
        .filter(|cookie| !cookie.is_empty())
        .collect()
}

/// Names in lower case, repeated headers joined with commas, and the headers that a proxy adds.
fn headers<'a>(incoming: &Incoming<'a>) -> BTreeMap<&'a str, String> {
    let mut headers: BTreeMap<&str, String> = BTreeMap::new();
    for (name, value) in incoming
        .parts
        .headers
        .iter()
        .filter(|(name, _)| **name != COOKIE)
    {
        let value = String::from_utf8_lossy(value.as_bytes());
        headers
            .entry(name.as_str())
            .and_modify(|joined| {
                joined.push(',');
                joined.push_str(&value);
            })
            .or_insert_with(|| value.into_owned());
    }
    let port = text(&incoming.parts.headers, &HOST)
        .rsplit_once(':')
        .map_or("80", |(_, port)| port);
    headers.insert("content-length", incoming.body.len().to_string());
    headers.insert("x-forwarded-for", incoming.peer.ip().to_string());
    headers.insert("x-forwarded-port", port.to_owned());
    headers.insert("x-forwarded-proto", "http".to_owned());
    headers
}

/// Repeated parameters are joined with commas.
fn joined<'q>(
    pairs: impl Iterator<Item = (std::borrow::Cow<'q, str>, std::borrow::Cow<'q, str>)>,
) -> BTreeMap<String, String> {
    let mut parameters: BTreeMap<String, String> = BTreeMap::new();
    for (name, value) in pairs {
        parameters
            .entry(name.into_owned())
            .and_modify(|joined| {
                joined.push(',');
                joined.push_str(&value);
            })
            .or_insert_with(|| value.into_owned());
    }
    parameters
}

/// Text stays text if its type says it is text and it is UTF-8; the rest is base64, forms included.
fn encode_body(headers: &HeaderMap, body: &Bytes) -> (Option<String>, bool) {
    if body.is_empty() {
        return (None, false);
    }
    if is_text(text(headers, &CONTENT_TYPE))
        && let Ok(text) = std::str::from_utf8(body)
    {
        return (Some(text.to_owned()), false);
    }
    (Some(STANDARD.encode(body)), true)
}

fn is_text(content_type: &str) -> bool {
    let kind = content_type
        .split(';')
        .next()
        .unwrap_or("")
        .trim()
        .to_ascii_lowercase();
    kind.is_empty()
        || kind.starts_with("text/")
        || matches!(
            kind.as_str(),
            "application/json" | "application/javascript" | "application/xml"
        )
        || kind.ends_with("+json")
        || kind.ends_with("+xml")
}
