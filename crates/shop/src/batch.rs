//! Deciding a batch of checkouts: from the messages of a queue to those that must come again.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use domain::{Checkout, OrderKey};
use store::checkout_desk::Submission;
use store::{CheckoutDesk, ExpiryQueue};
use telemetry::Origin;

use crate::batch_log::{self, BatchFacts};
use crate::queue_message::QueueMessage;

/// Decides checkouts in batches.
#[derive(Debug, Clone)]
pub struct BatchService {
    /// Decides and commits.
    pub settlement: CheckoutDesk,
    /// Where a message waits until the time to pay of accepted orders is over.
    pub expiries: ExpiryQueue,
}

impl BatchService {
    /// Decides a batch, and returns the ids of the messages that must come again: those that cannot
    /// be read, that the books refuse, or that time did not suffice for. The checkouts of all others
    /// are decided, so these may be deleted.
    pub async fn decide(&self, messages: Vec<QueueMessage>, deadline: Instant) -> Vec<String> {
        let started = Instant::now();
        let size = messages.len();
        let batch = Batch::read(messages);
        let report = self.settlement.decide(batch.submissions, deadline).await;
        let facts = BatchFacts {
            size,
            unreadable: batch.unreadable.len(),
            origins: &batch.origins,
            took: started.elapsed(),
        };
        batch_log::log(&report, &facts);
        if let Err(error) = self.expiries.watch(&report.settled).await {
            tracing::warn!(%error, "the sweep must expire what nobody pays of this batch");
        }
        let undecided = report.refused.iter().chain(&report.unsettled);
        let undecided = undecided.flat_map(|order| &batch.messages[order]);
        undecided.chain(&batch.unreadable).cloned().collect()
    }
}

/// The messages of one batch, sorted out.
#[derive(Debug, Default)]
struct Batch {
    /// In the order they were sent, whatever the order the queue delivered them in.
    submissions: Vec<Submission>,
    /// The messages that carried each order: more than one where a shopper submitted again.
    messages: HashMap<OrderKey, Vec<String>>,
    /// The traced requests that the orders come from.
    origins: HashMap<OrderKey, Origin>,
    /// The messages that hold no checkout.
    unreadable: Vec<String>,
}

impl Batch {
    fn read(mut messages: Vec<QueueMessage>) -> Batch {
        messages.sort_by_key(|message| message.sent_at.unwrap_or(u64::MAX));
        let mut batch = Batch::default();
        for message in messages {
            match serde_json::from_str::<Checkout>(&message.body) {
                Ok(checkout) => batch.add(message, checkout),
                Err(error) => {
                    message.log_unreadable(&error, "a message holds no checkout");
                    batch.unreadable.push(message.message_id);
                }
            }
        }
        batch
    }

    fn add(&mut self, message: QueueMessage, checkout: Checkout) {
        let order = checkout.key();
        if let Some(origin) = message.traceparent.as_deref().and_then(Origin::of) {
            origin.link();
            self.origins.insert(order.clone(), origin);
        }
        self.submissions.push(Submission {
            seen_before: is_repeated(&message, &checkout),
            checkout,
        });
        let messages = self.messages.entry(order).or_default();
        messages.push(message.message_id);
    }
}

/// Later than this after its submission, a checkout is not sent for the first time. A shopper who
/// clicks twice is quicker than that, and both clicks meet in one batch.
const SENT_AGAIN_AFTER: Duration = Duration::from_secs(1);

/// Whether a checkout may have been brought before: its message was, or its shopper asked again long
/// after submitting it.
fn is_repeated(message: &QueueMessage, checkout: &Checkout) -> bool {
    let sent = message.sent_at.unwrap_or_default();
    let submitted = checkout.submitted_at.as_millisecond();
    let sent_after = u128::from(sent.saturating_sub(submitted.try_into().unwrap_or_default()));
    message.receive_count != Some(1) || sent_after > SENT_AGAIN_AFTER.as_millis()
}

#[cfg(test)]
mod tests {
    use domain::fixtures::{self, product_id};
    use domain::{Checkout, OrderId};

    use super::*;

    fn checkout() -> Checkout {
        fixtures::checkout(&[(product_id(1), 1)])
    }

    fn body(checkout: &Checkout) -> String {
        serde_json::to_string(checkout).unwrap()
    }

    fn message(message_id: &str, sent_at: u64, receive_count: u64, body: String) -> QueueMessage {
        QueueMessage {
            message_id: message_id.to_owned(),
            body,
            sent_at: Some(sent_at),
            receive_count: Some(receive_count),
            traceparent: None,
        }
    }

    #[test]
    fn checkouts_are_decided_in_the_order_they_were_sent() {
        let (first, second) = (checkout(), checkout());
        let batch = Batch::read(vec![
            message("b", 2, 1, body(&second)),
            message("a", 1, 2, body(&first)),
        ]);
        let order: Vec<(OrderId, bool)> = batch
            .submissions
            .iter()
            .map(|submission| (submission.checkout.order_id, submission.seen_before))
            .collect();
        assert_eq!(order, [(first.order_id, true), (second.order_id, false)]);
    }

    /// The shopper asked again: a new message about what is probably decided.
    #[test]
    fn a_checkout_sent_long_after_its_submission_was_seen_before() {
        let batch = Batch::read(vec![
            message("in time", 1_000, 1, body(&checkout())),
            message("again", 60_000, 1, body(&checkout())),
        ]);
        let seen_before = |submission: &Submission| submission.seen_before;
        let seen_before: Vec<_> = batch.submissions.iter().map(seen_before).collect();
        assert_eq!(seen_before, [false, true]);
    }

    #[test]
    fn a_message_that_is_no_checkout_holds_nobody_else_up() {
        let mut poison = vec!["".to_owned(), "{}".to_owned(), "🦀".to_owned()];
        let order_id = checkout().order_id;
        let good = Checkout {
            order_id,
            ..checkout()
        };
        for (usable, unusable) in [
            ("\"quantity\":1", "\"quantity\":0".to_owned()),
            ("\"ada\"", "\"\"".to_owned()),
            ("3.50", "79228162514264337593543950335".to_owned()),
            ("3.50", "792281625142643375935439503.35".to_owned()),
            (&order_id.to_string(), fixtures::product_id(1).to_string()),
        ] {
            let spoilt = body(&good).replace(usable, &unusable);
            assert_ne!(spoilt, body(&good), "{usable} is in it");
            poison.push(spoilt);
        }
        let count = poison.len();
        let mut messages: Vec<_> = poison
            .into_iter()
            .enumerate()
            .map(|(number, body)| message(&format!("poison-{number}"), 1, 1, body))
            .collect();
        messages.push(message("good", 2, 1, body(&checkout())));
        let batch = Batch::read(messages);
        assert_eq!(
            (batch.submissions.len(), batch.unreadable.len()),
            (1, count)
        );
    }

    #[test]
    fn all_messages_of_one_order_share_its_fate() {
        let checkout = checkout();
        let batch = Batch::read(vec![
            message("a", 1, 1, body(&checkout)),
            message("b", 2, 1, body(&checkout)),
        ]);
        let messages: Vec<_> = batch.messages.into_values().collect();
        assert_eq!(messages, [["a", "b"]]);
    }
}
