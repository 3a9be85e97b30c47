//! JSON bodies, read strictly: unknown fields are refused, and an error names the field.

use lambda_http::Request;
use lambda_http::http::header::CONTENT_TYPE;
use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::error::Category;

use crate::error::{ApiError, FieldError};
use crate::fields::JsonObject;

/// The request's body, which must be a JSON object.
///
/// # Errors
/// 415 when it is said to be anything but JSON, 400 when it is empty or not JSON, 422 when a value in
/// it cannot be used.
pub fn json<'a, T: Deserialize<'a>>(request: &'a Request) -> Result<T, ApiError> {
    if !is_json(request) {
        return Err(ApiError::NotJson);
    }
    parse(request.body())
}

/// The request's body, or the default when there is none.
///
/// # Errors
/// As [`json`].
pub fn json_if_any<'a, T: Deserialize<'a> + Default>(request: &'a Request) -> Result<T, ApiError> {
    if request.body().is_empty() {
        return Ok(T::default());
    }
    json(request)
}

/// Whether the body is said to be JSON. One without a content type may be: reading it decides.
fn is_json(request: &Request) -> bool {
    let Some(content_type) = request.headers().get(CONTENT_TYPE) else {
        return true;
    };
    let Ok(content_type) = content_type.to_str() else {
        return false;
    };
    let media_type = content_type.split(';').next().unwrap_or_default().trim();
    let media_type = media_type.to_ascii_lowercase();
    media_type == "application/json"
        || (media_type.starts_with("application/") && media_type.ends_with("+json"))
}

fn parse<'a, T: Deserialize<'a>>(body: &'a [u8]) -> Result<T, ApiError> {
    if body.is_empty() {
        return Err(ApiError::NoBody);
    }
    let mut json = serde_json::Deserializer::from_slice(body);
    let JsonObject(value) = serde_path_to_error::deserialize(&mut json).map_err(|error| {
        // A wrong value is found before the body's end has been read, which may not be JSON.
        match serde_json::from_slice::<IgnoredAny>(body) {
            Err(_) => ApiError::Malformed,
            Ok(_) => explain(&error),
        }
    })?;
    json.end().map_err(|_| ApiError::Malformed)?;
    Ok(value)
}

/// Serde says what is wrong in a message for programmers alone: this turns it into words for a
/// shopper.
fn explain(error: &serde_path_to_error::Error<serde_json::Error>) -> ApiError {
    let message = error.inner().to_string();
    // JSON sets numbers no bounds, so one too large for serde_json is still JSON.
    let too_large_a_number = message.starts_with("number out of range");
    if error.inner().classify() != Category::Data && !too_large_a_number {
        return ApiError::Malformed;
    }
    let path = match error.path().to_string() {
        root if root == "." => String::new(),
        path => path,
    };
    let member = |name: &str| match path.as_str() {
        "" => name.to_owned(),
        object => format!("{object}.{name}"),
    };
    let here = if path.is_empty() { "body" } else { &path };
    ApiError::Invalid(vec![if too_large_a_number {
        FieldError::new(here, "is too large a number")
    } else if message.starts_with("unknown field") {
        FieldError::new(here, "is unknown here")
    } else if let Some(name) = field_named_in(&message, "missing field") {
        FieldError::new(member(name), "is missing")
    } else if let Some(name) = field_named_in(&message, "duplicate field") {
        FieldError::new(member(name), "is given twice")
    } else if message.starts_with("must ") {
        // The shop's own values have messages that can be shown as they are.
        FieldError::new(here, without_place(&message))
    } else {
        FieldError::new(here, format_args!("must be {}", expected(&message)))
    }])
}

/// The name in "missing field `quantity` at line 1 column 2".
fn field_named_in<'a>(message: &'a str, what: &str) -> Option<&'a str> {
    let (_, name) = message.strip_prefix(what)?.split_once('`')?;
    name.split('`').next()
}

/// The last part of "invalid type: null, expected an object at line 1 column 4".
fn expected(message: &str) -> &str {
    let (_, expected) = message.rsplit_once(", expected ").unwrap_or(("", message));
    match without_place(expected) {
        "a sequence" => "a list",
        "a string" => "a text",
        other => other,
    }
}

/// A message without where in the body it applies.
fn without_place(message: &str) -> &str {
    message
        .rsplit_once(" at line ")
        .map_or(message, |(message, _)| message)
}
