//! Creates the template's tables.

use std::collections::BTreeSet;

use anyhow::{Context as _, bail};
use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::error::ProvideErrorMetadata as _;
use aws_sdk_dynamodb::types::{
    AttributeDefinition, BillingMode, GlobalSecondaryIndex, KeySchemaElement, KeyType,
    LocalSecondaryIndex, Projection, ProjectionType, ScalarAttributeType, StreamSpecification,
    StreamViewType, TimeToLiveSpecification, TimeToLiveStatus,
};

use crate::clients::explain;
use crate::template::{KeyPart, SecondaryIndex, Table};

/// Creates the tables that don't exist yet.
pub(crate) async fn create_tables(dynamodb: &Client, tables: &[Table]) -> anyhow::Result<()> {
    for table in tables {
        create_table(dynamodb, table)
            .await
            .with_context(|| format!("can't create the table {}", table.name))?;
    }
    Ok(())
}

async fn create_table(dynamodb: &Client, table: &Table) -> anyhow::Result<()> {
    let mut request = dynamodb
        .create_table()
        .table_name(&table.name)
        .billing_mode(BillingMode::PayPerRequest)
        .set_key_schema(Some(key_schema(&table.key)?));
    for (name, kind) in &table.attributes {
        let definition = AttributeDefinition::builder()
            .attribute_name(name)
            .attribute_type(ScalarAttributeType::from(kind.as_str()))
            .build()?;
        request = request.attribute_definitions(definition);
    }
    for index in &table.global_indexes {
        let index = GlobalSecondaryIndex::builder()
            .index_name(&index.name)
            .set_key_schema(Some(key_schema(&index.key)?))
            .projection(projection(index))
            .build()?;
        request = request.global_secondary_indexes(index);
    }
    for index in &table.local_indexes {
        let index = LocalSecondaryIndex::builder()
            .index_name(&index.name)
            .set_key_schema(Some(key_schema(&index.key)?))
            .projection(projection(index))
            .build()?;
        request = request.local_secondary_indexes(index);
    }
    if let Some(view) = &table.stream {
        let stream = StreamSpecification::builder()
            .stream_enabled(true)
            .stream_view_type(StreamViewType::from(view.as_str()))
            .build()?;
        request = request.stream_specification(stream);
    }
    match request.send().await {
        Ok(_) => {}
        Err(error) if error.code() == Some("ResourceInUseException") => {
            check_same_keys(dynamodb, table).await?;
        }
        Err(error) => return Err(explain(error)),
    }
    set_time_to_live(dynamodb, table).await
}

fn key_schema(key: &[KeyPart]) -> anyhow::Result<Vec<KeySchemaElement>> {
    let element = |part: &KeyPart| {
        KeySchemaElement::builder()
            .attribute_name(&part.attribute)
            .key_type(KeyType::from(part.kind.as_str()))
            .build()
    };
    Ok(key.iter().map(element).collect::<Result<_, _>>()?)
}

fn projection(index: &SecondaryIndex) -> Projection {
    let included = (!index.included.is_empty()).then(|| index.included.clone());
    Projection::builder()
        .projection_type(ProjectionType::from(index.projection.as_str()))
        .set_non_key_attributes(included)
        .build()
}

async fn set_time_to_live(dynamodb: &Client, table: &Table) -> anyhow::Result<()> {
    let Some(attribute) = &table.time_to_live else {
        return Ok(());
    };
    if time_to_live(dynamodb, table).await?.as_ref() == Some(attribute) {
        // Setting it again would be an error.
        return Ok(());
    }
    let specification = TimeToLiveSpecification::builder()
        .attribute_name(attribute)
        .enabled(true)
        .build()?;
    dynamodb
        .update_time_to_live()
        .table_name(&table.name)
        .time_to_live_specification(specification)
        .send()
        .await
        .map_err(explain)?;
    Ok(())
}

/// The attribute by which the table's items expire now, if any do.
async fn time_to_live(dynamodb: &Client, table: &Table) -> anyhow::Result<Option<String>> {
    let described = dynamodb
        .describe_time_to_live()
        .table_name(&table.name)
        .send()
        .await
        .map_err(explain)?;
    let description = described.time_to_live_description.filter(|description| {
        let status = description.time_to_live_status();
        matches!(
            status,
            Some(TimeToLiveStatus::Enabled | TimeToLiveStatus::Enabling)
        )
    });
    Ok(description.and_then(|description| description.attribute_name))
}

/// A table kept from an earlier run must still be the template's table: keys can't be changed afterwards.
async fn check_same_keys(dynamodb: &Client, table: &Table) -> anyhow::Result<()> {
    let described = dynamodb
        .describe_table()
        .table_name(&table.name)
        .send()
        .await
        .map_err(explain)?;
    let kept = described.table().context("the table has no description")?;
    if kept.key_schema() != key_schema(&table.key)? {
        bail!("it exists with another key; delete it (or the data directory) and start again");
    }
    let kept_indexes: BTreeSet<String> = kept
        .global_secondary_indexes()
        .iter()
        .map(|index| describe_index(index.index_name().unwrap_or_default(), index.key_schema()))
        .collect();
    let mut wanted = BTreeSet::new();
    for index in &table.global_indexes {
        wanted.insert(describe_index(&index.name, &key_schema(&index.key)?));
    }
    if kept_indexes != wanted {
        let list = |indexes: BTreeSet<String>| Vec::from_iter(indexes).join(", ");
        bail!(
            "it exists with the indexes [{}], the template has [{}]; delete it (or the data \
             directory) and start again",
            list(kept_indexes),
            list(wanted)
        );
    }
    Ok(())
}

/// An index with its key, such as `by-name (shop HASH, name RANGE)`.
fn describe_index(index: &str, key: &[KeySchemaElement]) -> String {
    let part = |part: &KeySchemaElement| format!("{} {}", part.attribute_name(), part.key_type());
    let key: Vec<String> = key.iter().map(part).collect();
    format!("{index} ({})", key.join(", "))
}
