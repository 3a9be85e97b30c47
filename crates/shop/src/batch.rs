//! Deciding a batch of checkouts: from the messages of a queue to those that must come again.

use std::collections::{HashMap, HashSet};
use std::time::{Duration, Instant};

use domain::{Checkout, OrderKey};
use store::{
    BatchSettlement, CheckoutMessage, CheckoutQueue, ExpiryQueue, Gathering, QueueMessage,
    StoreError, Submission,
};
use telemetry::{METRICS, Origin};

use crate::batch_log::{self, BatchFacts};

/// Decides checkouts in batches.
#[derive(Debug, Clone)]
pub struct BatchService {
    /// Decides and commits.
    pub settlement: BatchSettlement,
    /// Where the checkouts wait.
    pub queue: CheckoutQueue,
    /// How long and how much a batch gathers.
    pub gathering: Gathering,
    /// Where a message waits until the time to pay of accepted orders is over.
    pub expiries: ExpiryQueue,
}

impl BatchService {
    /// Decides a batch that the queue's event source delivered, together with what else waits in the
    /// queue. Returns the ids of the delivered messages that must come again: those that cannot be
    /// read, that the tables refuse, or that time did not suffice for. The others may be deleted by
    /// the event source; what was gathered is deleted here.
    pub async fn decide(&self, delivered: Vec<QueueMessage>, deadline: Instant) -> Vec<String> {
        let gathered = self.gather(&delivered, deadline).await;
        let started = Instant::now();
        let size = delivered.len() + gathered.len();
        let batch = Batch::read(delivered.iter().chain(&gathered));
        let report = self.settlement.decide(batch.submissions, deadline).await;
        let facts = BatchFacts {
            size,
            gathered: gathered.len(),
            unreadable: batch.unreadable.len(),
            origins: &batch.origins,
            took: started.elapsed(),
        };
        batch_log::log(&report, &facts);
        let messages_of = |orders: &[OrderKey]| -> HashSet<String> {
            let messages = orders.iter().flat_map(|order| &batch.messages[order]);
            messages.cloned().collect()
        };
        let undecided = messages_of(&report.undecided);
        let mut unusable = messages_of(&report.refused);
        unusable.extend(batch.unreadable);
        let (watched, ()) = tokio::join!(
            self.expiries
                .watch(report.decided.iter().chain(&report.recovered)),
            self.finish(&delivered, &gathered, &undecided, &unusable),
        );
        if let Err(error) = watched {
            tracing::warn!(%error, "the sweep must expire what nobody pays of this batch");
        }
        let again = delivered.into_iter().map(|message| message.message_id);
        again
            .filter(|id| undecided.contains(id) || unusable.contains(id))
            .collect()
    }

    /// Enters and closes decisions that were left open, because a function ended in the middle or a
    /// commit whose answer was lost took effect late.
    ///
    /// # Errors
    /// When the open decisions cannot be read.
    pub async fn sweep(&self, deadline: Instant) -> Result<(), StoreError> {
        let report = self.settlement.sweep(deadline).await?;
        tracing::info!(
            target: METRICS,
            closed = report.closed,
            decisions_left_open = report.left_open,
            entered = report.recovered.len(),
            "open decisions swept"
        );
        if let Err(error) = self.expiries.watch(&report.recovered).await {
            tracing::warn!(%error, "the sweep must expire what nobody pays of these orders");
        }
        Ok(())
    }

    /// A message that was delivered alone is decided at once: the queue had no other. Where there is
    /// company, there may be more.
    async fn gather(&self, delivered: &[QueueMessage], deadline: Instant) -> Vec<QueueMessage> {
        if delivered.len() < 2 {
            return Vec::new();
        }
        self.queue
            .gather(self.gathering, delivered.len(), deadline)
            .await
    }

    /// Deletes what was gathered and is done with, and makes visible what is undecided. Messages that
    /// are unusable stay hidden for their time-out, so that they reach the dead-letter queue without
    /// being tried as fast as they fail.
    async fn finish(
        &self,
        delivered: &[QueueMessage],
        gathered: &[QueueMessage],
        undecided: &HashSet<String>,
        unusable: &HashSet<String>,
    ) {
        let is_undecided = |message: &&QueueMessage| undecided.contains(&message.message_id);
        let is_done = |message: &&QueueMessage| {
            !undecided.contains(&message.message_id) && !unusable.contains(&message.message_id)
        };
        let done = gathered.iter().filter(is_done);
        let done: Vec<&str> = done
            .map(|message| message.receipt_handle.as_str())
            .collect();
        let again = delivered.iter().chain(gathered).filter(is_undecided);
        let again: Vec<&QueueMessage> = again.collect();
        tokio::join!(self.queue.delete(&done), self.queue.make_visible(&again));
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
    fn read<'a>(messages: impl IntoIterator<Item = &'a QueueMessage>) -> Batch {
        let mut messages: Vec<&QueueMessage> = messages.into_iter().collect();
        messages.sort_by_key(|message| message.sent_at.unwrap_or(u64::MAX));
        let mut batch = Batch::default();
        for message in messages {
            match CheckoutMessage::read(&message.body) {
                Ok(checkout) => batch.add(message, checkout),
                Err(error) => {
                    message.log_unreadable("a message holds no checkout", error);
                    batch.unreadable.push(message.message_id.clone());
                }
            }
        }
        batch
    }

    fn add(&mut self, message: &QueueMessage, content: CheckoutMessage) {
        let is_again = content.is_again();
        let checkout = content.into_checkout();
        let order = checkout.key();
        if let Some(origin) = message.traceparent.as_deref().and_then(Origin::of) {
            origin.link();
            self.origins.insert(order.clone(), origin);
        }
        self.submissions.push(Submission {
            seen_before: is_again || is_repeated(message, &checkout),
            checkout,
        });
        let messages = self.messages.entry(order).or_default();
        messages.push(message.message_id.clone());
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
        CheckoutMessage::new(checkout, false).to_json()
    }

    fn message(message_id: &str, sent_at: u64, receive_count: u64, body: String) -> QueueMessage {
        QueueMessage {
            message_id: message_id.to_owned(),
            body,
            sent_at: Some(sent_at),
            receive_count: Some(receive_count),
            ..QueueMessage::default()
        }
    }

    #[test]
    fn checkouts_are_decided_in_the_order_they_were_sent() {
        let (first, second) = (checkout(), checkout());
        let batch = Batch::read(&[
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
        let batch = Batch::read(&[
            message("in time", 1_000, 1, body(&checkout())),
            message("again", 60_000, 1, body(&checkout())),
        ]);
        let seen_before = |submission: &Submission| submission.seen_before;
        let seen_before: Vec<_> = batch.submissions.iter().map(seen_before).collect();
        assert_eq!(seen_before, [false, true]);
    }

    #[test]
    fn a_checkout_that_says_so_itself_was_seen_before() {
        let again = CheckoutMessage::new(&checkout(), true).to_json();
        let batch = Batch::read(&[message("again", 1, 1, again)]);
        assert!(batch.submissions[0].seen_before);
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
        let batch = Batch::read(&messages);
        assert_eq!(
            (batch.submissions.len(), batch.unreadable.len()),
            (1, count)
        );
    }

    #[test]
    fn all_messages_of_one_order_share_its_fate() {
        let checkout = checkout();
        let batch = Batch::read(&[
            message("a", 1, 1, body(&checkout)),
            message("b", 2, 1, body(&checkout)),
        ]);
        let messages: Vec<_> = batch.messages.into_values().collect();
        assert_eq!(messages, [["a", "b"]]);
    }
}
