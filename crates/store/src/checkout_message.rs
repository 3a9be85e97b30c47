//! The message by which a checkout travels through the queue.
//!
//! Senders and readers of two releases meet while a new one is deployed. So a field is only ever
//! added, with a value that stands for its absence, and readers pass over what they do not know. A
//! change that an old reader must not pass over raises the version: it leaves such a message in the
//! queue, where the new release finds it.

use domain::{Checkout, OrderId, OrderLines, UserId};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// The newest version that this code writes and reads. Messages without a version are of the first.
const VERSION: u16 = 1;

/// A checkout in the queue.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CheckoutMessage {
    #[serde(default = "first_version")]
    version: u16,
    order_id: OrderId,
    user_id: UserId,
    lines: OrderLines,
    submitted_at: Timestamp,
    /// Whether the cart was submitted before: then an earlier message may have been decided.
    #[serde(default)]
    again: bool,
}

/// A text that is no message this code can act on.
#[derive(Debug, thiserror::Error)]
pub enum UnreadableMessage {
    /// It is not the JSON of a checkout. Where, and not what: a body is never logged.
    #[error("the JSON is wrong at line {line} column {column}")]
    NotACheckout {
        /// From 1 on.
        line: usize,
        /// From 1 on.
        column: usize,
    },
    /// A newer release wrote it.
    #[error("its version {0} is newer than this code")]
    NewerVersion(u16),
}

impl CheckoutMessage {
    /// The message for a checkout; `again` when its cart was submitted before.
    pub fn new(checkout: &Checkout, again: bool) -> CheckoutMessage {
        CheckoutMessage {
            version: VERSION,
            order_id: checkout.order_id,
            user_id: checkout.user_id.clone(),
            lines: checkout.lines.clone(),
            submitted_at: checkout.submitted_at,
            again,
        }
    }

    /// Reads a message's body. All that could make its order refusable later is checked here.
    ///
    /// # Errors
    /// As [`UnreadableMessage`] says.
    pub fn read(body: &str) -> Result<CheckoutMessage, UnreadableMessage> {
        let message: CheckoutMessage =
            serde_json::from_str(body).map_err(|error| UnreadableMessage::NotACheckout {
                line: error.line(),
                column: error.column(),
            })?;
        match message.version {
            0..=VERSION => Ok(message),
            newer => Err(UnreadableMessage::NewerVersion(newer)),
        }
    }

    /// The message's body.
    pub fn to_json(&self) -> String {
        serde_json::to_string(self).expect("a message is plain data with text for keys")
    }

    /// Whether the checkout's cart was submitted before.
    pub fn is_again(&self) -> bool {
        self.again
    }

    /// The checkout itself.
    pub fn into_checkout(self) -> Checkout {
        Checkout {
            order_id: self.order_id,
            user_id: self.user_id,
            lines: self.lines,
            submitted_at: self.submitted_at,
        }
    }
}

fn first_version() -> u16 {
    1
}

#[cfg(test)]
mod tests {
    use super::*;

    /// As the release before versions wrote it.
    const FIRST: &str = r#"{
        "order_id": "01890a5d-ac96-774b-bcce-b302099a8057", "user_id": "ada",
        "lines": [{"product_id": "019a49b2-1940-7228-ac0d-8e970c8af6aa", "name": "Tea",
                   "quantity": 1, "unit_price": "3.50"}],
        "submitted_at": "1970-01-01T00:00:01Z"
    }"#;

    #[test]
    fn a_message_of_the_first_release_is_read() {
        let message = CheckoutMessage::read(FIRST).expect("it is read");
        assert!(!message.is_again());
        let written = CheckoutMessage::new(&message.clone().into_checkout(), false);
        assert_eq!(written, message);
    }

    #[test]
    fn fields_that_a_later_release_adds_are_passed_over() {
        let later = FIRST
            .replace("\"name\"", "\"colour\": \"green\", \"name\"")
            .replace("\"user_id\"", "\"gift\": true, \"user_id\"");
        let message = CheckoutMessage::read(&later).expect("it is read");
        assert_eq!(message, CheckoutMessage::read(FIRST).expect("it is read"));
    }

    #[test]
    fn what_is_written_is_read_again() {
        let checkout = CheckoutMessage::read(FIRST).unwrap().into_checkout();
        let message = CheckoutMessage::new(&checkout, true);
        let read = CheckoutMessage::read(&message.to_json()).expect("it is read");
        assert!(read.is_again());
        assert_eq!(read.into_checkout(), checkout);
    }

    #[test]
    fn a_message_of_a_newer_version_is_left_to_the_release_that_knows_it() {
        let newer = FIRST.replacen('{', "{\"version\": 2,", 1);
        let unreadable = CheckoutMessage::read(&newer);
        assert!(matches!(
            unreadable,
            Err(UnreadableMessage::NewerVersion(2))
        ));
    }
}
