//! A request that a client may send again: the key that it gave, and the digest that tells the request
//! from another one.

use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use domain::{Basket, CartId, UserId};
use jiff::Timestamp;
use sha2::{Digest, Sha256};
use store::{Claim, IdempotencyKeys};
use uuid::Uuid;

use crate::error::ShopError;

/// What a request with a key asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Action {
    /// A one-click checkout.
    CheckOut,
    /// An order that is decided at once.
    Order,
    /// More units of a product.
    Restock,
}

impl Action {
    /// The action's name in digests. A changed name makes every request of the last day that is sent
    /// again look like another one, which its client must not see: so these names never change.
    fn name(self) -> &'static str {
        match self {
            Action::CheckOut => "POST /checkouts",
            Action::Order => "POST /orders",
            Action::Restock => "POST /products/{product_id}/stock",
        }
    }

    /// A request's digest: of the action and the goods, not of the way in which the request was
    /// written.
    pub(crate) fn digest(self, basket: &Basket) -> String {
        let mut hasher = Sha256::new_with_prefix(self.name());
        for (product_id, quantity) in basket.iter() {
            hasher.update(product_id.as_uuid());
            hasher.update(quantity.get().to_be_bytes());
        }
        BASE64_URL_SAFE_NO_PAD.encode(hasher.finalize())
    }
}

/// The id of the cart or order that a request makes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Identity {
    /// It is made now.
    New(CartId),
    /// The client's key stands for it already: it may be made, or have been cut off before that.
    Known(CartId),
}

impl Identity {
    /// Claims the client's key, if it gave one, for this action on these goods.
    ///
    /// The key is claimed before anything is looked up: what was answered once is answered again, even
    /// if its products are gone by then.
    ///
    /// # Errors
    /// When the key stands for another request.
    pub(crate) async fn claim(
        keys: &IdempotencyKeys,
        user_id: &UserId,
        key: Option<&str>,
        action: Action,
        basket: &Basket,
    ) -> Result<Identity, ShopError> {
        let new_id = new_cart_id();
        let Some(key) = key else {
            return Ok(Identity::New(new_id));
        };
        let (digest, now) = (action.digest(basket), Timestamp::now());
        match keys.claim(user_id, key, &digest, new_id, now).await? {
            Claim::New => Ok(Identity::New(new_id)),
            Claim::Known(known_id) => Ok(Identity::Known(known_id)),
            Claim::OtherRequest => Err(ShopError::IdempotencyKeyReused),
        }
    }

    /// The id, new or known.
    pub(crate) fn id(self) -> CartId {
        match self {
            Identity::New(id) | Identity::Known(id) => id,
        }
    }

    /// Whether there may be something with this id.
    pub(crate) fn is_known(self) -> bool {
        matches!(self, Identity::Known(_))
    }
}

/// A new cart's id, which sorts by the time it was made.
pub(crate) fn new_cart_id() -> CartId {
    let id = Uuid::now_v7().try_into();
    id.expect("a UUID of version 7 is what a cart's id is")
}

#[cfg(test)]
mod tests {
    use domain::fixtures::product_id;

    use super::*;

    fn basket(lines: &[(u128, i64)]) -> Basket {
        let mut basket = Basket::default();
        for (product, quantity) in lines {
            let quantity = (*quantity).try_into().unwrap();
            basket.add(product_id(*product), quantity).unwrap();
        }
        basket
    }

    #[test]
    fn the_same_wish_has_the_same_digest_and_another_has_another() {
        let digest = |lines: &[(u128, i64)]| Action::CheckOut.digest(&basket(lines));
        let goods = [(1, 2), (2, 3)];
        let wish = digest(&goods);
        assert_eq!(wish, digest(&[(2, 1), (1, 2), (2, 2)]));
        assert_ne!(wish, Action::Order.digest(&basket(&goods)));
        for other in [
            &[(1, 2)][..],
            &[(1, 3), (2, 2)],
            &[(1, 2), (3, 3)],
            &[(2, 3)],
        ] {
            assert_ne!(wish, digest(other), "{other:?}");
        }
    }

    /// A client that sends its request again over a deployment of a new version gets the same order.
    #[test]
    fn digests_are_those_of_the_first_release() {
        let digest = Action::CheckOut.digest(&basket(&[(1, 2)]));
        assert_eq!(digest, "W7827v3Maxok3RUlI8iGBusHw169lMeOTQwouDmVLvk");
    }
}
