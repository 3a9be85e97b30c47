//! The caller of a route, by the token that the gateway's JWT authorizer checked.

use std::collections::HashMap;

use domain::{MerchantId, UserId};
use lambda_http::request::RequestContext;
use lambda_http::{Request, RequestExt};

use crate::error::ApiError;

/// The group of users who may offer products.
const MERCHANTS: &str = "merchants";

/// The user whose token the gateway checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Caller {
    /// The token's `sub`.
    pub user_id: UserId,
    /// Whether the token names the group `merchants`.
    pub is_merchant: bool,
}

impl Caller {
    /// The caller of this request.
    ///
    /// # Errors
    /// When the gateway checked no token, or its `sub` is no user's id.
    pub fn of(request: &Request) -> Result<Caller, ApiError> {
        let claims = claims(request).ok_or(ApiError::Unauthenticated)?;
        let user_id = claims.get("sub").and_then(|sub| sub.parse().ok());
        Ok(Caller {
            user_id: user_id.ok_or(ApiError::Unauthenticated)?,
            is_merchant: claims
                .get("cognito:groups")
                .is_some_and(|groups| names(groups).any(|group| group == MERCHANTS)),
        })
    }

    /// The caller as a merchant.
    ///
    /// # Errors
    /// 403 unless the token names the group `merchants`.
    pub fn merchant(&self) -> Result<MerchantId, ApiError> {
        if !self.is_merchant {
            return Err(ApiError::NotMerchant);
        }
        let same_text = self.user_id.as_str().parse();
        Ok(same_text.expect("the ids of users and merchants have one form"))
    }
}

fn claims(request: &Request) -> Option<&HashMap<String, String>> {
    match request.request_context_ref()? {
        RequestContext::ApiGatewayV2(context) => {
            let jwt = context.authorizer.as_ref()?.jwt.as_ref()?;
            Some(&jwt.claims)
        }
        _ => None,
    }
}

/// The names in a claim. HTTP APIs hand an array claim over as one text, `[merchants staff]`. A group's name holds no
/// blank (Amazon Cognito API Reference, `CreateGroup`).
fn names(claim: &str) -> impl Iterator<Item = &str> {
    let listed = claim
        .strip_prefix('[')
        .and_then(|rest| rest.strip_suffix(']'))
        .unwrap_or(claim);
    listed.split_ascii_whitespace()
}
