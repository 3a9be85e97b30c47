//! Lists that are read page by page: `?limit=&cursor=`.

use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use domain::limits::{MAX_PAGE_SIZE, PAGE_SIZE};
use lambda_http::{Request, RequestExt};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::error::{ApiError, FieldError};

/// The page of a list that a request asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PageRequest<P> {
    /// Entries, at most: 1 to [`MAX_PAGE_SIZE`].
    pub limit: usize,
    /// Where the page before ended, or `None` for the first.
    pub after: Option<P>,
}

impl<P: DeserializeOwned> PageRequest<P> {
    /// The page that the query asks for.
    ///
    /// # Errors
    /// 400 when `limit` is no number in its bounds or `cursor` is none that this list gave out.
    pub fn of(request: &Request) -> Result<Self, ApiError> {
        let query = request.query_string_parameters_ref();
        let parameter = |name| query.and_then(|query| query.first(name));
        Ok(PageRequest {
            limit: parameter("limit").map_or(Ok(PAGE_SIZE), limit)?,
            after: parameter("cursor").map(position).transpose()?,
        })
    }
}

fn limit(text: &str) -> Result<usize, ApiError> {
    let limit = text.parse().ok();
    limit
        .filter(|limit| (1..=MAX_PAGE_SIZE).contains(limit))
        .ok_or_else(|| {
            let bounds = format!("must be a whole number from 1 to {MAX_PAGE_SIZE}");
            ApiError::Parameter(FieldError::new("limit", bounds))
        })
}

fn position<P: DeserializeOwned>(cursor: &str) -> Result<P, ApiError> {
    let json = BASE64_URL_SAFE_NO_PAD.decode(cursor).ok();
    json.and_then(|json| serde_json::from_slice(&json).ok())
        .ok_or_else(|| {
            let advice = "must be the next_cursor of an earlier page of this list";
            ApiError::Parameter(FieldError::new("cursor", advice))
        })
}

/// The cursor of the page behind this position. It is opaque, so that the order of a list may change.
pub fn next_cursor(next: Option<&impl Serialize>) -> Option<String> {
    next.map(|position| {
        let json = serde_json::to_vec(position).expect("a position is plain data");
        BASE64_URL_SAFE_NO_PAD.encode(json)
    })
}
