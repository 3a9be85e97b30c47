//! The HTTP answers of the shop.

use domain::{OrderId, OrderStatus};
use lambda_http::http::header::{
    CACHE_CONTROL, CONTENT_TYPE, HeaderName, HeaderValue, LOCATION, RETRY_AFTER,
};
use lambda_http::http::{Response, StatusCode};
use serde::Serialize;

use crate::view::AcceptedView;

/// An HTTP answer. Its body is always text, so the gateway never has to decode it.
pub type Reply = Response<String>;

const JSON: HeaderValue = HeaderValue::from_static("application/json");
const PROBLEM_JSON: HeaderValue = HeaderValue::from_static("application/problem+json");
const NO_STORE: HeaderValue = HeaderValue::from_static("no-store");

/// Seconds after which a client should ask for its order: about the time until a batch is decided.
const DECISION_RETRY_SECONDS: u32 = 1;

/// 200 with public data.
pub fn public(view: &impl Serialize) -> Reply {
    with(StatusCode::OK, JSON, view)
}

/// 200 with data of the caller alone: no cache on the way may keep it.
pub fn personal(view: &impl Serialize) -> Reply {
    set(public(view), CACHE_CONTROL, NO_STORE)
}

/// 201 with something new and where it is.
pub fn created(location: &str, view: &impl Serialize) -> Reply {
    let mut reply = set(personal(view), LOCATION, header(location));
    *reply.status_mut() = StatusCode::CREATED;
    reply
}

/// 202: the checkout is in the queue and will be decided.
pub fn accepted(order_id: OrderId) -> Reply {
    let view = AcceptedView {
        order_id,
        status: OrderStatus::Pending,
    };
    let mut reply = created(&format!("/orders/{order_id}"), &view);
    *reply.status_mut() = StatusCode::ACCEPTED;
    retry_after(reply, DECISION_RETRY_SECONDS)
}

/// An error. Never to be cached: the same request may succeed later.
pub(crate) fn problem(status: StatusCode, problem: &impl Serialize) -> Reply {
    set(with(status, PROBLEM_JSON, problem), CACHE_CONTROL, NO_STORE)
}

/// The same answer, asking the client to wait so many seconds before it tries again.
pub(crate) fn retry_after(reply: Reply, seconds: u32) -> Reply {
    set(reply, RETRY_AFTER, seconds.into())
}

fn with(status: StatusCode, content_type: HeaderValue, view: &impl Serialize) -> Reply {
    let body = serde_json::to_string(view).expect("a view is plain data with text for keys");
    let mut reply = Response::new(body);
    *reply.status_mut() = status;
    set(reply, CONTENT_TYPE, content_type)
}

fn set(mut reply: Reply, name: HeaderName, value: HeaderValue) -> Reply {
    reply.headers_mut().insert(name, value);
    reply
}

fn header(text: &str) -> HeaderValue {
    HeaderValue::from_str(text).expect("a path made of our own words and ids is ASCII")
}
