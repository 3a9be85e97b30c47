//! Expiring orders that were not paid in time, when their message comes or when a sweep finds them.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::time::Instant;

use domain::{Change, Order, OrderKey, OrderStatus, Transition};
use jiff::{SignedDuration, Timestamp};
use store::{Orders, QueueMessage, ReleaseSettlement, Report, StoreError, TimeToPayIsOver};
use telemetry::METRICS;

/// Expires orders and puts their units back on the shelf.
#[derive(Debug, Clone)]
pub struct ExpiryService {
    /// Where orders are found.
    pub orders: Orders,
    /// Commits the expiries with their stock.
    pub settlement: ReleaseSettlement,
}

/// How long a sweep leaves an order that is due to its message, which may be on its way: it sleeps for
/// whole seconds, waits for others to share a batch, and may have to wait for that batch's turn.
const GRACE: SignedDuration = SignedDuration::from_secs(10);

/// Overdue orders that a sweep asks each part of the index for at a time.
const SWEEP_SIZE: usize = 100;

impl ExpiryService {
    /// Expires the orders that messages name, and returns the ids of the messages that must come
    /// again: those that cannot be read, or name an order that could not be expired yet.
    ///
    /// # Errors
    /// When the orders cannot be read: then every message must come again.
    pub async fn expire_named(
        &self,
        messages: Vec<QueueMessage>,
        deadline: Instant,
    ) -> Result<Vec<String>, StoreError> {
        let notices = Notices::read(messages);
        let still_unpaid = self.expire(&notices.orders(), deadline).await?;
        Ok(notices.that_must_come_again(&still_unpaid))
    }

    /// Expires all orders that are overdue, as far as time suffices; the next sweep goes on.
    ///
    /// # Errors
    /// When the orders cannot be read.
    pub async fn sweep(&self, deadline: Instant) -> Result<(), StoreError> {
        let mut tried: BTreeSet<OrderKey> = BTreeSet::new();
        while Instant::now() < deadline {
            let due_by = Timestamp::now() - GRACE;
            let overdue = self.orders.overdue(due_by, SWEEP_SIZE).await?;
            // The index may be behind, and what could not be expired just now is still in it.
            let new: BTreeSet<OrderKey> = overdue
                .into_iter()
                .filter(|order| !tried.contains(order))
                .collect();
            if new.is_empty() {
                break;
            }
            tracing::warn!(orders = new.len(), "overdue orders without a message");
            self.expire(&new, deadline).await?;
            tried.extend(new);
        }
        Ok(())
    }

    /// Expires those of these orders whose time to pay is over, and returns those that must be tried
    /// again: it is too early for them, or they could not be expired now.
    async fn expire(
        &self,
        orders: &BTreeSet<OrderKey>,
        deadline: Instant,
    ) -> Result<HashSet<OrderKey>, StoreError> {
        let now = Timestamp::now();
        let found = self.orders.get_many(orders.iter().cloned()).await?;
        let (due, early) = due(found.into_values(), now);
        let report = self.settlement.release(due, deadline).await;
        log(&report, orders.len(), early.len());
        let Report {
            refused, unsettled, ..
        } = report;
        Ok(early.into_iter().chain(refused).chain(unsettled).collect())
    }
}

/// The changes of the orders whose time to pay is over, and the orders for which it is too early.
/// What was paid or cancelled or expired before is neither.
fn due(orders: impl Iterator<Item = Order>, at: Timestamp) -> (Vec<Change>, Vec<OrderKey>) {
    let mut due = Vec::new();
    let mut early = Vec::new();
    for order in orders.filter(|order| order.status() == OrderStatus::WaitingPayment) {
        match Change::new(&order, Transition::Expire { at }) {
            Ok(change) => due.push(change),
            Err(_) => early.push(order.key()),
        }
    }
    (due, early)
}

/// The messages of one batch, sorted out.
#[derive(Debug, Default)]
struct Notices {
    /// The orders that each message names.
    messages: HashMap<String, Vec<OrderKey>>,
    /// The messages that name none.
    unreadable: Vec<String>,
}

impl Notices {
    fn read(messages: Vec<QueueMessage>) -> Notices {
        let mut notices = Notices::default();
        for message in messages {
            match serde_json::from_str::<TimeToPayIsOver>(&message.body) {
                Ok(notice) => {
                    notices.messages.insert(message.message_id, notice.orders);
                }
                Err(error) => {
                    let place = format_args!("line {} column {}", error.line(), error.column());
                    message.log_unreadable("a message names no orders", place);
                    notices.unreadable.push(message.message_id);
                }
            }
        }
        notices
    }

    /// All orders named, each once.
    fn orders(&self) -> BTreeSet<OrderKey> {
        self.messages.values().flatten().cloned().collect()
    }

    /// The messages that cannot be read or name one of these orders.
    fn that_must_come_again(&self, still_unpaid: &HashSet<OrderKey>) -> Vec<String> {
        let unfinished = self
            .messages
            .iter()
            .filter(|(_, orders)| orders.iter().any(|order| still_unpaid.contains(order)))
            .map(|(message_id, _)| message_id);
        unfinished.chain(&self.unreadable).cloned().collect()
    }
}

fn log(report: &Report, named: usize, early: usize) {
    for order in &report.settled {
        tracing::info!(order_id = %order.order_id(), "order expired");
    }
    tracing::info!(
        target: METRICS,
        size = named,
        expired = report.settled.len(),
        early,
        refused = report.refused.len(),
        unexpired = report.unsettled.len(),
        transactions = report.transactions,
        conflicts = report.conflicts,
        retries = report.retries,
        "orders expired"
    );
}

#[cfg(test)]
mod tests {
    use domain::OrderState;
    use domain::fixtures::{NOW, order, payment};

    use super::*;

    fn unpaid(pay_by: Timestamp) -> Order {
        order(OrderState::WaitingPayment { pay_by })
    }

    #[test]
    fn only_unpaid_orders_expire_and_never_early() {
        let overdue = unpaid(NOW - SignedDuration::from_secs(1));
        let just_due = unpaid(NOW);
        let early = unpaid(NOW + SignedDuration::from_millis(1));
        let payment = payment("payment-1");
        let others = [
            order(OrderState::Paid { payment }),
            order(OrderState::Expired { expired_at: NOW }),
        ];
        let expected = [overdue.key(), just_due.key()];
        let early_key = early.key();
        let all = [overdue, early, just_due].into_iter().chain(others);
        let (due, early) = due(all, NOW);
        let due: Vec<_> = due.iter().map(|change| change.to().key()).collect();
        assert_eq!(due, expected);
        assert_eq!(early, [early_key]);
    }

    fn message(message_id: &str, body: String) -> QueueMessage {
        QueueMessage {
            message_id: message_id.to_owned(),
            body,
            ..QueueMessage::default()
        }
    }

    fn notice(orders: &[&OrderKey]) -> String {
        let orders = orders.iter().copied().cloned().collect();
        serde_json::to_string(&TimeToPayIsOver { orders }).unwrap()
    }

    #[test]
    fn a_message_comes_again_until_all_its_orders_are_done() {
        let (one, other, third) = (unpaid(NOW).key(), unpaid(NOW).key(), unpaid(NOW).key());
        let notices = Notices::read(vec![
            message("a", notice(&[&one, &other])),
            message("b", notice(&[&third, &third])),
            message("a twin of b", notice(&[&third])),
            message("poison", "{}".to_owned()),
        ]);
        assert_eq!(notices.orders().len(), 3, "each order once");
        let mut again = notices.that_must_come_again(&HashSet::from([other]));
        again.sort_unstable();
        assert_eq!(again, ["a", "poison"]);
    }
}
