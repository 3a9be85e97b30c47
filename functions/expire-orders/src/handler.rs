//! From messages, or the clock, to orders that no longer hold their units.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::time::Instant;

use aws_lambda_events::sqs::{SqsBatchResponse, SqsEvent, SqsMessage};
use domain::{Change, Order, OrderKey, OrderStatus, Transition};
use jiff::{SignedDuration, Timestamp};
use lambda_runtime::{Error, LambdaEvent};
use serde_json::Value;
use store::{Orders, Report, ReturnsDesk, StoreError, TimeToPayIsOver};
use telemetry::METRICS;

/// Who looks after orders that nobody pays.
pub(crate) struct Steward {
    pub(crate) orders: Orders,
    pub(crate) returns: ReturnsDesk,
}

/// How long a sweep leaves an order that is due to its message, which may be on its way: it sleeps for
/// whole seconds, waits for others to share a batch, and may have to wait for that batch's turn.
const GRACE: SignedDuration = SignedDuration::from_secs(10);

/// Overdue orders that a sweep asks each part of the index for at a time.
const SWEEP_SIZE: usize = 100;

/// Expires the orders that an SQS event names, and answers with the messages that must come again; or
/// all that are overdue, when the event is the clock's.
pub(crate) async fn handle(
    steward: &Steward,
    event: LambdaEvent<Value>,
) -> Result<SqsBatchResponse, Error> {
    let deadline = store::deadline(event.context.deadline());
    if event.payload.get("Records").is_none() {
        steward.sweep(deadline).await?;
        return Ok(SqsBatchResponse::default());
    }
    let event: SqsEvent = serde_json::from_value(event.payload)?;
    let notices = Notices::read(event.records)?;
    let still_unpaid = steward.expire(&notices.orders(), deadline).await?;
    let mut response = SqsBatchResponse::default();
    for message_id in notices.that_must_come_again(&still_unpaid) {
        response.add_failure(message_id);
    }
    Ok(response)
}

impl Steward {
    /// Expires all orders that are overdue, as far as time suffices; the next sweep goes on.
    async fn sweep(&self, deadline: Instant) -> Result<(), StoreError> {
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

    /// Expires those of these orders whose time to pay is over; gives those that must be tried again,
    /// because it is not, or because they could not be expired now.
    async fn expire(
        &self,
        orders: &BTreeSet<OrderKey>,
        deadline: Instant,
    ) -> Result<HashSet<OrderKey>, StoreError> {
        let now = Timestamp::now();
        let found = self.orders.get_many(orders.iter().cloned()).await?;
        let (due, early) = due(found.into_values(), now);
        let report = self.returns.take_back(due, deadline).await;
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

/// The messages of one invocation.
#[derive(Debug, Default)]
struct Notices {
    /// The orders that each message names.
    messages: HashMap<String, Vec<OrderKey>>,
    /// The messages that name none.
    unreadable: Vec<String>,
}

impl Notices {
    fn read(records: Vec<SqsMessage>) -> Result<Notices, Error> {
        let mut notices = Notices::default();
        for record in records {
            let message_id = record.message_id.ok_or("a record has no messageId")?;
            let body = record.body.unwrap_or_default();
            match serde_json::from_str::<TimeToPayIsOver>(&body) {
                Ok(notice) => {
                    notices.messages.insert(message_id, notice.orders);
                }
                Err(error) => {
                    // Only where the JSON went wrong: a body is never logged.
                    let (line, column) = (error.line(), error.column());
                    tracing::error!(message_id, line, column, "a message names no orders");
                    notices.unreadable.push(message_id);
                }
            }
        }
        Ok(notices)
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
    use domain::{Checkout, Money, OrderLine, OrderState, Payment};
    use serde_json::json;
    use uuid::Uuid;

    use super::*;

    const NOW: Timestamp = Timestamp::UNIX_EPOCH;

    fn order(state: OrderState) -> Order {
        let line = OrderLine {
            product_id: Uuid::now_v7().try_into().unwrap(),
            name: "Tea".parse().unwrap(),
            quantity: 1.try_into().unwrap(),
            unit_price: Money::ZERO,
        };
        Order {
            checkout: Checkout {
                order_id: Uuid::now_v7().try_into().unwrap(),
                user_id: "ada".parse().unwrap(),
                lines: vec![line].try_into().unwrap(),
                submitted_at: NOW,
            },
            decided_at: NOW,
            state,
        }
    }

    fn unpaid(pay_by: Timestamp) -> Order {
        order(OrderState::WaitingPayment { pay_by })
    }

    #[test]
    fn only_unpaid_orders_expire_and_never_early() {
        let payment = Payment {
            payment_id: "payment-1".parse().unwrap(),
            paid_at: NOW,
        };
        let overdue = unpaid(NOW - SignedDuration::from_secs(1));
        let just_due = unpaid(NOW);
        let early = unpaid(NOW + SignedDuration::from_millis(1));
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

    fn record(message_id: &str, body: String) -> SqsMessage {
        let mut record = SqsMessage::default();
        record.message_id = Some(message_id.to_owned());
        record.body = Some(body);
        record
    }

    fn notice(orders: &[&OrderKey]) -> String {
        json!({ "orders": orders }).to_string()
    }

    #[test]
    fn a_message_comes_again_until_all_its_orders_are_done() {
        let (one, other, third) = (unpaid(NOW).key(), unpaid(NOW).key(), unpaid(NOW).key());
        let notices = Notices::read(vec![
            record("a", notice(&[&one, &other])),
            record("b", notice(&[&third, &third])),
            record("a twin of b", notice(&[&third])),
            record("poison", "{}".to_owned()),
        ])
        .unwrap();
        assert_eq!(notices.orders().len(), 3, "each order once");
        let mut again = notices.that_must_come_again(&HashSet::from([other]));
        again.sort_unstable();
        assert_eq!(again, ["a", "poison"]);
    }
}
