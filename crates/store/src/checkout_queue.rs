//! The queue between a submitted cart and its decision.

use aws_sdk_sqs::Client;
use domain::Checkout;

use crate::aws::{MissingVariable, from_env};
use crate::error::StoreError;

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

    /// Puts a checkout in the queue. Once this returns, it will be decided.
    ///
    /// # Errors
    /// When the queue did not confirm it. It may have it nevertheless: sending again is harmless.
    pub async fn send(&self, checkout: &Checkout) -> Result<(), StoreError> {
        let body = serde_json::to_string(checkout)
            .map_err(|error| StoreError::Refused(error.to_string()))?;
        self.client
            .send_message()
            .queue_url(&self.url)
            .message_body(body)
            .send()
            .await?;
        Ok(())
    }
}
