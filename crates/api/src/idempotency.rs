//! The header by which a client says that a request may be sent again: `Idempotency-Key`.

use domain::limits::MAX_IDEMPOTENCY_KEY_CHARS;
use lambda_http::Request;

use crate::error::ApiError;

/// The key that the client gave this request, if any.
///
/// # Errors
/// 422 unless it is 1 to [`MAX_IDEMPOTENCY_KEY_CHARS`] printable ASCII characters.
pub fn idempotency_key(request: &Request) -> Result<Option<&str>, ApiError> {
    let Some(key) = request.headers().get("idempotency-key") else {
        return Ok(None);
    };
    let key = key.to_str().map_err(|_| ApiError::BadIdempotencyKey)?;
    let printable = key.bytes().all(|byte| matches!(byte, b' '..=b'~'));
    if printable && (1..=MAX_IDEMPOTENCY_KEY_CHARS).contains(&key.len()) {
        Ok(Some(key))
    } else {
        Err(ApiError::BadIdempotencyKey)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_short_and_printable() {
        let key = |value: &[u8]| {
            let request = lambda_http::http::Request::builder()
                .header("Idempotency-Key", value)
                .body(lambda_http::Body::Empty)
                .unwrap();
            idempotency_key(&request).map(|key| key.map(str::to_owned))
        };
        assert_eq!(key(b"order no. 7").unwrap().as_deref(), Some("order no. 7"));
        assert!(key(&[b'k'; 255]).is_ok());
        for bad in [&b""[..], &[b'k'; 256], "Schlüssel".as_bytes(), b"tab\tbed"] {
            assert!(
                matches!(key(bad), Err(ApiError::BadIdempotencyKey)),
                "{bad:?}"
            );
        }
    }
}
