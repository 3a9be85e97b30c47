//! A request that may be sent again: its key, and what tells it from another one.

use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use domain::limits::MAX_IDEMPOTENCY_KEY_CHARS;
use domain::{Basket, CartId, UserId};
use jiff::Timestamp;
use lambda_http::Request;
use sha2::{Digest, Sha256};
use store::{Claim, IdempotencyKeys};

use crate::error::ApiError;
use crate::serve::new_cart_id;

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

/// The id of what a request makes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Identity {
    /// It is made now.
    New(CartId),
    /// The client's key stands for it already: it may be made, or have been cut off before that.
    Known(CartId),
}

impl Identity {
    /// Claims the client's key, if it gave one, for what this basket asks of this route.
    ///
    /// The key is claimed before anything is looked up: what was answered once is answered again, even
    /// if its products are gone by then.
    ///
    /// # Errors
    /// 422 when the key stands for another request.
    pub async fn claim(
        keys: &IdempotencyKeys,
        user_id: &UserId,
        key: Option<&str>,
        route: &str,
        basket: &Basket,
    ) -> Result<Identity, ApiError> {
        let new_id = new_cart_id();
        let Some(key) = key else {
            return Ok(Identity::New(new_id));
        };
        let (digest, now) = (digest(route, basket), Timestamp::now());
        match keys.claim(user_id, key, &digest, new_id, now).await? {
            Claim::New => Ok(Identity::New(new_id)),
            Claim::Known(known_id) => Ok(Identity::Known(known_id)),
            Claim::OtherRequest => Err(ApiError::IdempotencyKeyReused),
        }
    }

    /// The id.
    pub fn id(self) -> CartId {
        match self {
            Identity::New(id) | Identity::Known(id) => id,
        }
    }

    /// Whether there may be something with this id.
    pub fn is_known(self) -> bool {
        matches!(self, Identity::Known(_))
    }
}

/// A request's digest: of the route and what it asks for, not of how its JSON was written.
pub fn digest(route: &str, basket: &Basket) -> String {
    let mut hasher = Sha256::new_with_prefix(route);
    for (product_id, quantity) in basket.iter() {
        hasher.update(product_id.as_uuid());
        hasher.update(quantity.get().to_be_bytes());
    }
    BASE64_URL_SAFE_NO_PAD.encode(hasher.finalize())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn basket(lines: &[(u128, i64)]) -> Basket {
        let mut basket = Basket::default();
        for (product, quantity) in lines {
            let product = uuid::Uuid::from_u128(*product).try_into().unwrap();
            basket
                .add(product, (*quantity).try_into().unwrap())
                .unwrap();
        }
        basket
    }

    #[test]
    fn the_same_wish_has_the_same_digest_and_another_has_another() {
        const ROUTE: &str = "POST /checkouts";
        let goods = basket(&[(1, 2), (2, 3)]);
        let wish = digest(ROUTE, &goods);
        assert_eq!(wish, digest(ROUTE, &basket(&[(2, 1), (1, 2), (2, 2)])));
        assert_ne!(wish, digest("POST /orders", &goods));
        for other in [
            &[(1, 2)][..],
            &[(1, 3), (2, 2)],
            &[(1, 2), (3, 3)],
            &[(2, 3)],
        ] {
            assert_ne!(wish, digest(ROUTE, &basket(other)), "{other:?}");
        }
    }

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
