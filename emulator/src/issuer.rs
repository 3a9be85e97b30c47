//! Plays the token issuer that the template's JWT authorizer names, with a key made at every start.
//!
//! Tokens look like a Cognito user pool's access tokens. Callers get a token for any user without a password: this is
//! for one machine only.

use aws_lc_rs::encoding::AsDer as _;
use aws_lc_rs::rsa::{KeyPair, KeySize};
use aws_lc_rs::signature::KeyPair as _;
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use emulator_api::Grant;
use jiff::Timestamp;
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header};
use serde_json::{Map, Value, json};
use uuid::Uuid;

use crate::template::Authorizer;

/// Cognito's default life of an access token, in seconds.
const DEFAULT_TTL_SECONDS: i64 = 3_600;
/// Longest life of a token either way; a negative one makes an expired token, for tests.
const MAX_TTL_SECONDS: u64 = 366 * 86_400;
const MAX_SUBJECT_CHARS: usize = 256;

/// The mistake in a request for a token, if there is one.
pub(crate) fn problem(grant: &Grant) -> Option<&'static str> {
    if grant.sub.is_empty() || grant.sub.chars().count() > MAX_SUBJECT_CHARS {
        return Some("sub must have 1 to 256 characters");
    }
    if ttl_seconds(grant).unsigned_abs() > MAX_TTL_SECONDS {
        return Some("ttl_seconds must be within a year");
    }
    None
}

pub(crate) fn ttl_seconds(grant: &Grant) -> i64 {
    grant.ttl_seconds.unwrap_or(DEFAULT_TTL_SECONDS)
}

/// A signing key with its public half.
pub(crate) struct Issuer {
    signing: EncodingKey,
    verifying: DecodingKey,
    key_id: String,
    modulus: String,
    exponent: String,
}

impl std::fmt::Debug for Issuer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Issuer")
            .field("key_id", &self.key_id)
            .finish_non_exhaustive()
    }
}

impl Issuer {
    /// Makes a key, which takes some tens of milliseconds of computing.
    pub(crate) fn generate() -> anyhow::Result<Self> {
        let pair = KeyPair::generate(KeySize::Rsa2048)?;
        let der = pair.as_der()?;
        let pem = format!(
            "-----BEGIN PRIVATE KEY-----\n{}\n-----END PRIVATE KEY-----\n",
            wrapped(&STANDARD.encode(der.as_ref()))
        );
        let public = pair.public_key();
        let encode = |bytes: &[u8]| URL_SAFE_NO_PAD.encode(bytes);
        let modulus = encode(public.modulus().big_endian_without_leading_zero());
        let exponent = encode(public.exponent().big_endian_without_leading_zero());
        Ok(Issuer {
            signing: EncodingKey::from_rsa_pem(pem.as_bytes())?,
            verifying: DecodingKey::from_rsa_components(&modulus, &exponent)?,
            key_id: Uuid::new_v4().to_string(),
            modulus,
            exponent,
        })
    }

    pub(crate) fn key_id(&self) -> &str {
        &self.key_id
    }

    pub(crate) fn verifying_key(&self) -> &DecodingKey {
        &self.verifying
    }

    /// An access token that the authorizer accepts.
    pub(crate) fn access_token(
        &self,
        grant: &Grant,
        authorizer: &Authorizer,
    ) -> Result<String, jsonwebtoken::errors::Error> {
        let mut header = Header::new(Algorithm::RS256);
        header.kid = Some(self.key_id.clone());
        jsonwebtoken::encode(&header, &claims(grant, authorizer), &self.signing)
    }

    /// The public key as a JSON Web Key Set.
    pub(crate) fn key_set(&self) -> Value {
        json!({ "keys": [{
            "alg": "RS256",
            "e": self.exponent,
            "kid": self.key_id,
            "kty": "RSA",
            "n": self.modulus,
            "use": "sig",
        }] })
    }
}

/// PEM has lines of 64 characters.
fn wrapped(base64: &str) -> String {
    let lines: Vec<&str> = base64
        .as_bytes()
        .chunks(64)
        .map(|line| std::str::from_utf8(line).unwrap_or_default())
        .collect();
    lines.join("\n")
}

/// The claims of a Cognito access token. Source: Cognito's developer guide, "Understanding the access token".
fn claims(grant: &Grant, authorizer: &Authorizer) -> Map<String, Value> {
    let now = Timestamp::now().as_second();
    // An expired token was issued before it expired.
    let issued = now + ttl_seconds(grant).min(0);
    let audience = grant.audience.as_ref().or(authorizer.audience.first());
    let mut claims = Map::new();
    let mut set = |key: &str, value: Value| {
        claims.insert(key.to_owned(), value);
    };
    set("sub", json!(grant.sub));
    set("iss", json!(authorizer.issuer));
    // Cognito's access tokens name the client only; other issuers name the audience.
    let is_cognito = authorizer.issuer.contains("cognito-idp");
    set(
        if is_cognito { "client_id" } else { "aud" },
        json!(audience),
    );
    set("token_use", json!("access"));
    set(
        "scope",
        json!(
            grant
                .scope
                .as_deref()
                .unwrap_or("aws.cognito.signin.user.admin")
        ),
    );
    set("auth_time", json!(issued));
    set("iat", json!(issued));
    set("exp", json!(now + ttl_seconds(grant)));
    set("jti", json!(Uuid::new_v4()));
    set("username", json!(grant.sub));
    if !grant.groups.is_empty() {
        set("cognito:groups", json!(grant.groups));
    }
    claims
}
