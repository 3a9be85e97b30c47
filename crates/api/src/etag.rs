//! Versions of a product, as HTTP names them: `ETag` on answers, `If-Match` on changes.

use lambda_http::Request;
use lambda_http::http::header::{ETAG, HeaderValue, IF_MATCH};

use crate::error::ApiError;
use crate::reply::Reply;

/// The answer with its version.
pub fn with_etag(mut reply: Reply, version: u64) -> Reply {
    let tag = HeaderValue::from_str(&etag(version)).expect("digits and quotes are ASCII");
    reply.headers_mut().insert(ETAG, tag);
    reply
}

/// Makes sure that a change is meant for this version. Without `If-Match` any version is meant.
///
/// # Errors
/// 412 when another is meant.
pub fn check_version(request: &Request, version: u64) -> Result<(), ApiError> {
    let mut conditions = request.headers().get_all(IF_MATCH).iter().peekable();
    if conditions.peek().is_none() {
        return Ok(());
    }
    let tag = etag(version);
    let meant = conditions
        .filter_map(|condition| condition.to_str().ok())
        .flat_map(|condition| condition.split(','))
        .any(|meant| matches!(meant.trim(), any_or_tag if any_or_tag == "*" || any_or_tag == tag));
    if meant { Ok(()) } else { Err(ApiError::Stale) }
}

fn etag(version: u64) -> String {
    format!("\"{version}\"")
}
