//! CORS as the template configures it. The gateway answers preflights itself and overrides a function's own CORS
//! headers. Source: API Gateway's developer guide, "Configure CORS for HTTP APIs".

use axum::http::header::{
    ACCESS_CONTROL_ALLOW_CREDENTIALS, ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS,
    ACCESS_CONTROL_ALLOW_ORIGIN, ACCESS_CONTROL_EXPOSE_HEADERS, ACCESS_CONTROL_MAX_AGE,
    ACCESS_CONTROL_REQUEST_METHOD, HeaderName, ORIGIN, VARY,
};
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::response::{IntoResponse as _, Response};

use crate::template::Cors;

const CORS_HEADERS: [HeaderName; 6] = [
    ACCESS_CONTROL_ALLOW_CREDENTIALS,
    ACCESS_CONTROL_ALLOW_HEADERS,
    ACCESS_CONTROL_ALLOW_METHODS,
    ACCESS_CONTROL_ALLOW_ORIGIN,
    ACCESS_CONTROL_EXPOSE_HEADERS,
    ACCESS_CONTROL_MAX_AGE,
];

pub(super) fn origin(headers: &HeaderMap) -> Option<String> {
    headers.get(ORIGIN)?.to_str().ok().map(str::to_owned)
}

pub(super) fn is_preflight(headers: &HeaderMap) -> bool {
    headers.contains_key(ORIGIN) && headers.contains_key(ACCESS_CONTROL_REQUEST_METHOD)
}

/// 204; an allowed origin also gets the allowed methods and headers.
pub(super) fn preflight(cors: &Cors, origin: Option<&str>) -> Response {
    let mut response = StatusCode::NO_CONTENT.into_response();
    if allowed_origin(cors, origin).is_some() {
        let headers = response.headers_mut();
        set_list(headers, ACCESS_CONTROL_ALLOW_METHODS, &cors.methods);
        set_list(headers, ACCESS_CONTROL_ALLOW_HEADERS, &cors.headers);
        if let Some(seconds) = cors.max_age {
            headers.insert(ACCESS_CONTROL_MAX_AGE, HeaderValue::from(seconds));
        }
    }
    response
}

/// Tells a browser at an allowed origin that it may read the response.
pub(super) fn allow(cors: &Cors, origin: Option<&str>, headers: &mut HeaderMap) {
    let is_preflight = headers.contains_key(ACCESS_CONTROL_ALLOW_METHODS);
    if !is_preflight {
        for name in CORS_HEADERS {
            headers.remove(name);
        }
    }
    let Some(allowed) = allowed_origin(cors, origin) else {
        return;
    };
    if let Ok(value) = HeaderValue::from_str(allowed) {
        headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, value);
    }
    if allowed != "*" {
        headers.append(VARY, HeaderValue::from_static("origin"));
    }
    if cors.credentials {
        headers.insert(
            ACCESS_CONTROL_ALLOW_CREDENTIALS,
            HeaderValue::from_static("true"),
        );
    }
    set_list(headers, ACCESS_CONTROL_EXPOSE_HEADERS, &cors.exposed);
}

/// The value of Access-Control-Allow-Origin; none for an origin that is not allowed.
fn allowed_origin<'a>(cors: &'a Cors, origin: Option<&'a str>) -> Option<&'a str> {
    let origin = origin?;
    let matches = |pattern: &String| match pattern.as_str() {
        "*" => true,
        "https://*" => origin.starts_with("https://"),
        "http://*" => origin.starts_with("http://"),
        exact => exact == origin,
    };
    if cors.origins.iter().any(|pattern| pattern == "*") && !cors.credentials {
        return Some("*");
    }
    cors.origins.iter().any(matches).then_some(origin)
}

fn set_list(headers: &mut HeaderMap, name: HeaderName, items: &[String]) {
    if items.is_empty() {
        return;
    }
    if let Ok(value) = HeaderValue::from_str(&items.join(",")) {
        headers.insert(name, value);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cors(origins: &[&str]) -> Cors {
        Cors {
            origins: origins.iter().map(|&origin| origin.to_owned()).collect(),
            methods: vec!["GET".to_owned(), "POST".to_owned()],
            headers: vec!["authorization".to_owned()],
            exposed: vec!["location".to_owned()],
            max_age: Some(600),
            credentials: false,
        }
    }

    #[test]
    fn only_allowed_origins_learn_anything() {
        let shop = cors(&["https://shop.example"]);
        for (origin, allowed) in [
            (Some("https://shop.example"), Some("https://shop.example")),
            (Some("https://evil.example"), None),
            (None, None),
        ] {
            let mut response = preflight(&shop, origin);
            allow(&shop, origin, response.headers_mut());
            assert_eq!(response.status(), StatusCode::NO_CONTENT);
            let header = |name| {
                response
                    .headers()
                    .get(name)
                    .and_then(|value| value.to_str().ok())
            };
            assert_eq!(header(ACCESS_CONTROL_ALLOW_ORIGIN), allowed, "{origin:?}");
            assert_eq!(
                header(ACCESS_CONTROL_ALLOW_METHODS),
                allowed.map(|_| "GET,POST")
            );
            assert_eq!(header(ACCESS_CONTROL_MAX_AGE), allowed.map(|_| "600"));
        }
    }

    #[test]
    fn the_gateway_overrides_the_function() {
        let mut headers = HeaderMap::new();
        headers.insert(
            ACCESS_CONTROL_ALLOW_ORIGIN,
            HeaderValue::from_static("https://evil.example"),
        );
        allow(&cors(&["*"]), Some("https://a.example"), &mut headers);
        assert_eq!(headers[ACCESS_CONTROL_ALLOW_ORIGIN], "*");
    }
}
