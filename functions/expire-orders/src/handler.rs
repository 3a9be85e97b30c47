//! From messages, or the clock, to orders that no longer hold their units.

use aws_lambda_events::sqs::{SqsBatchResponse, SqsEvent, SqsMessage};
use lambda_runtime::{Error, LambdaEvent};
use serde_json::Value;
use shop::ExpiryService;
use store::QueueMessage;

/// Expires the orders that an SQS event names, and answers with the messages that must come again; or
/// all that are overdue, when the event is the clock's.
pub(crate) async fn handle(
    service: &ExpiryService,
    event: LambdaEvent<Value>,
) -> Result<SqsBatchResponse, Error> {
    let deadline = store::deadline(event.context.deadline());
    let mut response = SqsBatchResponse::default();
    if event.payload.get("Records").is_none() {
        service.sweep(deadline).await?;
        return Ok(response);
    }
    let event: SqsEvent = serde_json::from_value(event.payload)?;
    let messages: Result<Vec<_>, _> = event.records.into_iter().map(message).collect();
    for message_id in service.expire_named(messages?, deadline).await? {
        response.add_failure(message_id);
    }
    Ok(response)
}

fn message(record: SqsMessage) -> Result<QueueMessage, Error> {
    Ok(QueueMessage {
        message_id: record.message_id.ok_or("a record has no messageId")?,
        body: record.body.unwrap_or_default(),
        ..QueueMessage::default()
    })
}
