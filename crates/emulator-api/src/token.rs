use serde::{Deserialize, Serialize};

/// The claims that a caller of `POST /_local/token` may choose.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Grant {
    /// The user's id.
    pub sub: String,
    #[serde(default)]
    pub groups: Vec<String>,
    /// A negative one makes an expired token.
    pub ttl_seconds: Option<i64>,
    /// Space-separated OAuth scopes.
    pub scope: Option<String>,
    /// Another audience than the template's, to see it refused.
    pub audience: Option<String>,
}

/// What `POST /_local/token` answers.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Token {
    pub access_token: String,
    pub token_type: String,
    /// In seconds.
    pub expires_in: i64,
}
