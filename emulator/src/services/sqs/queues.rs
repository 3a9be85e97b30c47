//! Creates the template's queues.

use std::collections::HashMap;

use anyhow::Context as _;
use aws_sdk_sqs::Client;
use aws_sdk_sqs::types::QueueAttributeName;
use serde_json::json;

use crate::clients::explain;
use crate::template::Queue;

/// A queue's address, known once it is created.
#[derive(Debug)]
pub(crate) struct PlacedQueue {
    pub(crate) logical_id: String,
    pub(crate) url: String,
    pub(crate) arn: String,
}

/// Creates the queues that don't exist yet.
pub(crate) async fn create_queues(
    sqs: &Client,
    queues: &[Queue],
) -> anyhow::Result<Vec<PlacedQueue>> {
    let mut placed = Vec::new();
    for queue in queues {
        let queue = create_queue(sqs, queue)
            .await
            .with_context(|| format!("can't create the queue {}", queue.name))?;
        placed.push(queue);
    }
    for queue in queues {
        set_dead_letters(sqs, queue, queues, &placed)
            .await
            .with_context(|| {
                format!("can't give the queue {} its dead-letter queue", queue.name)
            })?;
    }
    Ok(placed)
}

async fn create_queue(sqs: &Client, queue: &Queue) -> anyhow::Result<PlacedQueue> {
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
    sqs: &Client,
    queue: &Queue,
    queues: &[Queue],
    placed: &[PlacedQueue],
) -> anyhow::Result<()> {
    let Some(policy) = &queue.dead_letters else {
        return Ok(());
    };
    let find = |logical_id: &str| placed.iter().find(|placed| placed.logical_id == logical_id);
    // The account in the template's ARN is the emulator's; at another endpoint only the name is the same.
    let target_name = policy.target_arn.rsplit(':').next().unwrap_or_default();
    let target = queues
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
