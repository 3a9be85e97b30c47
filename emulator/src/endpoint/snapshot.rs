//! Snapshots of what goes on, for the page: recorded work, and the tables and queues as they are now.

use std::time::{Duration, Instant};

use aws_sdk_sqs::types::QueueAttributeName;
use axum::body::Bytes;
use emulator_api::FunctionReport;
use futures_util::future::join_all;
use jiff::Timestamp;
use serde::Serialize;
use tokio::sync::Mutex;
use tokio::time::timeout;

use super::stock::{Stock, StockReport};
use crate::clients::Clients;
use crate::lambda::Lambda;
use crate::page::{Page, PageReport};
use crate::template::{Queue, QueueSource, Table};

/// Tables and queues are read no more often, however many pages are open.
const FRESH: Duration = Duration::from_millis(500);
/// Longest wait for a table or a queue.
const READ_TIMEOUT: Duration = Duration::from_secs(2);

/// Makes snapshots. Tables and queues are read only while a page is open.
#[derive(Debug)]
pub(crate) struct Snapshots {
    api_url: String,
    clients: Clients,
    queues: Vec<WatchedQueue>,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    stock: Stock,
    latest: Option<(Instant, Bytes)>,
}

#[derive(Debug)]
pub(crate) struct WatchedQueue {
    name: String,
    url: String,
    /// Whether it is the dead-letter queue of another.
    dead_letters: bool,
    consumer: Option<Consumer>,
}

/// The function that gets a queue's messages, and in which batches.
#[derive(Debug, Clone, Serialize)]
struct Consumer {
    function: String,
    batch_size: usize,
    window_seconds: u64,
    max_concurrency: Option<usize>,
}

#[derive(Debug, Serialize)]
struct Snapshot<'a> {
    time: Timestamp,
    api_url: &'a str,
    #[serde(flatten)]
    page: PageReport,
    queues: Vec<QueueReport<'a>>,
    /// None while no table holds any.
    stock: Option<StockReport>,
    functions: Vec<FunctionReport>,
}

#[derive(Debug, Serialize)]
struct QueueReport<'a> {
    name: &'a str,
    dead_letters: bool,
    consumer: Option<&'a Consumer>,
    /// None when the queue doesn't answer.
    depth: Option<Depth>,
}

#[derive(Debug, Serialize)]
struct Depth {
    /// Messages that may be received.
    waiting: u64,
    /// Messages that were received, and neither deleted nor returned.
    in_flight: u64,
    /// Messages that may not be received yet.
    delayed: u64,
}

impl WatchedQueue {
    /// The template's queues, at these URLs. `sources` are the functions' event sources.
    pub(crate) fn all(
        queues: &[Queue],
        url: impl Fn(&Queue) -> Option<String>,
        sources: &[QueueSource],
    ) -> Vec<WatchedQueue> {
        let targets: Vec<&str> = queues
            .iter()
            .filter_map(|queue| queue.dead_letters.as_ref()?.target_arn.rsplit(':').next())
            .collect();
        let watched = |queue: &Queue| {
            let url = url(queue)?;
            let source = sources.iter().find(|source| source.queue_url == url);
            Some(WatchedQueue {
                name: queue.logical_id.clone(),
                dead_letters: targets.contains(&queue.name.as_str()),
                consumer: source.map(|source| Consumer {
                    function: source.function.clone(),
                    batch_size: source.batch_size,
                    window_seconds: source.window.as_secs(),
                    max_concurrency: source.max_concurrency,
                }),
                url,
            })
        };
        queues.iter().filter_map(watched).collect()
    }
}

impl Snapshots {
    pub(crate) fn new(
        api_url: String,
        clients: Clients,
        tables: &[Table],
        queues: Vec<WatchedQueue>,
    ) -> Self {
        Snapshots {
            state: Mutex::new(State {
                stock: Stock::new(clients.dynamodb.clone(), tables),
                latest: None,
            }),
            api_url,
            clients,
            queues,
        }
    }

    /// The snapshot as JSON.
    ///
    /// # Errors
    /// When it can't be written as JSON.
    pub(super) async fn latest(&self, page: &Page, lambda: &Lambda) -> serde_json::Result<Bytes> {
        // Callers that come meanwhile wait here, and get the same snapshot.
        let mut state = self.state.lock().await;
        if let Some((made, json)) = &state.latest
            && made.elapsed() < FRESH
        {
            return Ok(json.clone());
        }
        let depths = join_all(self.queues.iter().map(|queue| self.depth(queue)));
        let (depths, stock) = tokio::join!(depths, timeout(READ_TIMEOUT, state.stock.read()));
        let queues = self.queues.iter().zip(depths);
        let snapshot = Snapshot {
            time: Timestamp::now(),
            api_url: &self.api_url,
            page: page.report(),
            queues: queues
                .map(|(queue, depth)| QueueReport {
                    name: &queue.name,
                    dead_letters: queue.dead_letters,
                    consumer: queue.consumer.as_ref(),
                    depth,
                })
                .collect(),
            stock: stock.ok().flatten(),
            functions: lambda.reports(),
        };
        let json = Bytes::from(serde_json::to_vec(&snapshot)?);
        state.latest = Some((Instant::now(), json.clone()));
        Ok(json)
    }

    async fn depth(&self, queue: &WatchedQueue) -> Option<Depth> {
        let request = self
            .clients
            .sqs
            .get_queue_attributes()
            .queue_url(&queue.url);
        let request = request.attribute_names(QueueAttributeName::All);
        let answer = timeout(READ_TIMEOUT, request.send()).await.ok()?.ok()?;
        let attributes = answer.attributes?;
        let count = |name| attributes.get(&name)?.parse().ok();
        Some(Depth {
            waiting: count(QueueAttributeName::ApproximateNumberOfMessages)?,
            in_flight: count(QueueAttributeName::ApproximateNumberOfMessagesNotVisible)?,
            delayed: count(QueueAttributeName::ApproximateNumberOfMessagesDelayed)?,
        })
    }
}
