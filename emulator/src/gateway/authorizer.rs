//! JWT authorizers.
//!
//! Source: API Gateway's developer guide, "Control access to HTTP APIs with JWT authorizers". Only RS256 keys
//! of the emulator's own issuer are known here.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::http::{HeaderMap, Uri};
use jiff::Timestamp;
use jsonwebtoken::{Algorithm, DecodingKey, Validation};
use serde_json::{Map, Value};

use super::verified_tokens::VerifiedTokens;
use crate::issuer::Issuer;
use crate::template::{Authorizer, RouteAuth, TokenSource};

/// Reasons to turn a request away.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Refusal {
    /// No token, or not a good one: 401.
    Unauthorized,
    /// A good token without a scope that the route asks for: 403.
    Forbidden,
}

/// The part of the token that the function gets.
#[derive(Debug)]
pub(super) struct Claims {
    /// As API Gateway hands them on, with every value as text.
    pub(super) claims: BTreeMap<String, String>,
    /// The scopes that the route asks for; none where it asks for none.
    pub(super) scopes: Option<Vec<String>>,
}

pub(super) struct Authorizers {
    by_name: BTreeMap<String, Authorizer>,
    key_id: String,
    key: DecodingKey,
    verified: VerifiedTokens,
}

impl std::fmt::Debug for Authorizers {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Authorizers")
            .field("by_name", &self.by_name)
            .finish_non_exhaustive()
    }
}

impl Authorizers {
    pub(super) fn new(by_name: &BTreeMap<String, Authorizer>, issuer: &Issuer) -> Self {
        Authorizers {
            by_name: by_name.clone(),
            key_id: issuer.key_id().to_owned(),
            key: issuer.verifying_key().clone(),
            verified: VerifiedTokens::default(),
        }
    }

    pub(super) fn check(
        &self,
        auth: &RouteAuth,
        headers: &HeaderMap,
        uri: &Uri,
    ) -> Result<Claims, Refusal> {
        let authorizer = self
            .by_name
            .get(&auth.authorizer)
            .ok_or(Refusal::Unauthorized)?;
        let token = token(&authorizer.source, headers, uri).ok_or(Refusal::Unauthorized)?;
        let claims = self
            .claims(&auth.authorizer, authorizer, token)
            .ok_or(Refusal::Unauthorized)?;
        if !auth.scopes.is_empty() && !has_any_scope(&claims, &auth.scopes) {
            return Err(Refusal::Forbidden);
        }
        let scopes = (!auth.scopes.is_empty()).then(|| auth.scopes.clone());
        Ok(Claims {
            claims: as_text(&claims),
            scopes,
        })
    }

    /// The claims of a good token, which is verified only once.
    fn claims(
        &self,
        name: &str,
        authorizer: &Authorizer,
        token: String,
    ) -> Option<Arc<Map<String, Value>>> {
        if let Some(claims) = self.verified.recall(name, &token) {
            return Some(claims);
        }
        let claims = Arc::new(self.verify(&token, authorizer)?);
        self.verified.remember(name, token, claims.clone());
        Some(claims)
    }

    /// The claims of a token that is signed by the issuer, meant for this audience, and valid now.
    fn verify(&self, token: &str, authorizer: &Authorizer) -> Option<Map<String, Value>> {
        let header = jsonwebtoken::decode_header(token).ok()?;
        if header.kid.as_deref() != Some(self.key_id.as_str()) {
            return None;
        }
        // The authorizer chooses the algorithm, never the token: `none` and HS256 are refused.
        let mut validation = Validation::new(Algorithm::RS256);
        validation.set_issuer(&[&authorizer.issuer]);
        validation.set_required_spec_claims(&["exp", "iss"]);
        validation.validate_nbf = true;
        validation.leeway = 0;
        // RFC 7519, 4.1.4: on its expiration time a token is no longer good.
        validation.reject_tokens_expiring_in_less_than = 1;
        // The audience may be in either of two claims; see below.
        validation.validate_aud = false;
        let claims = jsonwebtoken::decode::<Map<String, Value>>(token, &self.key, &validation)
            .ok()?
            .claims;
        let issued_in_future = claims
            .get("iat")
            .and_then(Value::as_i64)
            .is_some_and(|issued| issued > Timestamp::now().as_second());
        (is_for(&claims, &authorizer.audience) && !issued_in_future).then_some(claims)
    }
}

fn token(source: &TokenSource, headers: &HeaderMap, uri: &Uri) -> Option<String> {
    let value = match source {
        TokenSource::Header(name) => headers.get(name)?.to_str().ok()?.to_owned(),
        TokenSource::QueryString(name) => form_urlencoded::parse(uri.query()?.as_bytes())
            .find(|(key, _)| key == name)
            .map(|(_, value)| value.into_owned())?,
    };
    let bare = match value.split_once(' ') {
        Some((scheme, rest)) if scheme.eq_ignore_ascii_case("bearer") => rest.trim(),
        Some(_) => return None,
        None => value.as_str(),
    };
    Some(bare.to_owned())
}

/// `aud` or, only where there is no `aud`, `client_id` must be one of the authorizer's audiences.
fn is_for(claims: &Map<String, Value>, audience: &[String]) -> bool {
    let ours = |value: &Value| {
        value
            .as_str()
            .is_some_and(|text| audience.iter().any(|a| a == text))
    };
    match claims.get("aud").or(claims.get("client_id")) {
        Some(Value::Array(several)) => several.iter().any(ours),
        Some(one) => ours(one),
        None => false,
    }
}

fn has_any_scope(claims: &Map<String, Value>, wanted: &[String]) -> bool {
    let granted = ["scope", "scp"]
        .into_iter()
        .filter_map(|name| claims.get(name));
    let granted: Vec<&str> = granted
        .flat_map(|value| match value {
            Value::String(text) => text.split(' ').collect(),
            Value::Array(items) => items.iter().filter_map(Value::as_str).collect(),
            _ => Vec::new(),
        })
        .collect();
    wanted.iter().any(|scope| granted.contains(&scope.as_str()))
}

/// API Gateway hands claims on as text: a list is `[one two]`.
fn as_text(claims: &Map<String, Value>) -> BTreeMap<String, String> {
    claims
        .iter()
        .map(|(name, value)| (name.clone(), claim_text(value)))
        .collect()
}

fn claim_text(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Array(items) => {
            let items: Vec<String> = items.iter().map(claim_text).collect();
            format!("[{}]", items.join(" "))
        }
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use axum::http::header::AUTHORIZATION;
    use base64::Engine as _;
    use base64::engine::general_purpose::URL_SAFE_NO_PAD;
    use emulator_api::Grant;
    use jsonwebtoken::{EncodingKey, Header};
    use serde_json::json;

    use super::*;

    fn authorizer() -> Authorizer {
        Authorizer {
            issuer: "https://cognito-idp.us-east-1.amazonaws.com/us-east-1_UserPool".to_owned(),
            audience: vec!["UserPoolClient".to_owned()],
            source: TokenSource::Header("authorization".to_owned()),
        }
    }

    fn grant(json: Value) -> Grant {
        serde_json::from_value(json).expect("a grant")
    }

    fn check(
        authorizers: &Authorizers,
        header: Option<&str>,
        scopes: &[&str],
    ) -> Result<Claims, Refusal> {
        let auth = RouteAuth {
            authorizer: "Users".to_owned(),
            scopes: scopes.iter().map(|&scope| scope.to_owned()).collect(),
        };
        let mut headers = HeaderMap::new();
        if let Some(value) = header {
            headers.insert(AUTHORIZATION, value.parse().expect("header"));
        }
        authorizers.check(&auth, &headers, &Uri::from_static("/"))
    }

    /// An issuer and the authorizer that trusts it.
    struct Pair {
        issuer: Issuer,
        ours: Authorizer,
        authorizers: Authorizers,
    }

    impl Pair {
        fn new() -> Self {
            let issuer = Issuer::generate().expect("a key");
            let ours = authorizer();
            let by_name = BTreeMap::from([("Users".to_owned(), ours.clone())]);
            let authorizers = Authorizers::new(&by_name, &issuer);
            Pair {
                issuer,
                ours,
                authorizers,
            }
        }

        fn token(&self, claims: Value) -> String {
            token_of(&self.issuer, claims, &self.ours)
        }

        /// Claims that would be good in a token of the issuer.
        fn forged_claims(&self) -> Value {
            json!({ "sub": "bob", "iss": self.ours.issuer, "client_id": "UserPoolClient", "exp": 4_000_000_000_u64 })
        }

        fn assert_refused(&self, header: Option<&str>, case: &str) {
            let result = check(&self.authorizers, header, &[]);
            assert_eq!(result.err(), Some(Refusal::Unauthorized), "{case}");
        }

        fn assert_token_refused(&self, token: &str, case: &str) {
            self.assert_refused(Some(&format!("Bearer {token}")), case);
        }
    }

    fn token_of(issuer: &Issuer, claims: Value, authorizer: &Authorizer) -> String {
        let token = issuer.access_token(&grant(claims), authorizer);
        token.expect("a token")
    }

    #[test]
    fn a_good_token_passes_with_or_without_bearer() {
        let pair = Pair::new();
        let good = pair.token(json!({ "sub": "alice" }));
        for header in [
            format!("Bearer {good}"),
            format!("bearer {good}"),
            good.clone(),
        ] {
            let claims = check(&pair.authorizers, Some(&header), &[]).expect("a good token");
            assert_eq!(claims.claims["sub"], "alice");
            assert_eq!(claims.scopes, None);
        }
    }

    #[test]
    fn a_header_without_a_token_is_refused() {
        let pair = Pair::new();
        let good = pair.token(json!({ "sub": "alice" }));
        pair.assert_refused(None, "no header");
        pair.assert_refused(Some("Bearer "), "an empty token");
        pair.assert_refused(Some(&format!("Basic {good}")), "another scheme");
        pair.assert_token_refused("abc", "not a token");
        pair.assert_token_refused("a.b.c", "three parts that are no token");
    }

    #[test]
    fn an_expired_token_and_one_for_others_are_refused() {
        let pair = Pair::new();
        for (case, claims) in [
            ("expired", json!({ "sub": "alice", "ttl_seconds": -1 })),
            ("expiring now", json!({ "sub": "alice", "ttl_seconds": 0 })),
            (
                "another audience",
                json!({ "sub": "alice", "audience": "other" }),
            ),
        ] {
            pair.assert_token_refused(&pair.token(claims), case);
        }
        let mut elsewhere = pair.ours.clone();
        elsewhere.issuer.push('2');
        let token = token_of(&pair.issuer, json!({ "sub": "alice" }), &elsewhere);
        pair.assert_token_refused(&token, "another issuer");
    }

    #[test]
    fn a_forged_token_is_refused() {
        let pair = Pair::new();
        let stranger = Issuer::generate().expect("a key");
        let token = token_of(&stranger, json!({ "sub": "alice" }), &pair.ours);
        pair.assert_token_refused(&token, "another key");

        let good = pair.token(json!({ "sub": "alice" }));
        let parts: Vec<&str> = good.split('.').collect();
        let header = json!({ "alg": "none", "kid": pair.issuer.key_id() }).to_string();
        let unsigned = format!("{}.{}.", URL_SAFE_NO_PAD.encode(header), parts[1]);
        pair.assert_token_refused(&unsigned, "alg none");
        let body = URL_SAFE_NO_PAD.encode(pair.forged_claims().to_string());
        let tampered = [parts[0], &body, parts[2]].join(".");
        pair.assert_token_refused(&tampered, "a changed body");
    }

    /// The classic trick: the public key is used as if it were a shared secret.
    #[test]
    fn a_token_signed_with_the_public_key_is_refused() {
        let pair = Pair::new();
        let mut header = Header::new(Algorithm::HS256);
        header.kid = Some(pair.issuer.key_id().to_owned());
        let secret = pair.issuer.key_set().to_string();
        let key = EncodingKey::from_secret(secret.as_bytes());
        let token = jsonwebtoken::encode(&header, &pair.forged_claims(), &key);
        pair.assert_token_refused(&token.expect("a token"), "alg HS256");
    }

    #[test]
    fn a_scope_is_asked_for() {
        let pair = Pair::new();
        let token = pair.token(json!({ "sub": "a", "scope": "shop/read shop/buy" }));
        let header = format!("Bearer {token}");
        let allowed = check(
            &pair.authorizers,
            Some(&header),
            &["shop/admin", "shop/buy"],
        );
        assert_eq!(allowed.expect("allowed").scopes.expect("scopes").len(), 2);
        let refused = check(&pair.authorizers, Some(&header), &["shop/admin"]);
        assert_eq!(refused.err(), Some(Refusal::Forbidden));
    }

    #[test]
    fn claims_become_text() {
        for (claim, text) in [
            (json!("x"), "x"),
            (json!(["merchants", "admins"]), "[merchants admins]"),
            (json!(1_583_798_639), "1583798639"),
            (json!(true), "true"),
        ] {
            assert_eq!(claim_text(&claim), text);
        }
    }
}
