//! Tables, queues, and what `Ref` and `Fn::GetAtt` give for every kind of resource.

use std::collections::BTreeMap;

use super::Problem;
use super::model::{DeadLetters, KeyPart, Queue, SecondaryIndex, Storage, Table};
use super::resolve::{Facts, Resolver, Resource};
use super::yaml::{Node, Position};

pub(super) const TABLE: &str = "AWS::DynamoDB::Table";
pub(super) const SIMPLE_TABLE: &str = "AWS::Serverless::SimpleTable";
pub(super) const QUEUE: &str = "AWS::SQS::Queue";
pub(super) const FUNCTION: &str = "AWS::Serverless::Function";
pub(super) const HTTP_API: &str = "AWS::Serverless::HttpApi";
/// The API that SAM makes for routes that name none.
pub(super) const IMPLICIT_HTTP_API: &str = "ServerlessHttpApi";

/// Queue properties whose value CreateQueue takes as it stands, with their limits in SQS.
const QUEUE_NUMBERS: [(&str, i64, i64); 6] = [
    ("DelaySeconds", 0, 900),
    ("MaximumMessageSize", 1_024, 1_048_576),
    ("MessageRetentionPeriod", 60, 1_209_600),
    ("ReceiveMessageWaitTimeSeconds", 0, 20),
    ("VisibilityTimeout", 0, 43_200),
    ("KmsDataKeyReusePeriodSeconds", 60, 86_400),
];
const FIFO_ATTRIBUTES: [&str; 4] = [
    "FifoQueue",
    "ContentBasedDeduplication",
    "DeduplicationScope",
    "FifoThroughputLimit",
];

/// The tables and queues of the template.
pub(super) fn storage(resolver: &Resolver) -> Result<Storage, Problem> {
    let mut storage = Storage::default();
    for resource in resolver.resources()? {
        match resource.kind {
            TABLE => storage.tables.push(table(resolver, &resource)?),
            SIMPLE_TABLE => storage.tables.push(simple_table(resolver, &resource)?),
            QUEUE => storage.queues.push(queue(resolver, &resource)?),
            _ => {}
        }
    }
    Ok(storage)
}

fn table(resolver: &Resolver, resource: &Resource<'_>) -> Result<Table, Problem> {
    let property = |key| resolver.property(resource, key);
    let required = |key| {
        property(key)?.ok_or_else(|| {
            Problem::expected(
                resource.at,
                format!("{} to have `{key}`", resource.id),
                "none",
            )
        })
    };
    let mut attributes = Vec::new();
    for definition in required("AttributeDefinitions")?.items()? {
        let name = definition.require("AttributeName")?.text()?.to_owned();
        let kind = definition.require("AttributeType")?;
        if !matches!(kind.text()?, "S" | "N" | "B") {
            return Err(kind.expected("S, N or B"));
        }
        attributes.push((name, kind.text()?.to_owned()));
    }
    let key = key_schema(&required("KeySchema")?)?;
    let global_indexes = property("GlobalSecondaryIndexes")?.map_or(Ok(vec![]), |n| indexes(&n))?;
    let local_indexes = property("LocalSecondaryIndexes")?.map_or(Ok(vec![]), |n| indexes(&n))?;
    let stream = match property("StreamSpecification")? {
        Some(node) => Some(node.require("StreamViewType")?.text()?.to_owned()),
        None => None,
    };
    Ok(Table {
        logical_id: resource.id.to_owned(),
        name: reference(resolver, resource, 0)?,
        attributes,
        key,
        global_indexes,
        local_indexes,
        stream,
        time_to_live: time_to_live(property("TimeToLiveSpecification")?.as_ref())?,
    })
}

fn time_to_live(specification: Option<&Node>) -> Result<Option<String>, Problem> {
    let Some(node) = specification else {
        return Ok(None);
    };
    if !node.require("Enabled")?.boolean()? {
        return Ok(None);
    }
    Ok(Some(node.require("AttributeName")?.text()?.to_owned()))
}

fn key_schema(node: &Node) -> Result<Vec<KeyPart>, Problem> {
    let mut parts = Vec::new();
    for part in node.items()? {
        let kind = part.require("KeyType")?;
        if !matches!(kind.text()?, "HASH" | "RANGE") {
            return Err(kind.expected("HASH or RANGE"));
        }
        let attribute = part.require("AttributeName")?.text()?.to_owned();
        parts.push(KeyPart {
            attribute,
            kind: kind.text()?.to_owned(),
        });
    }
    Ok(parts)
}

fn indexes(node: &Node) -> Result<Vec<SecondaryIndex>, Problem> {
    let mut indexes = Vec::new();
    for index in node.items()? {
        let projection = index.require("Projection")?;
        let included = match projection.get("NonKeyAttributes") {
            Some(names) => texts(names)?,
            None => Vec::new(),
        };
        indexes.push(SecondaryIndex {
            name: index.require("IndexName")?.text()?.to_owned(),
            key: key_schema(index.require("KeySchema")?)?,
            projection: projection.require("ProjectionType")?.text()?.to_owned(),
            included,
        });
    }
    Ok(indexes)
}

/// `AWS::Serverless::SimpleTable`: one key, `id` of type String unless the template says otherwise.
fn simple_table(resolver: &Resolver, resource: &Resource<'_>) -> Result<Table, Problem> {
    let (attribute, kind) = match resolver.property(resource, "PrimaryKey")? {
        None => ("id".to_owned(), "S"),
        Some(key) => {
            let name = key.require("Name")?.text()?.to_owned();
            let kind = key.require("Type")?;
            match kind.text()? {
                "String" => (name, "S"),
                "Number" => (name, "N"),
                "Binary" => (name, "B"),
                _ => return Err(kind.expected("String, Number or Binary")),
            }
        }
    };
    Ok(Table {
        logical_id: resource.id.to_owned(),
        name: reference(resolver, resource, 0)?,
        attributes: vec![(attribute.clone(), kind.to_owned())],
        key: vec![KeyPart {
            attribute,
            kind: "HASH".to_owned(),
        }],
        global_indexes: vec![],
        local_indexes: vec![],
        stream: None,
        time_to_live: None,
    })
}

fn queue(resolver: &Resolver, resource: &Resource<'_>) -> Result<Queue, Problem> {
    let mut attributes = BTreeMap::new();
    for (key, min, max) in QUEUE_NUMBERS {
        if let Some(node) = resolver.property(resource, key)? {
            attributes.insert(key.to_owned(), node.integer(min, max)?.to_string());
        }
    }
    for key in FIFO_ATTRIBUTES {
        if let Some(node) = resolver.property(resource, key)? {
            attributes.insert(key.to_owned(), node.text()?.to_owned());
        }
    }
    let dead_letters = match resolver.property(resource, "RedrivePolicy")? {
        Some(policy) => Some(DeadLetters {
            target_arn: policy.require("deadLetterTargetArn")?.text()?.to_owned(),
            max_receive_count: policy.require("maxReceiveCount")?.integer(1, 1_000)?,
        }),
        None => None,
    };
    Ok(Queue {
        logical_id: resource.id.to_owned(),
        name: physical_name(resolver, resource, "QueueName", 0)?,
        attributes,
        dead_letters,
    })
}

pub(super) fn texts(node: &Node) -> Result<Vec<String>, Problem> {
    node.one_or_many()
        .iter()
        .map(|item| item.text().map(str::to_owned))
        .collect()
}

/// What `Ref` gives.
pub(super) fn reference(
    resolver: &Resolver,
    resource: &Resource<'_>,
    depth: usize,
) -> Result<String, Problem> {
    match resource.kind {
        QUEUE => {
            let name = physical_name(resolver, resource, "QueueName", depth)?;
            let Facts {
                edge_url,
                account_id,
                ..
            } = resolver.facts();
            Ok(match resolver.placed(resource.id) {
                Some(placed) => placed.url.clone(),
                None => format!("{edge_url}/{account_id}/{name}"),
            })
        }
        TABLE | SIMPLE_TABLE => physical_name(resolver, resource, "TableName", depth),
        FUNCTION => physical_name(resolver, resource, "FunctionName", depth),
        HTTP_API => Ok(api_id(resource.id)),
        "AWS::Cognito::UserPool" => Ok(user_pool_id(resolver.facts(), resource.id)),
        _ => Ok(resource.id.to_owned()),
    }
}

/// What `Fn::GetAtt` gives.
pub(super) fn attribute(
    resolver: &Resolver,
    resource: &Resource<'_>,
    attribute: &str,
    at: Position,
    depth: usize,
) -> Result<String, Problem> {
    let facts = resolver.facts();
    let Facts {
        region, account_id, ..
    } = facts;
    let name = |key| physical_name(resolver, resource, key, depth);
    let pool = || user_pool_id(facts, resource.id);
    Ok(match (resource.kind, attribute) {
        (QUEUE, "Arn") => match resolver.placed(resource.id) {
            Some(placed) => placed.arn.clone(),
            None => format!("arn:aws:sqs:{region}:{account_id}:{}", name("QueueName")?),
        },
        (QUEUE, "QueueName") => name("QueueName")?,
        (QUEUE, "QueueUrl") => reference(resolver, resource, depth)?,
        (TABLE | SIMPLE_TABLE, "Arn") => {
            format!(
                "arn:aws:dynamodb:{region}:{account_id}:table/{}",
                name("TableName")?
            )
        }
        (TABLE, "StreamArn") => {
            format!(
                "arn:aws:dynamodb:{region}:{account_id}:table/{}/stream/local",
                name("TableName")?
            )
        }
        (FUNCTION, "Arn") => function_arn(facts, &name("FunctionName")?),
        (HTTP_API, "ApiEndpoint") => facts.api_url.clone(),
        ("AWS::Cognito::UserPool", "ProviderName") => {
            format!("cognito-idp.{region}.amazonaws.com/{}", pool())
        }
        ("AWS::Cognito::UserPool", "ProviderURL") => {
            format!("https://cognito-idp.{region}.amazonaws.com/{}", pool())
        }
        ("AWS::Cognito::UserPool", "UserPoolId") => pool(),
        ("AWS::Cognito::UserPoolClient", "ClientId") => resource.id.to_owned(),
        (TABLE | SIMPLE_TABLE | QUEUE | FUNCTION | HTTP_API, unknown) => {
            let expected = format!("an attribute of {} ({})", resource.id, resource.kind);
            return Err(Problem::expected(at, expected, format!("`{unknown}`")));
        }
        _ => stand_in(facts, resource.id, attribute),
    })
}

/// A value for an attribute of a resource that isn't emulated, so that the rest can refer to it.
pub(super) fn stand_in(facts: &Facts, id: &str, attribute: &str) -> String {
    let Facts {
        region, account_id, ..
    } = facts;
    if attribute.ends_with("Arn") {
        format!("arn:aws:local:{region}:{account_id}:{id}")
    } else {
        format!("{id}.{attribute}")
    }
}

pub(super) fn function_arn(facts: &Facts, name: &str) -> String {
    format!(
        "arn:aws:lambda:{}:{}:function:{name}",
        facts.region, facts.account_id
    )
}

pub(super) fn api_id(logical_id: &str) -> String {
    logical_id.to_ascii_lowercase()
}

fn user_pool_id(facts: &Facts, logical_id: &str) -> String {
    format!("{}_{logical_id}", facts.region)
}

/// The name the template gives, or one made of the stack's name as AWS does, but the same at every start.
pub(super) fn physical_name(
    resolver: &Resolver,
    resource: &Resource<'_>,
    property: &str,
    depth: usize,
) -> Result<String, Problem> {
    if let Some(name) = resolver.property_within(resource, property, depth + 1)? {
        return Ok(name.text()?.to_owned());
    }
    let name = format!("{}-{}", resolver.facts().stack_name, resource.id);
    let is_fifo = resource.kind == QUEUE
        && resolver
            .property_within(resource, "FifoQueue", depth + 1)?
            .is_some_and(|node| node.boolean() == Ok(true));
    Ok(if is_fifo {
        format!("{name}.fifo")
    } else {
        name
    })
}
