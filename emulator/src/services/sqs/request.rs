//! The permission that a request needs.

use std::borrow::Cow;

use serde::Deserialize;

use crate::meter::Permission;

/// None for a body that names no queue.
pub(super) fn permission<'a>(operation: &'a str, body: &'a [u8]) -> Option<Permission<'a>> {
    #[derive(Deserialize)]
    #[serde(rename_all = "PascalCase")]
    struct Body<'a> {
        #[serde(borrow)]
        queue_url: Cow<'a, str>,
    }
    let Body { queue_url } = serde_json::from_slice(body).ok()?;
    Some(Permission {
        // A batch needs the permission of the operation that it repeats.
        action: operation.strip_suffix("Batch").unwrap_or(operation),
        resource: match queue_url {
            Cow::Borrowed(url) => Cow::Borrowed(queue_name(url)),
            Cow::Owned(url) => Cow::Owned(queue_name(&url).to_owned()),
        },
    })
}

/// Whether it is a receive that waits for a message.
pub(super) fn is_long_poll(operation: &str, body: &[u8]) -> bool {
    #[derive(Deserialize)]
    #[serde(rename_all = "PascalCase")]
    struct Body {
        #[serde(default)]
        wait_time_seconds: u32,
    }
    operation == "ReceiveMessage"
        && serde_json::from_slice(body).is_ok_and(|body: Body| body.wait_time_seconds > 0)
}

/// The last part of a queue's URL.
pub(super) fn queue_name(url: &str) -> &str {
    url.rsplit('/').next().unwrap_or(url)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_receive_that_waits_is_a_long_poll() {
        let long = br#"{"QueueUrl": "q", "WaitTimeSeconds": 20}"#;
        assert!(is_long_poll("ReceiveMessage", long));
        assert!(!is_long_poll("SendMessage", long));
        assert!(!is_long_poll("ReceiveMessage", br#"{"QueueUrl": "q"}"#));
        assert!(!is_long_poll(
            "ReceiveMessage",
            br#"{"WaitTimeSeconds": 0}"#
        ));
    }

    #[test]
    fn a_batch_needs_the_permission_of_its_operation() {
        let url = "http://localhost:4566/000000000000/q";
        let body = format!(r#"{{"QueueUrl": "{url}", "Entries": []}}"#);
        let needed = permission("SendMessageBatch", body.as_bytes()).expect("it names a queue");
        assert_eq!(
            (needed.action, needed.resource.as_ref()),
            ("SendMessage", "q")
        );
        assert_eq!(permission("ListQueues", b"{}"), None);
    }
}
