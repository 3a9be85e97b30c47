//! Remembers tokens that were found good.
//!
//! A shopper sends the same token with every request, and only time can make it bad again. In a profile without this,
//! RSA took a tenth of the processor time of the gateway and the AWS endpoint.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use jiff::Timestamp;
use serde_json::{Map, Value};

/// Tokens remembered at a time; when there are more, all are forgotten and verified anew.
const MOST_TOKENS: usize = 10_000;

#[derive(Debug, Default)]
pub(super) struct VerifiedTokens(Mutex<HashMap<String, Good>>);

#[derive(Debug)]
struct Good {
    /// The authorizer that found it good; another one may not.
    authorizer: String,
    claims: Arc<Map<String, Value>>,
}

impl VerifiedTokens {
    /// The claims of a token that this authorizer found good and that has not expired since.
    pub(super) fn recall(&self, authorizer: &str, token: &str) -> Option<Arc<Map<String, Value>>> {
        let tokens = self.tokens();
        let good = tokens
            .get(token)
            .filter(|good| good.authorizer == authorizer)?;
        let expires = good.claims.get("exp")?.as_i64()?;
        (expires > Timestamp::now().as_second()).then(|| good.claims.clone())
    }

    pub(super) fn remember(
        &self,
        authorizer: &str,
        token: String,
        claims: Arc<Map<String, Value>>,
    ) {
        let mut tokens = self.tokens();
        if tokens.len() >= MOST_TOKENS {
            tokens.clear();
        }
        let authorizer = authorizer.to_owned();
        tokens.insert(token, Good { authorizer, claims });
    }

    fn tokens(&self) -> MutexGuard<'_, HashMap<String, Good>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn claims(seconds_left: i64) -> Arc<Map<String, Value>> {
        let expires = Timestamp::now().as_second() + seconds_left;
        let claims = json!({ "sub": "alice", "exp": expires });
        Arc::new(claims.as_object().expect("an object").clone())
    }

    #[test]
    fn a_token_is_good_for_its_authorizer_until_it_expires() {
        let verified = VerifiedTokens::default();
        verified.remember("Users", "alive".to_owned(), claims(60));
        verified.remember("Users", "expired".to_owned(), claims(0));
        assert!(verified.recall("Users", "alive").is_some());
        assert!(verified.recall("Others", "alive").is_none());
        assert!(verified.recall("Users", "expired").is_none());
        assert!(verified.recall("Users", "unknown").is_none());
    }

    #[test]
    fn what_is_remembered_is_bounded() {
        let verified = VerifiedTokens::default();
        let claims = claims(60);
        for number in 0..=MOST_TOKENS * 2 {
            verified.remember("Users", number.to_string(), claims.clone());
        }
        assert!(verified.tokens().len() <= MOST_TOKENS);
        let last = (MOST_TOKENS * 2).to_string();
        assert!(verified.recall("Users", &last).is_some());
    }
}
