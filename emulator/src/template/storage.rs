//! Tables and queues.

use std::collections::BTreeMap;

use super::model::{DeadLetters, KeyPart, Queue, SecondaryIndex, Storage, Table};
use super::problem::Problem;
use super::references::{QUEUE, SIMPLE_TABLE, TABLE};
use super::resolve::{Resolver, Resource};
use super::yaml::Node;

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
    let attributes = attributes(&required("AttributeDefinitions")?)?;
    let key = key_schema(&required("KeySchema")?)?;
    let global_indexes = property("GlobalSecondaryIndexes")?.map_or(Ok(vec![]), |n| indexes(&n))?;
    let local_indexes = property("LocalSecondaryIndexes")?.map_or(Ok(vec![]), |n| indexes(&n))?;
    let stream = match property("StreamSpecification")? {
        Some(node) => Some(node.require("StreamViewType")?.text()?.to_owned()),
        None => None,
    };
    Ok(Table {
        logical_id: resource.id.to_owned(),
        name: resolver.reference_to(resource, 0)?,
        attributes,
        key,
        global_indexes,
        local_indexes,
        stream,
        time_to_live: time_to_live(property("TimeToLiveSpecification")?.as_ref())?,
    })
}

fn attributes(definitions: &Node) -> Result<Vec<(String, String)>, Problem> {
    let mut attributes = Vec::new();
    for definition in definitions.items()? {
        let name = definition.require("AttributeName")?.text()?.to_owned();
        let kind = definition.require("AttributeType")?;
        if !matches!(kind.text()?, "S" | "N" | "B") {
            return Err(kind.expected("S, N or B"));
        }
        attributes.push((name, kind.text()?.to_owned()));
    }
    Ok(attributes)
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
            Some(names) => names.texts()?,
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
        name: resolver.reference_to(resource, 0)?,
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
        name: resolver.physical_name(resource, "QueueName", 0)?,
        attributes,
        dead_letters,
    })
}
