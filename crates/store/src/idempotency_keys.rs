//! The IdempotencyKeys table: which request a client's key stood for, for a day.

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::operation::put_item::PutItemError;
use aws_sdk_dynamodb::types::{
    CancellationReason, Put, ReturnValuesOnConditionCheckFailure, TransactWriteItem,
};
use domain::{CartId, UserId};
use jiff::{SignedDuration, Timestamp};

use crate::env::{MissingVariable, from_env};
use crate::error::StoreError;
use crate::item::{Item, expiry, item, number, read_text, text};

/// How long a key is remembered.
const KEPT: SignedDuration = SignedDuration::from_hours(24);

/// The IdempotencyKeys table.
#[derive(Debug, Clone)]
pub struct IdempotencyKeys {
    client: Client,
    table: String,
}

/// What a client's key stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Claim {
    /// This request, and it is the first with this key.
    New,
    /// This very request, which got this id before.
    Known(CartId),
    /// Another request.
    OtherRequest,
}

/// A key that is claimed in the same transaction as what it stands for, so that this is done once.
#[derive(Debug, Clone)]
pub struct KeyClaim {
    claim: TransactWriteItem,
    digest: String,
}

impl KeyClaim {
    pub(crate) fn claim(&self) -> TransactWriteItem {
        self.claim.clone()
    }

    /// Whether the key was claimed for this very request before, by why the claim failed.
    pub(crate) fn was_done(&self, reason: Option<&CancellationReason>) -> Result<bool, StoreError> {
        match reason.and_then(CancellationReason::item) {
            Some(known) => Ok(read_text::<String>(known, "digest")? == self.digest),
            None => Ok(false),
        }
    }
}

/// The key is free, or its day is over.
const IS_FREE: &str = "attribute_not_exists(user_id) OR expires_at <= :now";

impl IdempotencyKeys {
    /// The table with this name.
    pub fn new(client: &Client, table: impl Into<String>) -> Self {
        IdempotencyKeys {
            client: client.clone(),
            table: table.into(),
        }
    }

    /// The table that `IDEMPOTENCY_KEYS_TABLE` names.
    ///
    /// # Errors
    /// When the variable is missing.
    pub fn from_env(client: &Client) -> Result<Self, MissingVariable> {
        Ok(Self::new(client, from_env("IDEMPOTENCY_KEYS_TABLE")?))
    }

    /// Claims a user's key for a request, told by its digest, and the id it is to get.
    ///
    /// DynamoDB deletes expired items late, up to some days, so a key past its day is claimed anew
    /// even while its item is still there.
    ///
    /// # Errors
    /// When the table cannot be written.
    pub async fn claim(
        &self,
        user_id: &UserId,
        key: &str,
        digest: &str,
        cart_id: CartId,
        now: Timestamp,
    ) -> Result<Claim, StoreError> {
        let put = self
            .client
            .put_item()
            .table_name(&self.table)
            .set_item(Some(entry(user_id, key, digest, now)))
            .item("cart_id", text(cart_id))
            .condition_expression(IS_FREE)
            .expression_attribute_values(":now", number(now.as_second()))
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld)
            .send()
            .await;
        let error = match put {
            Ok(_) => return Ok(Claim::New),
            Err(error) => error,
        };
        let known = match error.as_service_error() {
            Some(PutItemError::ConditionalCheckFailedException(failure)) => failure.item(),
            _ => None,
        };
        match known {
            Some(known) if read_text::<String>(known, "digest")? == digest => {
                Ok(Claim::Known(read_text(known, "cart_id")?))
            }
            Some(_) => Ok(Claim::OtherRequest),
            None => Err(error.into()),
        }
    }

    /// A user's key for a request, told by its digest, to be claimed together with what the request
    /// does.
    pub fn once(&self, user_id: &UserId, key: &str, digest: &str, now: Timestamp) -> KeyClaim {
        let put = Put::builder()
            .table_name(&self.table)
            .set_item(Some(entry(user_id, key, digest, now)))
            .condition_expression(IS_FREE)
            .expression_attribute_values(":now", number(now.as_second()))
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld)
            .build()
            .expect("table and item are set");
        KeyClaim {
            claim: TransactWriteItem::builder().put(put).build(),
            digest: digest.to_owned(),
        }
    }
}

fn entry(user_id: &UserId, key: &str, digest: &str, now: Timestamp) -> Item {
    item([
        ("user_id", text(user_id)),
        ("idempotency_key", text(key)),
        ("digest", text(digest)),
        ("expires_at", expiry(now, KEPT)),
    ])
}
