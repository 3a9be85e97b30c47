//! A request: its tables and items, and the permissions that it needs.
//!
//! Only the members that matter here are read, and nothing of the body is copied.

use std::borrow::Cow;
use std::collections::HashMap;

use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::value::RawValue;

use crate::meter::Permission;

/// A decoded request.
#[derive(Debug)]
pub(super) struct Request<'a> {
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

impl<'a> Text<'a> {
    /// A table may be named by its ARN, which ends with the name.
    fn name(&self) -> &str {
        last_part(&self.0)
    }

    /// The same name, borrowed from the body where that is possible.
    fn borrowed_name(&self) -> Cow<'a, str> {
        match &self.0 {
            Cow::Borrowed(text) => Cow::Borrowed(last_part(text)),
            Cow::Owned(text) => Cow::Owned(last_part(text).to_owned()),
        }
    }
}

fn last_part(text: &str) -> &str {
    text.rsplit('/').next().unwrap_or(text)
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Action {
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

    pub(super) fn writes(self) -> bool {
        matches!(self, Action::Put | Action::Update | Action::Delete)
    }
}

/// One item that a request names.
#[derive(Debug, Clone, Copy)]
pub(super) struct ItemAction<'a> {
    pub(super) action: Action,
    pub(super) table: &'a str,
    /// The key, or for a put the whole item.
    pub(super) value: &'a RawValue,
}

impl<'a> Request<'a> {
    /// None for a body that DynamoDB will refuse.
    pub(super) fn read(operation: &'a str, body: &'a [u8]) -> Option<Self> {
        if body.first() != Some(&b'{') {
            return None;
        }
        let body = serde_json::from_slice(body).ok()?;
        Some(Request { operation, body })
    }

    /// Whether the caller itself set `ReturnConsumedCapacity`.
    pub(super) fn mentions_capacity(&self) -> bool {
        self.body.return_consumed_capacity.is_some()
    }

    /// The items that it names one by one, in their order. Those of batches are left out.
    pub(super) fn items(&self) -> impl Iterator<Item = ItemAction<'_>> {
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
    pub(super) fn size(&self) -> usize {
        let batch = self.body.request_items.values();
        let in_batch: usize = batch.map(|requests| entries(requests.get())).sum();
        (self.body.transact_items.len() + in_batch).max(1)
    }

    /// The permissions it needs, each once.
    pub(super) fn permissions(&self) -> Vec<Permission<'a>> {
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
                need(action.permission(), target.table_name.borrowed_name());
            }
        }
        for table in body.request_items.keys() {
            need(self.operation, table.borrowed_name());
        }
        if let Some(table) = &body.table_name {
            let resource = match &body.index_name {
                Some(index) => Cow::from(format!("{}/index/{}", table.name(), index.0)),
                None => table.borrowed_name(),
            };
            need(self.operation, resource);
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
    fn an_index_is_a_resource() {
        let query = r#"{"TableName": "products", "IndexName": "by\u002dname"}"#;
        assert_eq!(
            permissions("Query", query),
            ["Query products/index/by-name"]
        );
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
    fn a_body_that_dynamodb_will_refuse_is_not_decoded() {
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
