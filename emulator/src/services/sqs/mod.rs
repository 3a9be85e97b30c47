//! SQS: an engine, the requests that are billed, and AWS's latency on demand.

mod engine;
mod journal;
mod latency;
mod queues;
mod request;

use std::time::Duration;

use axum::body::HttpBody as _;
use futures_util::future::BoxFuture;
use tokio::time::Instant;

use super::call::{Answer, Call, Service};
use super::settings::Settings;
use crate::caller::Caller;
use crate::meter::{Consumption, Ending, billed_requests};
use crate::simulation::{Latencies, Work};
use engine::Engine;
pub(crate) use queues::PlacedQueue;
pub(super) use queues::create_queues;

/// The journal's name in the data directory.
const FILE: &str = "sqs.sqlite";
/// SQS bills every 64 KB of a request or its answer as a request. Source: Amazon SQS pricing.
const BILLED_STEP_BYTES: u64 = 64 * 1_024;

#[derive(Debug)]
pub(super) struct Sqs {
    engine: Engine,
    latencies: Option<Latencies>,
}

impl Sqs {
    pub(super) fn start(settings: &Settings<'_>) -> anyhow::Result<Self> {
        let file = settings.data_dir.map(|folder| folder.join(FILE));
        Ok(Sqs {
            engine: Engine::start(
                settings.region,
                settings.account_id,
                settings.port,
                file.as_deref(),
            )?,
            latencies: settings.realism.latencies(&latency::PROFILES),
        })
    }

    async fn answer_call<'a>(&self, call: &'a Call) -> Answer<'a> {
        let called_at = Instant::now();
        let latency = self.latency(call);
        let response = self.engine.call(call).await;
        if let Some(latency) = latency {
            // A receive that waited for its message still has the way back.
            let time = (called_at + latency).max(Instant::now() + latency / 2);
            tokio::time::sleep_until(time).await;
        }
        // The engine's answers are in memory, so this is their size.
        let answer_bytes = response.body().size_hint().lower();
        let answer_bytes = usize::try_from(answer_bytes).unwrap_or(usize::MAX);
        let ending = match response.status().is_success() {
            true => Ending::Success,
            false => Ending::OtherFailure,
        };
        Answer {
            response,
            consumption: Consumption {
                billed_requests: billed_requests(BILLED_STEP_BYTES, call.body.len(), answer_bytes),
                ..Consumption::of(ending)
            },
            permissions: request::permission(&call.operation, &call.body)
                .into_iter()
                .collect(),
        }
    }

    /// How long AWS would take. Of the emulator's own calls, only the long poll that begins a batch takes time. It is
    /// assumed that the calls after it, which fill a window and delete messages, hold up no invocation, as Lambda has
    /// many pollers.
    fn latency(&self, call: &Call) -> Option<Duration> {
        let latencies = self.latencies.as_ref()?;
        if call.caller == Caller::Emulator && !request::is_long_poll(&call.operation, &call.body) {
            return None;
        }
        let work = Work {
            items: 1,
            bytes: call.body.len(),
        };
        latencies.next(&call.operation, work)
    }
}

impl Service for Sqs {
    fn prefix(&self) -> &'static str {
        "sqs"
    }

    fn targets(&self) -> &'static [&'static str] {
        &["AmazonSQS"]
    }

    fn answer<'a>(&'a self, call: &'a Call) -> BoxFuture<'a, Answer<'a>> {
        Box::pin(self.answer_call(call))
    }

    fn restore(&self) -> BoxFuture<'_, anyhow::Result<()>> {
        Box::pin(self.engine.restore())
    }

    fn shut_down(&self) -> BoxFuture<'_, ()> {
        Box::pin(self.engine.shut_down())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sqs_bills_by_64_kilobytes() {
        let billed = |request, answer| billed_requests(BILLED_STEP_BYTES, request, answer);
        assert_eq!(billed(0, 0), 1);
        assert_eq!(billed(64 * 1_024, 100), 1);
        assert_eq!(billed(100, 64 * 1_024 + 1), 2);
    }
}
