//! The queue between a submitted cart and its decision.

use aws_sdk_sqs::Client;
use aws_sdk_sqs::types::MessageAttributeValue;
use domain::Checkout;

use crate::aws::{MissingVariable, from_env};
use crate::error::StoreError;

/// The message attribute that says which request a message comes from, as W3C's Trace Context writes
/// it. It is an ordinary attribute, since not every queue carries SQS's own for X-Ray.
pub const TRACEPARENT: &str = "traceparent";

/// The checkout queue.
#[derive(Debug, Clone)]
pub struct CheckoutQueue {
    client: Client,
    url: String,
}

impl CheckoutQueue {
    /// The queue at this URL.
    pub fn new(client: &Client, url: impl Into<String>) -> Self {
        CheckoutQueue {
            client: client.clone(),
            url: url.into(),
        }
    }

    /// The queue that `CHECKOUT_QUEUE_URL` names.
    ///
    /// # Errors
    /// When the variable is missing.
    pub fn from_env(client: &Client) -> Result<Self, MissingVariable> {
        Ok(Self::new(client, from_env("CHECKOUT_QUEUE_URL")?))
    }

    /// Puts a checkout in the queue. Once this returns, it will be decided. `traceparent` is the
    /// request that it comes from, if that is traced.
    ///
    /// # Errors
    /// When the queue did not confirm it. It may have it nevertheless: sending again is harmless.
    pub async fn send(
        &self,
        checkout: &Checkout,
        traceparent: Option<String>,
    ) -> Result<(), StoreError> {
        let body = serde_json::to_string(checkout)
            .map_err(|error| StoreError::Refused(error.to_string()))?;
        let message = self.client.send_message();
        let message = match traceparent {
            Some(traceparent) => message.message_attributes(TRACEPARENT, text(traceparent)),
            None => message,
        };
        message
            .queue_url(&self.url)
            .message_body(body)
            .send()
            .await?;
        Ok(())
    }
}

fn text(value: String) -> MessageAttributeValue {
    let text = MessageAttributeValue::builder().data_type("String");
    let text = text.string_value(value).build();
    text.expect("an attribute with a type is complete")
}
