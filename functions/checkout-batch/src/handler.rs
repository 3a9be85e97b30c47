//! From the records of one invocation to the messages that must come again.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use aws_lambda_events::sqs::{SqsBatchResponse, SqsEvent, SqsMessage};
use domain::{Checkout, OrderKey};
use lambda_runtime::{Error, LambdaEvent};
use store::checkout_desk::Submission;
use store::{CheckoutDesk, ExpiryQueue, TRACEPARENT};
use telemetry::Origin;

use crate::account;

/// Decides a batch and names the messages that are not settled: those that cannot be read, that the
/// books refuse, or that time did not suffice for. All others are decided and may be deleted.
pub(crate) async fn decide_batch(
    desk: &CheckoutDesk,
    expiries: &ExpiryQueue,
    event: LambdaEvent<SqsEvent>,
) -> Result<SqsBatchResponse, Error> {
    let started = Instant::now();
    let deadline = store::deadline(event.context.deadline());
    let records = event.payload.records.len();
    let batch = Batch::read(event.payload.records)?;
    let report = desk.decide(batch.submissions, deadline).await;
    let told = account::Batch {
        size: records,
        unreadable: batch.unreadable.len(),
        origins: &batch.origins,
        took: started.elapsed(),
    };
    account::give(&report, &told);
    if let Err(error) = expiries.watch(&report.settled).await {
        tracing::warn!(%error, "the sweep must expire what nobody pays of this batch");
    }

    let unsettled = report.refused.iter().chain(&report.unsettled);
    let unsettled = unsettled.flat_map(|order| &batch.messages[order]);
    let mut response = SqsBatchResponse::default();
    for message_id in unsettled.chain(&batch.unreadable) {
        response.add_failure(message_id);
    }
    Ok(response)
}

/// The records of one invocation, sorted out.
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
    fn read(mut records: Vec<SqsMessage>) -> Result<Batch, Error> {
        records.sort_by_key(|record| attribute(record, "SentTimestamp").unwrap_or(u64::MAX));
        let mut batch = Batch::default();
        for record in records {
            let message_id = record
                .message_id
                .clone()
                .ok_or("a record has no messageId")?;
            let body = record.body.as_deref().unwrap_or_default();
            match serde_json::from_str::<Checkout>(body) {
                Ok(checkout) => {
                    if let Some(origin) = origin(&record) {
                        origin.link();
                        batch.origins.insert(checkout.key(), origin);
                    }
                    let messages = batch.messages.entry(checkout.key()).or_default();
                    messages.push(message_id);
                    batch.submissions.push(Submission {
                        seen_before: is_repeated(&record, &checkout),
                        checkout,
                    });
                }
                Err(error) => {
                    // Only where the JSON went wrong: a body is never logged.
                    let (line, column) = (error.line(), error.column());
                    tracing::error!(message_id, line, column, "a message holds no checkout");
                    batch.unreadable.push(message_id);
                }
            }
        }
        Ok(batch)
    }
}

/// Later than this after its submission, a checkout is not sent for the first time. A shopper who
/// clicks twice is quicker than that, and both clicks meet in one batch.
const SENT_AGAIN_AFTER: Duration = Duration::from_secs(1);

/// Whether a checkout may have been brought before: its message was, or its shopper asked again long
/// after submitting it.
fn is_repeated(record: &SqsMessage, checkout: &Checkout) -> bool {
    let sent = attribute(record, "SentTimestamp").unwrap_or_default();
    let submitted = checkout.submitted_at.as_millisecond();
    let sent_after = u128::from(sent.saturating_sub(submitted.try_into().unwrap_or_default()));
    attribute(record, "ApproximateReceiveCount") != Some(1)
        || sent_after > SENT_AGAIN_AFTER.as_millis()
}

/// The traced request that a message comes from.
fn origin(record: &SqsMessage) -> Option<Origin> {
    let traceparent = record.message_attributes.get(TRACEPARENT)?;
    Origin::of(traceparent.string_value.as_deref()?)
}

fn attribute(record: &SqsMessage, name: &str) -> Option<u64> {
    record.attributes.get(name)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use uuid::Uuid;

    use super::*;

    fn body(order: Uuid) -> String {
        json!({
            "order_id": order,
            "user_id": "ada",
            "lines": [{"product_id": Uuid::now_v7(), "name": "Tea", "quantity": 1, "unit_price": "3.50"}],
            "submitted_at": "1970-01-01T00:00:01Z",
        })
        .to_string()
    }

    fn record(message_id: &str, sent: u64, received: u64, body: String) -> SqsMessage {
        let mut record = SqsMessage::default();
        record.message_id = Some(message_id.to_owned());
        record.body = Some(body);
        record.attributes = HashMap::from([
            ("SentTimestamp".to_owned(), sent.to_string()),
            ("ApproximateReceiveCount".to_owned(), received.to_string()),
        ]);
        record
    }

    #[test]
    fn checkouts_are_decided_in_the_order_they_were_sent() {
        let (first, second) = (Uuid::now_v7(), Uuid::now_v7());
        let batch = Batch::read(vec![
            record("b", 2_000, 1, body(second)),
            record("a", 1_000, 2, body(first)),
        ])
        .unwrap();
        let order: Vec<_> = batch
            .submissions
            .iter()
            .map(|submission| {
                (
                    submission.checkout.order_id.as_uuid(),
                    submission.seen_before,
                )
            })
            .collect();
        assert_eq!(order, [(first, true), (second, false)]);
    }

    /// The shopper asked again: a new message about what is probably decided.
    #[test]
    fn a_checkout_sent_long_after_its_submission_was_seen_before() {
        let batch = Batch::read(vec![
            record("in time", 1_900, 1, body(Uuid::now_v7())),
            record("again", 60_000, 1, body(Uuid::now_v7())),
        ]);
        let seen_before = |submission: &Submission| submission.seen_before;
        let seen_before: Vec<_> = batch.unwrap().submissions.iter().map(seen_before).collect();
        assert_eq!(seen_before, [false, true]);
    }

    #[test]
    fn a_message_that_is_no_checkout_holds_nobody_else_up() {
        let mut poison = vec!["".to_owned(), "{}".to_owned(), "🦀".to_owned()];
        poison.push(body(Uuid::now_v7()).replace("\"quantity\":1", "\"quantity\":0"));
        poison.push(body(Uuid::now_v7()).replace("\"ada\"", "\"\""));
        poison.push(body(Uuid::from_u128(1)));
        poison.push(body(Uuid::now_v7()).replace("3.50", "79228162514264337593543950335"));
        poison.push(body(Uuid::now_v7()).replace("3.50", "792281625142643375935439503.35"));
        let count = poison.len();
        let mut records: Vec<_> = poison
            .into_iter()
            .enumerate()
            .map(|(number, body)| record(&format!("poison-{number}"), 1, 1, body))
            .collect();
        records.push(record("good", 2, 1, body(Uuid::now_v7())));
        let batch = Batch::read(records).unwrap();
        assert_eq!(
            (batch.submissions.len(), batch.unreadable.len()),
            (1, count)
        );
    }

    #[test]
    fn all_messages_of_one_order_share_its_fate() {
        let order = Uuid::now_v7();
        let batch = Batch::read(vec![
            record("a", 1, 1, body(order)),
            record("b", 2, 1, body(order)),
        ])
        .unwrap();
        let messages: Vec<_> = batch.messages.into_values().collect();
        assert_eq!(messages, [["a", "b"]]);
    }
}
