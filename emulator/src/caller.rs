//! The caller of an AWS operation, by its access key.
//!
//! Every function has a key id of its own, and so has the emulator itself.

use axum::http::HeaderMap;
use axum::http::header::AUTHORIZATION;

/// For the emulator's own calls: creating resources, polling queues.
pub(crate) const EMULATOR_KEY_ID: &str = "EMULATOR";
const FUNCTION_PREFIX: &str = "FUNCTION.";

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) enum Caller {
    /// A function, by its logical id.
    Function(String),
    Emulator,
    /// A test, a tool or a person.
    Other,
}

/// The key id that a function signs its calls with.
pub(crate) fn access_key_id(logical_id: &str) -> String {
    format!("{FUNCTION_PREFIX}{logical_id}")
}

/// Reads the key id from a SigV4 header: `AWS4-HMAC-SHA256 Credential=KEY/20250101/…`.
pub(crate) fn identify(headers: &HeaderMap) -> Caller {
    let key_id = headers
        .get(AUTHORIZATION)
        .and_then(|value| value.to_str().ok())
        .and_then(|value| value.split_once("Credential="))
        .and_then(|(_, rest)| rest.split_once('/'))
        .map(|(key_id, _)| key_id);
    match key_id {
        Some(EMULATOR_KEY_ID) => Caller::Emulator,
        Some(id) => match id.strip_prefix(FUNCTION_PREFIX) {
            Some(function) => Caller::Function(function.to_owned()),
            None => Caller::Other,
        },
        None => Caller::Other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_function_is_known_by_its_signature() {
        let key = access_key_id("CheckoutBatchFunction");
        let value = format!(
            "AWS4-HMAC-SHA256 Credential={key}/20250101/us-east-1/sqs/aws4_request, SignedHeaders=host, Signature=00"
        );
        let mut headers = HeaderMap::new();
        assert_eq!(identify(&headers), Caller::Other);
        headers.insert(AUTHORIZATION, value.parse().expect("header"));
        assert_eq!(
            identify(&headers),
            Caller::Function("CheckoutBatchFunction".to_owned())
        );
    }
}
