//! A request: its tables and items, and the permissions that it needs.
//!
//! Only the members that matter here are read, and nothing of the body is copied.

use std::borrow::Cow;
use std::collections::HashMap;

use dynoxide::AttributeValue;
use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::Value;
use serde_json::value::RawValue;

use super::statement::{Statement, Verb};
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
    /// Of BatchExecuteStatement.
    #[serde(default)]
    statements: Vec<StatementText<'a>>,
    /// Of ExecuteTransaction.
    #[serde(default)]
    transact_statements: Vec<StatementText<'a>>,
    /// Of ExecuteStatement.
    statement: Option<Text<'a>>,
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

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct StatementText<'a> {
    #[serde(borrow)]
    statement: Text<'a>,
    #[serde(borrow, default)]
    parameters: Vec<&'a RawValue>,
}

/// The keys to get from one table of BatchGetItem.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Keys<'a> {
    #[serde(borrow)]
    keys: Vec<&'a RawValue>,
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
#[derive(Debug)]
pub(super) struct ItemAction<'a> {
    pub(super) action: Action,
    pub(super) table: &'a str,
    content: Content<'a>,
}

/// The key, or for a put the whole item.
#[derive(Debug)]
enum Content<'a> {
    Json(&'a RawValue),
    /// Of an INSERT, whose values are parameters.
    Attributes(Vec<(&'a str, &'a RawValue)>),
}

impl ItemAction<'_> {
    /// Table and key as one text, where the key has attributes with these names.
    pub(super) fn key(&self, names: &[String]) -> Option<String> {
        let attributes = self.attributes()?;
        let mut key = self.table.to_owned();
        for name in names {
            // Written anew, so that white space makes no other key.
            let value: Value = serde_json::from_str(attributes.get(name.as_str())?.get()).ok()?;
            key.push('\n');
            key.push_str(&value.to_string());
        }
        Some(key)
    }

    /// The size of what the request tells of the item, by DynamoDB's rules.
    pub(super) fn bytes(&self) -> usize {
        let size = |value: &RawValue| {
            let decoded: Result<AttributeValue, _> = serde_json::from_str(value.get());
            // The engine will refuse a value that can't be decoded.
            decoded.map_or(0, |value| value.size())
        };
        let attributes = self.attributes().unwrap_or_default();
        let attributes = attributes.iter();
        attributes
            .map(|(name, value)| name.len() + size(value))
            .sum()
    }

    fn attributes(&self) -> Option<HashMap<Cow<'_, str>, &RawValue>> {
        match &self.content {
            Content::Json(json) => {
                let attributes: HashMap<Text<'_>, &RawValue> =
                    serde_json::from_str(json.get()).ok()?;
                let attributes = attributes.into_iter();
                Some(attributes.map(|(name, value)| (name.0, value)).collect())
            }
            Content::Attributes(attributes) => {
                let attributes = attributes.iter();
                Some(
                    attributes
                        .map(|&(name, value)| (Cow::from(name), value))
                        .collect(),
                )
            }
        }
    }
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
                content: Content::Json(body.key.or(body.item)?),
            })
        });
        let together = body.transact_items.iter().filter_map(|item| {
            let (action, target) = item.target()?;
            Some(ItemAction {
                action,
                table: target.table_name.name(),
                content: Content::Json(target.key.or(target.item)?),
            })
        });
        single.into_iter().chain(together)
    }

    /// The items that BatchGetItem asks for, or GetItem, or TransactGetItems.
    pub(super) fn items_to_get(&self) -> Vec<ItemAction<'_>> {
        let mut items: Vec<_> = self
            .items()
            .filter(|item| item.action == Action::Get)
            .collect();
        for (table, requests) in &self.body.request_items {
            // A list is one of writes.
            let Ok(Keys { keys }) = serde_json::from_str(requests.get()) else {
                continue;
            };
            items.extend(keys.into_iter().map(|key| ItemAction {
                action: Action::Get,
                table: table.name(),
                content: Content::Json(key),
            }));
        }
        items
    }

    /// For each statement of BatchExecuteStatement, the item that it inserts; none if it does something else or has
    /// values that are no parameters.
    pub(super) fn inserts(&self) -> Vec<Option<ItemAction<'_>>> {
        self.body
            .statements
            .iter()
            .map(StatementText::insert)
            .collect()
    }

    /// Whether its statements write. DynamoDB refuses to mix reads and writes.
    pub(super) fn has_writing_statements(&self) -> bool {
        self.statements().any(|statement| statement.verb.writes())
    }

    /// The table that it reads or writes as a whole.
    pub(super) fn table(&self) -> Option<&str> {
        self.body.table_name.as_ref().map(Text::name)
    }

    fn statements(&self) -> impl Iterator<Item = Statement<'_>> {
        let body = &self.body;
        let several = body.statements.iter().chain(&body.transact_statements);
        let texts = several
            .map(|statement| &statement.statement)
            .chain(&body.statement);
        texts.filter_map(|text| Statement::read(&text.0))
    }

    /// The number of items in a transaction or batch; 1 for everything else.
    pub(super) fn size(&self) -> usize {
        let batch = self.body.request_items.values();
        let in_batch: usize = batch.map(|requests| entries(requests.get())).sum();
        let statements = self.body.statements.len() + self.body.transact_statements.len();
        (self.body.transact_items.len() + in_batch + statements).max(1)
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
        for Statement {
            verb, table, index, ..
        } in self.statements()
        {
            need(verb.permission(), Cow::from(resource(table, index)));
        }
        for table in body.request_items.keys() {
            need(self.operation, table.borrowed_name());
        }
        if let Some(table) = &body.table_name {
            let resource = match &body.index_name {
                Some(index) => Cow::from(resource(table.name(), Some(&index.0))),
                None => table.borrowed_name(),
            };
            need(self.operation, resource);
        }
        needed
    }
}

impl StatementText<'_> {
    fn insert(&self) -> Option<ItemAction<'_>> {
        let statement = Statement::read(&self.statement.0)?;
        if statement.verb != Verb::Insert {
            return None;
        }
        let names = statement.attributes?;
        let values = self.parameters.iter().copied();
        Some(ItemAction {
            action: Action::Put,
            table: statement.table,
            content: Content::Attributes(names.into_iter().zip(values).collect()),
        })
    }
}

/// A table or an index, as policies name it.
fn resource(table: &str, index: Option<&str>) -> String {
    match index {
        Some(index) => format!("{table}/index/{index}"),
        None => table.to_owned(),
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
    fn a_statement_needs_the_permission_of_its_verb() {
        let body = r#"{"Statements": [
            {"Statement": "INSERT INTO \"orders\" VALUE {'id': ?, 'text': ?}", "Parameters": [{"S": "1"}, {"S": "abc"}]},
            {"Statement": "INSERT INTO \"orders\" VALUE {'id': ?}", "Parameters": [{"S": "2"}]},
            {"Statement": "UPDATE \"orders\" SET a = 1 WHERE id = '3'"}
        ]}"#;
        let needed = permissions("BatchExecuteStatement", body);
        assert_eq!(needed, ["PartiQLInsert orders", "PartiQLUpdate orders"]);
        let request = Request::read("BatchExecuteStatement", body.as_bytes()).expect("a good body");
        assert_eq!(request.size(), 3);
        assert!(request.has_writing_statements());
        let key = ["id".to_owned()];
        let inserts: Vec<_> = request
            .inserts()
            .into_iter()
            .map(|insert| insert.map(|item| (item.key(&key), item.bytes())))
            .collect();
        let item = |id: &str, bytes| Some((Some(format!("orders\n{{\"S\":\"{id}\"}}")), bytes));
        assert_eq!(inserts, [item("1", 2 + 1 + 4 + 3), item("2", 3), None]);

        let select = r#"{"Statement": "SELECT * FROM \"orders\".\"unpaid\" WHERE shard = 1"}"#;
        let needed = permissions("ExecuteStatement", select);
        assert_eq!(needed, ["PartiQLSelect orders/index/unpaid"]);
    }

    #[test]
    fn a_delete_in_a_transaction_and_a_scan_need_their_own_permissions() {
        let body =
            r#"{"TransactItems": [{"Delete": {"TableName": "open", "Key": {"id": {"S": "1"}}}}]}"#;
        assert_eq!(permissions("TransactWriteItems", body), ["DeleteItem open"]);
        let scan = r#"{"TableName": "open", "ConsistentRead": true}"#;
        assert_eq!(permissions("Scan", scan), ["Scan open"]);
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
        assert_eq!(request.items_to_get().len(), 3);
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
