//! What a call of DynamoDB or SQS is about: its tables, items and queues, and the permissions it needs.
//!
//! Only the members that tell are read, and nothing of the body is copied.

use std::borrow::Cow;
use std::collections::HashMap;

use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::value::RawValue;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) enum Service {
    DynamoDb,
    Sqs,
}

impl Service {
    /// The prefix of its actions in IAM policies.
    pub(crate) fn prefix(self) -> &'static str {
        match self {
            Service::DynamoDb => "dynamodb",
            Service::Sqs => "sqs",
        }
    }
}

/// A body that was understood.
#[derive(Debug)]
pub(crate) struct Request<'a> {
    operation: &'a str,
    body: Body<'a>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Body<'a> {
    #[serde(borrow)]
    table_name: Option<Text<'a>>,
    index_name: Option<Text<'a>>,
    key: Option<&'a RawValue>,
    item: Option<&'a RawValue>,
    #[serde(default)]
    transact_items: Vec<TransactItem<'a>>,
    #[serde(default)]
    request_items: HashMap<Text<'a>, &'a RawValue>,
    return_consumed_capacity: Option<Text<'a>>,
    queue_url: Option<Text<'a>>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct TransactItem<'a> {
    #[serde(borrow)]
    put: Option<Target<'a>>,
    update: Option<Target<'a>>,
    delete: Option<Target<'a>>,
    condition_check: Option<Target<'a>>,
    get: Option<Target<'a>>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Target<'a> {
    #[serde(borrow)]
    table_name: Text<'a>,
    key: Option<&'a RawValue>,
    item: Option<&'a RawValue>,
}

/// A string that is borrowed unless it has escapes.
#[derive(Debug, Deserialize, PartialEq, Eq, Hash)]
struct Text<'a>(#[serde(borrow)] Cow<'a, str>);

impl Text<'_> {
    /// A table may be named by its ARN, a queue is named by its URL: the name is what stands last.
    fn name(&self) -> &str {
        self.0.rsplit('/').next().unwrap_or(&self.0)
    }
}

/// What is done to an item.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Action {
    Get,
    Put,
    Update,
    Delete,
    Check,
}

impl Action {
    fn of(operation: &str) -> Option<Self> {
        Some(match operation {
            "GetItem" => Action::Get,
            "PutItem" => Action::Put,
            "UpdateItem" => Action::Update,
            "DeleteItem" => Action::Delete,
            _ => return None,
        })
    }

    /// Its name in IAM policies. A transaction needs the permissions of its actions.
    /// Source: "Using IAM with DynamoDB transactions", Amazon DynamoDB Developer Guide.
    fn permission(self) -> &'static str {
        match self {
            Action::Get => "GetItem",
            Action::Put => "PutItem",
            Action::Update => "UpdateItem",
            Action::Delete => "DeleteItem",
            Action::Check => "ConditionCheckItem",
        }
    }

    pub(crate) fn writes(self) -> bool {
        matches!(self, Action::Put | Action::Update | Action::Delete)
    }
}

/// One item that a request names.
#[derive(Debug, Clone, Copy)]
pub(crate) struct ItemAction<'a> {
    pub(crate) action: Action,
    pub(crate) table: &'a str,
    /// The key, or for a put the whole item.
    pub(crate) value: &'a RawValue,
}

/// A permission that a request needs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Permission<'a> {
    /// Without the service's prefix.
    pub(crate) action: &'a str,
    /// A queue, a table, or `table/index/name`.
    pub(crate) resource: Cow<'a, str>,
}

impl<'a> Request<'a> {
    /// Nothing is returned for a body that the service will refuse.
    pub(crate) fn read(operation: &'a str, body: &'a [u8]) -> Option<Self> {
        if body.first() != Some(&b'{') {
            return None;
        }
        let body = serde_json::from_slice(body).ok()?;
        Some(Request { operation, body })
    }

    /// Whether the caller said if it wants to hear the capacity that was consumed.
    pub(crate) fn speaks_of_capacity(&self) -> bool {
        self.body.return_consumed_capacity.is_some()
    }

    /// The items that it names one by one, in their order. Those of batches are left out.
    pub(crate) fn items(&self) -> impl Iterator<Item = ItemAction<'_>> {
        let body = &self.body;
        let single = Action::of(self.operation).and_then(|action| {
            Some(ItemAction {
                action,
                table: body.table_name.as_ref()?.name(),
                value: body.key.or(body.item)?,
            })
        });
        let together = body.transact_items.iter().filter_map(|item| {
            let (action, target) = item.target()?;
            Some(ItemAction {
                action,
                table: target.table_name.name(),
                value: target.key.or(target.item)?,
            })
        });
        single.into_iter().chain(together)
    }

    /// The number of items in a transaction or batch; 1 for everything else.
    pub(crate) fn size(&self) -> usize {
        let batch = self.body.request_items.values();
        let in_batch: usize = batch.map(|requests| entries(requests.get())).sum();
        (self.body.transact_items.len() + in_batch).max(1)
    }

    /// The permissions it needs, each once.
    pub(crate) fn permissions(&self) -> Vec<Permission<'_>> {
        let mut needed = Vec::new();
        let mut need = |action, resource| {
            let permission = Permission { action, resource };
            if !needed.contains(&permission) {
                needed.push(permission);
            }
        };
        let body = &self.body;
        for item in &body.transact_items {
            if let Some((action, target)) = item.target() {
                need(action.permission(), Cow::from(target.table_name.name()));
            }
        }
        for table in body.request_items.keys() {
            need(self.operation, Cow::from(table.name()));
        }
        if let Some(table) = &body.table_name {
            let table = table.name();
            let resource = match &body.index_name {
                Some(index) => Cow::from(format!("{table}/index/{}", index.0)),
                None => Cow::from(table),
            };
            need(self.operation, resource);
        }
        if let Some(queue) = &body.queue_url {
            // A batch needs the permission of what it does many times.
            let action = self
                .operation
                .strip_suffix("Batch")
                .unwrap_or(self.operation);
            need(action, Cow::from(queue.name()));
        }
        needed
    }
}

impl<'a> TransactItem<'a> {
    fn target(&self) -> Option<(Action, &Target<'a>)> {
        let TransactItem {
            put,
            update,
            delete,
            condition_check,
            get,
        } = self;
        [
            (Action::Put, put),
            (Action::Update, update),
            (Action::Delete, delete),
            (Action::Check, condition_check),
            (Action::Get, get),
        ]
        .into_iter()
        .find_map(|(action, target)| Some((action, target.as_ref()?)))
    }
}

/// Entries of a batch for one table: a list of writes, or an object with keys to get.
fn entries(requests: &str) -> usize {
    #[derive(Deserialize)]
    #[serde(rename_all = "PascalCase")]
    struct Reads {
        keys: Vec<IgnoredAny>,
    }
    let entries = if requests.starts_with('[') {
        serde_json::from_str(requests)
    } else {
        serde_json::from_str(requests).map(|Reads { keys }| keys)
    };
    entries.map_or(0, |entries| entries.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn permissions(operation: &str, body: &str) -> Vec<String> {
        let request = Request::read(operation, body.as_bytes()).expect("a good body");
        let permissions = request.permissions();
        let text = |needed: &Permission<'_>| format!("{} {}", needed.action, needed.resource);
        permissions.iter().map(text).collect()
    }

    #[test]
    fn a_transaction_needs_the_permissions_of_its_actions() {
        let body = r#"{"TransactItems": [
            {"Update": {"TableName": "stock", "Key": {"id": {"S": "1"}}}},
            {"Put": {"TableName": "orders", "Item": {"id": {"S": "1"}}}},
            {"Put": {"TableName": "arn:aws:dynamodb:us-east-1:0:table/orders", "Item": {"id": {"S": "2"}}}},
            {"ConditionCheck": {"TableName": "carts", "Key": {"id": {"S": "1"}}}}
        ]}"#;
        assert_eq!(
            permissions("TransactWriteItems", body),
            [
                "UpdateItem stock",
                "PutItem orders",
                "ConditionCheckItem carts"
            ]
        );
        let request = Request::read("TransactWriteItems", body.as_bytes()).expect("a good body");
        assert_eq!(request.size(), 4);
        let actions: Vec<_> = request.items().map(|item| item.action).collect();
        assert_eq!(
            actions,
            [Action::Update, Action::Put, Action::Put, Action::Check]
        );
    }

    #[test]
    fn an_index_and_a_queue_are_resources() {
        let query = r#"{"TableName": "products", "IndexName": "by\u002dname"}"#;
        assert_eq!(
            permissions("Query", query),
            ["Query products/index/by-name"]
        );
        let send = r#"{"QueueUrl": "http://localhost:4566/000000000000/q", "Entries": []}"#;
        assert_eq!(permissions("SendMessageBatch", send), ["SendMessage q"]);
    }

    #[test]
    fn batches_are_counted_by_their_entries() {
        let get = r#"{"RequestItems": {"a": {"Keys": [{}, {}]}, "b": {"Keys": [{}]}}}"#;
        let request = Request::read("BatchGetItem", get.as_bytes()).expect("a good body");
        assert_eq!(request.size(), 3);
        let write = r#"{"RequestItems": {"a": [{"PutRequest": {}}, {"PutRequest": {}}]}}"#;
        let request = Request::read("BatchWriteItem", write.as_bytes()).expect("a good body");
        assert_eq!(request.size(), 2);
    }

    #[test]
    fn what_the_service_will_refuse_is_not_understood() {
        for body in [
            "",
            "[]",
            "nonsense",
            r#"{"TransactItems": 1}"#,
            r#"{"TableName": "#,
        ] {
            assert!(
                Request::read("GetItem", body.as_bytes()).is_none(),
                "{body}"
            );
        }
    }
}
