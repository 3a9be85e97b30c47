//! Versions of a product, as HTTP names them: `ETag` on answers, `If-Match` on changes.

use lambda_http::Request;
use lambda_http::http::header::{ETAG, HeaderValue, IF_MATCH};
use shop::catalogue::ExpectedVersion;

use crate::reply::Reply;

/// The answer with its version.
pub fn with_etag(mut reply: Reply, version: u64) -> Reply {
    let tag = HeaderValue::from_str(&etag(version)).expect("digits and quotes are ASCII");
    reply.headers_mut().insert(ETAG, tag);
    reply
}

/// The versions that `If-Match` names. Without it, or with `*`, a change is meant for any version.
pub fn expected_version(request: &Request) -> ExpectedVersion {
    let mut conditions = request.headers().get_all(IF_MATCH).iter().peekable();
    if conditions.peek().is_none() {
        return ExpectedVersion::Any;
    }
    let tags: Vec<&str> = conditions
        .filter_map(|condition| condition.to_str().ok())
        .flat_map(|condition| condition.split(','))
        .map(str::trim)
        .collect();
    if tags.contains(&"*") {
        return ExpectedVersion::Any;
    }
    ExpectedVersion::OneOf(tags.into_iter().filter_map(version).collect())
}

/// The version that a tag stands for, if it is a tag as [`with_etag`] writes it.
fn version(tag: &str) -> Option<u64> {
    let version = tag.trim_matches('"').parse().ok()?;
    (etag(version) == tag).then_some(version)
}

fn etag(version: u64) -> String {
    format!("\"{version}\"")
}
