//! HTTP responses: a function's payload as a response, and the gateway's own messages.
//!
//! Source: API Gateway's developer guide, "Lambda function response for format 2.0".

use axum::body::Body;
use axum::http::header::{CONTENT_LENGTH, CONTENT_TYPE, HeaderName, SET_COOKIE};
use axum::http::{HeaderValue, StatusCode};
use axum::response::Response;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use serde_json::{Map, Value};

const JSON: HeaderValue = HeaderValue::from_static("application/json");

/// A payload with a status code is a response; any other is the body of a 200.
pub(super) fn from_payload(payload: &Bytes) -> Response {
    match serde_json::from_slice::<Value>(payload) {
        Ok(Value::Object(fields)) if fields.contains_key("statusCode") => {
            described(&fields).unwrap_or_else(internal_error)
        }
        Ok(Value::String(text)) => body_of_200(Bytes::from(text)),
        Ok(_) => body_of_200(payload.clone()),
        Err(_) => internal_error(),
    }
}

/// An answer of the gateway itself.
pub(super) fn message(status: StatusCode, text: &'static str) -> Response {
    let mut response = Response::new(Body::from(format!(r#"{{"message":"{text}"}}"#)));
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, JSON);
    response
}

/// The answer for a function that failed, or whose payload makes no sense.
pub(super) fn internal_error() -> Response {
    message(StatusCode::INTERNAL_SERVER_ERROR, "Internal Server Error")
}

fn body_of_200(body: Bytes) -> Response {
    let mut response = Response::new(Body::from(body));
    response.headers_mut().insert(CONTENT_TYPE, JSON);
    response
}

fn described(fields: &Map<String, Value>) -> Option<Response> {
    let status = match &fields["statusCode"] {
        Value::Number(number) => u16::try_from(number.as_u64()?).ok()?,
        Value::String(text) => text.parse().ok()?,
        _ => return None,
    };
    let mut response = Response::new(body(fields)?);
    *response.status_mut() = StatusCode::from_u16(status).ok()?;
    if let Some(Value::Object(headers)) = fields.get("headers") {
        for (name, value) in headers {
            let name = HeaderName::from_bytes(name.as_bytes()).ok()?;
            // The length is that of the body as it is sent.
            if name != CONTENT_LENGTH {
                response.headers_mut().append(name, header_value(value)?);
            }
        }
    }
    if let Some(Value::Array(cookies)) = fields.get("cookies") {
        for cookie in cookies {
            response
                .headers_mut()
                .append(SET_COOKIE, header_value(cookie)?);
        }
    }
    if !response.headers().contains_key(CONTENT_TYPE) {
        response.headers_mut().insert(
            CONTENT_TYPE,
            HeaderValue::from_static("text/plain; charset=utf-8"),
        );
    }
    Some(response)
}

fn header_value(value: &Value) -> Option<HeaderValue> {
    match value {
        Value::String(text) => HeaderValue::from_str(text).ok(),
        Value::Number(_) | Value::Bool(_) => HeaderValue::from_str(&value.to_string()).ok(),
        _ => None,
    }
}

fn body(fields: &Map<String, Value>) -> Option<Body> {
    let is_base64 = fields
        .get("isBase64Encoded")
        .and_then(Value::as_bool)
        .unwrap_or(false);
    match fields.get("body") {
        None | Some(Value::Null) => Some(Body::empty()),
        Some(Value::String(text)) if is_base64 => STANDARD.decode(text).ok().map(Body::from),
        Some(Value::String(text)) => Some(Body::from(text.clone())),
        Some(other) => Some(Body::from(other.to_string())),
    }
}

#[cfg(test)]
mod tests {
    use http_body_util::BodyExt as _;
    use serde_json::json;

    use super::*;

    async fn answer(payload: Value) -> (u16, String, Vec<(String, String)>) {
        let response = from_payload(&Bytes::from(payload.to_string()));
        let status = response.status().as_u16();
        let headers = response
            .headers()
            .iter()
            .map(|(name, value)| (name.to_string(), value.to_str().expect("text").to_owned()))
            .collect();
        let body = response
            .into_body()
            .collect()
            .await
            .expect("a body")
            .to_bytes();
        (
            status,
            String::from_utf8(body.to_vec()).expect("text"),
            headers,
        )
    }

    #[tokio::test]
    async fn a_response_is_what_the_function_describes() {
        let (status, body, headers) = answer(json!({
            "statusCode": 201,
            "headers": { "location": "/carts/1", "content-type": "application/json" },
            "cookies": ["a=1; Secure", "b=2"],
            "body": "{}",
        }))
        .await;
        assert_eq!((status, body.as_str()), (201, "{}"));
        let cookies = headers
            .iter()
            .filter(|(name, _)| name == "set-cookie")
            .count();
        assert_eq!(cookies, 2);
        assert!(headers.contains(&("location".to_owned(), "/carts/1".to_owned())));
    }

    #[tokio::test]
    async fn anything_else_is_inferred() {
        for (payload, status, body) in [
            (json!({ "message": "hi" }), 200, r#"{"message":"hi"}"#),
            (json!("hello"), 200, "hello"),
            (json!([1]), 200, "[1]"),
            (json!({ "statusCode": 204 }), 204, ""),
            (
                json!({ "statusCode": "200", "body": "aGk=", "isBase64Encoded": true }),
                200,
                "hi",
            ),
            (
                json!({ "statusCode": 99_999 }),
                500,
                r#"{"message":"Internal Server Error"}"#,
            ),
            (
                json!({ "statusCode": "soon" }),
                500,
                r#"{"message":"Internal Server Error"}"#,
            ),
        ] {
            let (got, text, _) = answer(payload.clone()).await;
            assert_eq!((got, text.as_str()), (status, body), "{payload}");
        }
    }
}
