//! The SQS event source mapping: batches of messages become invocations.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use aws_sdk_sqs::Client;
use aws_sdk_sqs::types::DeleteMessageBatchRequestEntry;
use futures_util::future::join_all;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use uuid::Uuid;

use super::batch::{Batch, Gatherer, Item};
use super::report::{self, Verdict};
use crate::lambda::Function;
use crate::page::{BatchEnd, Page};
use crate::template::QueueSource;

/// Batches side by side where the template sets no MaximumConcurrency; Lambda starts with five.
/// Source: Lambda's developer guide, "Configuring scaling behavior for SQS event source mappings".
const DEFAULT_CONCURRENCY: usize = 5;
/// Receives that wait for a message side by side where there is no window. Lambda starts with five batches at a time;
/// that so many pollers are enough here is an assumption.
const MAX_POLLERS: usize = 5;
/// Most messages that one call deletes.
const MAX_DELETED: usize = 10;
/// A failed invocation keeps its place in MaximumConcurrency for a while, so that a broken function isn't called
/// as fast as it fails.
const MIN_FAILURE_PAUSE: Duration = Duration::from_millis(200);
const MAX_FAILURE_PAUSE: Duration = Duration::from_secs(10);

/// Runs a mapping until the future is dropped.
pub(crate) async fn run(
    source: QueueSource,
    function: Arc<Function>,
    sqs: Client,
    region: String,
    page: Arc<Page>,
) {
    let concurrency = source.max_concurrency.unwrap_or(DEFAULT_CONCURRENCY);
    let places = Arc::new(Semaphore::new(concurrency));
    let failures = Arc::new(Failures::default());
    // A window belongs to one batch, which one poller gathers, so that others don't cut it in pieces.
    let pollers = match source.window.is_zero() {
        true => concurrency.min(MAX_POLLERS),
        false => 1,
    };
    let mapping = Arc::new(Mapping {
        source,
        function,
        sqs,
        failures,
        page,
    });
    join_all((0..pollers).map(|_| poll(&mapping, &places, &region))).await;
}

/// Takes batches from the queue one after another, and lets the function have each as soon as it is complete.
async fn poll(mapping: &Arc<Mapping>, places: &Arc<Semaphore>, region: &str) {
    let mut gatherer = Gatherer::new(
        mapping.sqs.clone(),
        mapping.source.clone(),
        region.to_owned(),
    );
    let mut invocations = JoinSet::new();
    loop {
        // Without a place, messages stay in the queue.
        let Ok(place) = places.clone().acquire_owned().await else {
            return;
        };
        let batch = gatherer.next_batch().await;
        let mapping = mapping.clone();
        invocations.spawn(async move {
            mapping.process(batch).await;
            drop(place);
        });
        while invocations.try_join_next().is_some() {}
    }
}

#[derive(Debug)]
struct Mapping {
    source: QueueSource,
    function: Arc<Function>,
    sqs: Client,
    failures: Arc<Failures>,
    page: Arc<Page>,
}

/// Failed invocations in a row.
#[derive(Debug, Default)]
struct Failures(std::sync::atomic::AtomicU32);

impl Failures {
    fn reset(&self) {
        self.0.store(0, std::sync::atomic::Ordering::Relaxed);
    }

    fn next_pause(&self) -> Duration {
        let before = self.0.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        (MIN_FAILURE_PAUSE * 2_u32.pow(before.min(10))).min(MAX_FAILURE_PAUSE)
    }
}

impl Mapping {
    /// Invokes the function and deletes the messages that are done. The others come back after their visibility timeout.
    async fn process(&self, batch: Batch) {
        let size = batch.items.len();
        let redelivered = batch
            .items
            .iter()
            .filter(|item| item.record.receive_count() > 1)
            .count();
        tracing::debug!(function = %self.source.function, size, redelivered, "batch");
        let request_id = Uuid::new_v4().to_string();
        let batches = &self.page.batches;
        batches.record_start(&self.source.function, &request_id, size, redelivered);
        let event = batch.event().into();
        let result = self.function.invoke_as(&request_id, event, None).await;
        match result {
            Ok(answer) => {
                self.failures.reset();
                let done = self.done(&answer, &batch);
                let undone = size - done.len();
                batches.record_end(&request_id, size, BatchEnd::Answered { undone });
                self.delete(done).await;
            }
            Err(error) => {
                batches.record_end(&request_id, size, BatchEnd::Failed);
                tracing::warn!(function = %self.source.function, size, "a batch failed: {error}");
                tokio::time::sleep(self.failures.next_pause()).await;
            }
        }
    }

    fn done<'b>(&self, answer: &[u8], batch: &'b Batch) -> Vec<&'b Item> {
        let items = batch.items.iter();
        if !self.source.report_item_failures {
            return items.collect();
        }
        let ids: HashSet<&str> = items
            .clone()
            .map(|item| item.record.message_id.as_str())
            .collect();
        match report::read(answer, &ids) {
            Verdict::AllDone => items.collect(),
            Verdict::Failed(failed) => items
                .filter(|item| !failed.contains(&item.record.message_id))
                .collect(),
            Verdict::Invalid(reason) => {
                tracing::warn!(
                    function = %self.source.function,
                    "all messages of a batch count as failed, because its answer is {reason}"
                );
                Vec::new()
            }
        }
    }

    async fn delete(&self, items: Vec<&Item>) {
        join_all(
            items
                .chunks(MAX_DELETED)
                .map(|chunk| self.delete_chunk(chunk)),
        )
        .await;
    }

    /// A message that can't be deleted comes back, which functions must expect anyway.
    async fn delete_chunk(&self, items: &[&Item]) {
        let entries = items
            .iter()
            .enumerate()
            .map(|(index, item)| {
                DeleteMessageBatchRequestEntry::builder()
                    .id(index.to_string())
                    .receipt_handle(&item.record.receipt_handle)
                    .build()
            })
            .collect::<Result<Vec<_>, _>>();
        let Ok(entries) = entries else { return };
        let result = self
            .sqs
            .delete_message_batch()
            .queue_url(&self.source.queue_url)
            .set_entries(Some(entries))
            .send()
            .await;
        match result {
            Ok(output) => {
                for failure in output.failed() {
                    tracing::warn!(queue = %self.source.queue_url, code = failure.code(), "a message was not deleted");
                }
            }
            Err(error) => {
                let error = aws_sdk_sqs::error::DisplayErrorContext(&error);
                tracing::warn!(queue = %self.source.queue_url, "messages were not deleted: {error}");
            }
        }
    }
}
