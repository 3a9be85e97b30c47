//! From the records of one invocation to the messages that must come again; or, when the event is the
//! clock's, the sweep of decisions that were left open.

use aws_lambda_events::sqs::{SqsBatchResponse, SqsEvent, SqsMessage};
use lambda_runtime::{Error, LambdaEvent};
use serde_json::Value;
use shop::BatchService;
use store::{QueueMessage, TRACEPARENT};

pub(crate) async fn handle(
    service: &BatchService,
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
    for message_id in service.decide(messages?, deadline).await {
        response.add_failure(message_id);
    }
    Ok(response)
}

fn message(mut record: SqsMessage) -> Result<QueueMessage, Error> {
    let number = |name: &str| record.attributes.get(name)?.parse().ok();
    let traceparent = record.message_attributes.remove(TRACEPARENT);
    Ok(QueueMessage {
        sent_at: number("SentTimestamp"),
        receive_count: number("ApproximateReceiveCount"),
        message_id: record.message_id.ok_or("a record has no messageId")?,
        receipt_handle: record.receipt_handle.unwrap_or_default(),
        body: record.body.unwrap_or_default(),
        traceparent: traceparent.and_then(|attribute| attribute.string_value),
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_record_says_when_it_was_sent_how_often_it_came_and_where_from() {
        let record = json!({
            "messageId": "a",
            "receiptHandle": "b",
            "body": "{}",
            "attributes": { "SentTimestamp": "1700000000123", "ApproximateReceiveCount": "2" },
            "messageAttributes": {
                "traceparent": { "dataType": "String", "stringValue": "00-1-2-01" }
            }
        });
        let record = serde_json::from_value(record).unwrap();
        let expected = QueueMessage {
            message_id: "a".to_owned(),
            receipt_handle: "b".to_owned(),
            body: "{}".to_owned(),
            sent_at: Some(1_700_000_000_123),
            receive_count: Some(2),
            traceparent: Some("00-1-2-01".to_owned()),
        };
        assert_eq!(message(record).unwrap(), expected);
    }

    #[test]
    fn a_record_without_an_id_fails_the_batch() {
        assert!(message(SqsMessage::default()).is_err());
    }
}
