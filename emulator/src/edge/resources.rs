//! Creates the template's tables and queues at an endpoint, with the AWS SDK, so any endpoint will do.

use std::collections::{BTreeSet, HashMap};

use anyhow::{Context as _, bail};
use aws_credential_types::Credentials as SdkCredentials;
use aws_sdk_dynamodb::error::ProvideErrorMetadata as _;
use aws_sdk_dynamodb::types::{
    AttributeDefinition, BillingMode, GlobalSecondaryIndex, KeySchemaElement, KeyType,
    LocalSecondaryIndex, Projection, ProjectionType, ScalarAttributeType, StreamSpecification,
    StreamViewType, TimeToLiveSpecification, TimeToLiveStatus,
};
use aws_sdk_sqs::config::StalledStreamProtectionConfig;
use aws_sdk_sqs::types::QueueAttributeName;
use serde_json::json;

use super::caller::EMULATOR_KEY_ID;
use crate::http_client;
use crate::lambda::Credentials;
use crate::template::{KeyPart, Queue, SecondaryIndex, Storage, Table};

/// How the emulator itself calls DynamoDB and SQS.
#[derive(Debug, Clone)]
pub(crate) struct Clients {
    pub(crate) dynamodb: aws_sdk_dynamodb::Client,
    pub(crate) sqs: aws_sdk_sqs::Client,
}

impl Clients {
    pub(crate) fn new(endpoint: &str, region: &str, credentials: Option<&Credentials>) -> Self {
        let credentials = match credentials {
            Some(given) => SdkCredentials::new(
                &given.access_key_id,
                &given.secret_access_key,
                given.session_token.clone(),
                None,
                "environment",
            ),
            None => SdkCredentials::new(EMULATOR_KEY_ID, "local", None, None, "emulator"),
        };
        let http_client = http_client::for_endpoint(endpoint);
        let dynamodb = aws_sdk_dynamodb::Config::builder()
            .behavior_version_latest()
            .region(aws_sdk_dynamodb::config::Region::new(region.to_owned()))
            .endpoint_url(endpoint)
            .credentials_provider(credentials.clone())
            .http_client(http_client.clone())
            .build();
        let sqs = aws_sdk_sqs::Config::builder()
            .behavior_version_latest()
            .region(aws_sdk_sqs::config::Region::new(region.to_owned()))
            .endpoint_url(endpoint)
            .credentials_provider(credentials)
            .http_client(http_client)
            // A long poll is meant to be silent for a while.
            .stalled_stream_protection(StalledStreamProtectionConfig::disabled())
            .build();
        Clients {
            dynamodb: aws_sdk_dynamodb::Client::from_conf(dynamodb),
            sqs: aws_sdk_sqs::Client::from_conf(sqs),
        }
    }
}

/// Where a queue turned out to be.
#[derive(Debug)]
pub(crate) struct PlacedQueue {
    pub(crate) logical_id: String,
    pub(crate) url: String,
    pub(crate) arn: String,
}

/// Creates what is not there yet.
pub(crate) async fn create(
    clients: &Clients,
    storage: &Storage,
) -> anyhow::Result<Vec<PlacedQueue>> {
    for table in &storage.tables {
        create_table(&clients.dynamodb, table)
            .await
            .with_context(|| format!("can't create the table {}", table.name))?;
    }
    let mut placed = Vec::new();
    for queue in &storage.queues {
        let queue = create_queue(&clients.sqs, queue)
            .await
            .with_context(|| format!("can't create the queue {}", queue.name))?;
        placed.push(queue);
    }
    for queue in &storage.queues {
        set_dead_letters(&clients.sqs, queue, storage, &placed)
            .await
            .with_context(|| {
                format!("can't give the queue {} its dead-letter queue", queue.name)
            })?;
    }
    Ok(placed)
}

async fn create_table(dynamodb: &aws_sdk_dynamodb::Client, table: &Table) -> anyhow::Result<()> {
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

async fn set_time_to_live(
    dynamodb: &aws_sdk_dynamodb::Client,
    table: &Table,
) -> anyhow::Result<()> {
    let Some(attribute) = &table.time_to_live else {
        return Ok(());
    };
    if time_to_live(dynamodb, table).await?.as_ref() == Some(attribute) {
        // To say it again would be an error.
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
async fn time_to_live(
    dynamodb: &aws_sdk_dynamodb::Client,
    table: &Table,
) -> anyhow::Result<Option<String>> {
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
async fn check_same_keys(dynamodb: &aws_sdk_dynamodb::Client, table: &Table) -> anyhow::Result<()> {
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
        .map(|index| in_words(index.index_name().unwrap_or_default(), index.key_schema()))
        .collect();
    let mut wanted = BTreeSet::new();
    for index in &table.global_indexes {
        wanted.insert(in_words(&index.name, &key_schema(&index.key)?));
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
fn in_words(index: &str, key: &[KeySchemaElement]) -> String {
    let part = |part: &KeySchemaElement| format!("{} {}", part.attribute_name(), part.key_type());
    let key: Vec<String> = key.iter().map(part).collect();
    format!("{index} ({})", key.join(", "))
}

async fn create_queue(sqs: &aws_sdk_sqs::Client, queue: &Queue) -> anyhow::Result<PlacedQueue> {
    let attributes: HashMap<QueueAttributeName, String> = queue
        .attributes
        .iter()
        .map(|(key, value)| (QueueAttributeName::from(key.as_str()), value.clone()))
        .collect();
    let created = sqs
        .create_queue()
        .queue_name(&queue.name)
        .set_attributes((!attributes.is_empty()).then_some(attributes))
        .send()
        .await
        .map_err(explain)?;
    let url = created
        .queue_url()
        .context("the new queue has no URL")?
        .to_owned();
    let described = sqs
        .get_queue_attributes()
        .queue_url(&url)
        .attribute_names(QueueAttributeName::QueueArn)
        .send()
        .await
        .map_err(explain)?;
    let arn = described
        .attributes()
        .and_then(|attributes| attributes.get(&QueueAttributeName::QueueArn))
        .context("the new queue has no ARN")?
        .to_owned();
    Ok(PlacedQueue {
        logical_id: queue.logical_id.clone(),
        url,
        arn,
    })
}

/// Set once all queues exist, because a queue may stand in the template before its dead-letter queue.
async fn set_dead_letters(
    sqs: &aws_sdk_sqs::Client,
    queue: &Queue,
    storage: &Storage,
    placed: &[PlacedQueue],
) -> anyhow::Result<()> {
    let Some(policy) = &queue.dead_letters else {
        return Ok(());
    };
    let find = |logical_id: &str| placed.iter().find(|placed| placed.logical_id == logical_id);
    // The account in the template's ARN is the emulator's; at another endpoint only the name is the same.
    let target_name = policy.target_arn.rsplit(':').next().unwrap_or_default();
    let target = storage
        .queues
        .iter()
        .find(|candidate| candidate.name == target_name)
        .and_then(|candidate| find(&candidate.logical_id))
        .with_context(|| format!("{} is not a queue of the template", policy.target_arn))?;
    let source = find(&queue.logical_id).context("the queue was not created")?;
    let redrive = json!({
        "deadLetterTargetArn": target.arn,
        "maxReceiveCount": policy.max_receive_count,
    });
    sqs.set_queue_attributes()
        .queue_url(&source.url)
        .attributes(QueueAttributeName::RedrivePolicy, redrive.to_string())
        .send()
        .await
        .map_err(explain)?;
    Ok(())
}

/// The service's own words instead of "service error".
fn explain<E, R>(error: aws_sdk_dynamodb::error::SdkError<E, R>) -> anyhow::Error
where
    E: std::error::Error + aws_sdk_dynamodb::error::ProvideErrorMetadata + Send + Sync + 'static,
    R: std::fmt::Debug + Send + Sync + 'static,
{
    match (error.code(), error.message()) {
        (Some(code), Some(message)) => anyhow::anyhow!("{code}: {message}"),
        (Some(code), None) => anyhow::anyhow!("{code}"),
        _ => anyhow::Error::from(error),
    }
}
