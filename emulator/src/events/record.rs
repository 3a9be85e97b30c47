//! The event that a function gets for a batch of messages.
//!
//! Source: Lambda's developer guide, "Using Lambda with Amazon SQS", example standard queue message event. The
//! types of `aws_lambda_events` write `null` for fields that a message hasn't; Lambda leaves them out.

use std::collections::BTreeMap;

use aws_sdk_sqs::types::{Message, MessageAttributeValue};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::Serialize;

/// One message as the function sees it.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Record {
    pub(super) message_id: String,
    pub(super) receipt_handle: String,
    body: String,
    attributes: BTreeMap<String, String>,
    message_attributes: BTreeMap<String, Attribute>,
    #[serde(skip_serializing_if = "Option::is_none")]
    md5_of_message_attributes: Option<String>,
    md5_of_body: String,
    event_source: &'static str,
    #[serde(rename = "eventSourceARN")]
    event_source_arn: String,
    aws_region: String,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Attribute {
    #[serde(skip_serializing_if = "Option::is_none")]
    string_value: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    binary_value: Option<String>,
    string_list_values: [String; 0],
    binary_list_values: [String; 0],
    data_type: String,
}

impl Record {
    pub(super) fn new(message: Message, queue_arn: &str, region: &str) -> Self {
        let attributes = message
            .attributes
            .unwrap_or_default()
            .into_iter()
            .map(|(name, value)| (name.as_str().to_owned(), value))
            .collect();
        let message_attributes = message
            .message_attributes
            .unwrap_or_default()
            .into_iter()
            .map(|(name, value)| (name, Attribute::from(value)))
            .collect();
        Record {
            message_id: message.message_id.unwrap_or_default(),
            receipt_handle: message.receipt_handle.unwrap_or_default(),
            body: message.body.unwrap_or_default(),
            attributes,
            message_attributes,
            md5_of_message_attributes: message.md5_of_message_attributes,
            md5_of_body: message.md5_of_body.unwrap_or_default(),
            event_source: "aws:sqs",
            event_source_arn: queue_arn.to_owned(),
            aws_region: region.to_owned(),
        }
    }

    /// The number of times that the message was received, this time included.
    pub(super) fn receive_count(&self) -> u32 {
        let count = self.attributes.get("ApproximateReceiveCount");
        count.and_then(|text| text.parse().ok()).unwrap_or(1)
    }
}

impl From<MessageAttributeValue> for Attribute {
    fn from(value: MessageAttributeValue) -> Self {
        Attribute {
            string_value: value.string_value,
            binary_value: value.binary_value.map(|bytes| STANDARD.encode(bytes)),
            string_list_values: [],
            binary_list_values: [],
            data_type: value.data_type,
        }
    }
}

#[cfg(test)]
mod tests {
    use aws_sdk_sqs::primitives::Blob;
    use aws_sdk_sqs::types::MessageSystemAttributeName;
    use serde_json::json;

    use super::*;

    #[test]
    fn a_record_has_the_documented_fields() {
        let text = MessageAttributeValue::builder()
            .data_type("String")
            .string_value("abc")
            .build();
        let bytes = MessageAttributeValue::builder()
            .data_type("Binary")
            .binary_value(Blob::new("1100"))
            .build();
        let message = Message::builder()
            .message_id("059f36b4-87a3-44ab-83d2-661975830a7d")
            .receipt_handle("AQEBwJnKyrHigUMZj6rYigCgxlaS3SLy0a...")
            .body("Test message.")
            .attributes(MessageSystemAttributeName::ApproximateReceiveCount, "1")
            .attributes(MessageSystemAttributeName::SentTimestamp, "1545082649183")
            .attributes(
                MessageSystemAttributeName::SenderId,
                "AIDAIENQZJOLO23YVJ4VO",
            )
            .attributes(
                MessageSystemAttributeName::ApproximateFirstReceiveTimestamp,
                "1545082649185",
            )
            .message_attributes("myAttribute", text.expect("an attribute"))
            .message_attributes("bytes", bytes.expect("an attribute"))
            .md5_of_body("e4e68fb7bd0e697a0ae8f1bb342846b3")
            .build();
        let arn = "arn:aws:sqs:us-east-2:123456789012:my-queue";
        let record = Record::new(message, arn, "us-east-2");
        assert_eq!(
            serde_json::to_value(&record).expect("JSON"),
            json!({
                "messageId": "059f36b4-87a3-44ab-83d2-661975830a7d",
                "receiptHandle": "AQEBwJnKyrHigUMZj6rYigCgxlaS3SLy0a...",
                "body": "Test message.",
                "attributes": {
                    "ApproximateReceiveCount": "1",
                    "SentTimestamp": "1545082649183",
                    "SenderId": "AIDAIENQZJOLO23YVJ4VO",
                    "ApproximateFirstReceiveTimestamp": "1545082649185"
                },
                "messageAttributes": {
                    "myAttribute": {
                        "stringValue": "abc",
                        "stringListValues": [],
                        "binaryListValues": [],
                        "dataType": "String"
                    },
                    "bytes": {
                        "binaryValue": "MTEwMA==",
                        "stringListValues": [],
                        "binaryListValues": [],
                        "dataType": "Binary"
                    }
                },
                "md5OfBody": "e4e68fb7bd0e697a0ae8f1bb342846b3",
                "eventSource": "aws:sqs",
                "eventSourceARN": "arn:aws:sqs:us-east-2:123456789012:my-queue",
                "awsRegion": "us-east-2"
            })
        );
    }
}
