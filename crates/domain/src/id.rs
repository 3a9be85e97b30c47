//! Ids as types of their own: a cart's id cannot be passed where a product's is meant.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use uuid::{Uuid, Version};

use crate::limits::MAX_USER_ID_CHARS;

/// Why a text is no id.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidId {
    /// Not a UUID at all.
    #[error("is not a UUID")]
    NotAUuid,
    /// A UUID of another version, where the id must sort by time.
    #[error("is not a UUID of version 7")]
    NotVersion7,
    /// Empty, too long, or with characters that cannot be printed.
    #[error("must be 1 to {MAX_USER_ID_CHARS} printable characters")]
    NotAName,
}

macro_rules! uuid_id {
    ($(#[$doc:meta])* $name:ident, $check:expr) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(try_from = "String", into = "String")]
        pub struct $name(Uuid);

        impl $name {
            /// The id as a plain UUID.
            pub fn as_uuid(&self) -> Uuid {
                self.0
            }
        }

        impl TryFrom<Uuid> for $name {
            type Error = InvalidId;

            fn try_from(uuid: Uuid) -> Result<Self, InvalidId> {
                let check: fn(&Uuid) -> Result<(), InvalidId> = $check;
                check(&uuid).map(|()| Self(uuid))
            }
        }

        impl FromStr for $name {
            type Err = InvalidId;

            fn from_str(text: &str) -> Result<Self, InvalidId> {
                Uuid::try_parse(text)
                    .map_err(|_| InvalidId::NotAUuid)
                    .and_then(Self::try_from)
            }
        }

        impl TryFrom<String> for $name {
            type Error = InvalidId;

            fn try_from(text: String) -> Result<Self, InvalidId> {
                text.parse()
            }
        }

        impl From<$name> for String {
            fn from(id: $name) -> String {
                id.to_string()
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }
    };
}

fn any_uuid(_: &Uuid) -> Result<(), InvalidId> {
    Ok(())
}

/// Carts and orders are listed by the time their id holds, so nothing but version 7 will do.
fn version_7(uuid: &Uuid) -> Result<(), InvalidId> {
    match uuid.get_version() {
        Some(Version::SortRand) => Ok(()),
        _ => Err(InvalidId::NotVersion7),
    }
}

uuid_id!(
    /// A product.
    ProductId,
    any_uuid
);
uuid_id!(
    /// A cart: a UUIDv7, so it sorts by the time it was made.
    CartId,
    version_7
);
uuid_id!(
    /// An order: the id of the cart it came from, so a cart can become at most one order.
    OrderId,
    version_7
);

uuid_id!(
    /// The decision of a batch of checkouts: a UUIDv7, so it tells when it was made.
    DecisionId,
    version_7
);

impl From<CartId> for OrderId {
    fn from(cart: CartId) -> OrderId {
        OrderId(cart.0)
    }
}

impl From<OrderId> for CartId {
    fn from(order: OrderId) -> CartId {
        CartId(order.0)
    }
}

macro_rules! name_id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(try_from = "String", into = "String")]
        pub struct $name(String);

        impl $name {
            /// The id as text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl TryFrom<String> for $name {
            type Error = InvalidId;

            fn try_from(text: String) -> Result<Self, InvalidId> {
                let printable = !text.is_empty() && !text.chars().any(char::is_control);
                if printable && text.chars().count() <= MAX_USER_ID_CHARS {
                    Ok(Self(text))
                } else {
                    Err(InvalidId::NotAName)
                }
            }
        }

        impl FromStr for $name {
            type Err = InvalidId;

            fn from_str(text: &str) -> Result<Self, InvalidId> {
                text.to_owned().try_into()
            }
        }

        impl From<$name> for String {
            fn from(id: $name) -> String {
                id.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }
    };
}

name_id!(
    /// A shopper: the `sub` of the token that the gateway checked.
    UserId
);
name_id!(
    /// A merchant: the `sub` of a token in the group `merchants`.
    MerchantId
);

/// An order as the books know it. The user comes first, so that nobody reaches another's order.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OrderKey {
    /// Who ordered.
    pub user_id: UserId,
    /// Which order.
    pub order_id: OrderId,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cart_id_must_sort_by_time() {
        let v4 = "8f14e45f-ceea-4672-8d4f-0f2b6f3d6a11";
        assert_eq!(v4.parse::<CartId>(), Err(InvalidId::NotVersion7));
        assert!(v4.parse::<ProductId>().is_ok());
        assert_eq!("cart".parse::<CartId>(), Err(InvalidId::NotAUuid));
    }

    #[test]
    fn a_user_id_is_printable_and_bounded() {
        assert!("ada".parse::<UserId>().is_ok());
        for bad in ["", "a\nb", &"x".repeat(MAX_USER_ID_CHARS + 1)] {
            assert_eq!(bad.parse::<UserId>(), Err(InvalidId::NotAName), "{bad:?}");
        }
    }
}
