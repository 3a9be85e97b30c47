//! Reads the decisions from the tables after the run. So no request of a shopper disturbs the measurement.

use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use audit::ResourceNames;
use deployment::Deployment;
use domain::ProductId;
use jiff::{SignedDuration, Timestamp};
use store::audit::{OrderEntry, Segment};

use crate::latency::Latencies;

/// How long the last decisions may take.
const TIMEOUT: Duration = Duration::from_secs(120);

/// The tables and the queue of the measured shop.
#[derive(Debug, Clone)]
pub(crate) struct Ledger(audit::Shop);

/// The decided orders of a run.
#[derive(Debug)]
pub(crate) struct Decisions {
    /// Accepted and rejected orders.
    pub(crate) count: u64,
    /// From the first submission to the last decision.
    pub(crate) took: Duration,
    /// From submission to decision.
    pub(crate) latencies: Latencies,
}

impl Ledger {
    pub(crate) async fn of(deployment: &Deployment) -> Result<Ledger> {
        audit::Shop::find(deployment, &ResourceNames::default())
            .await
            .map(Ledger)
    }

    /// Waits until the queue is empty.
    pub(crate) async fn wait_until_empty(&self) -> Result<()> {
        let give_up = Instant::now() + TIMEOUT;
        while self.0.backlog().await? > 0 {
            if Instant::now() > give_up {
                bail!("the queue was not empty after {TIMEOUT:?}");
            }
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
        Ok(())
    }

    /// The orders of a product.
    pub(crate) async fn decisions(&self, product: ProductId) -> Result<Decisions> {
        let mut decisions = Decisions {
            count: 0,
            took: Duration::ZERO,
            latencies: Latencies::new(),
        };
        let mut first = Timestamp::MAX;
        let mut last = Timestamp::MIN;
        let mut unreadable = None;
        for segment in Segment::all(1) {
            let each = |entry: store::audit::Found<OrderEntry>| match entry.content {
                Ok(order) if order.lines.iter().any(|line| line.product_id == product) => {
                    first = first.min(order.submitted_at);
                    last = last.max(order.decided_at);
                    decisions.add(&order);
                }
                Ok(_) => {}
                Err(error) => unreadable = Some(error),
            };
            self.0.books.orders(segment, each).await?;
        }
        if let Some(error) = unreadable {
            return Err(error).context("an order cannot be read");
        }
        decisions.took = positive(last.duration_since(first));
        Ok(decisions)
    }
}

impl Decisions {
    fn add(&mut self, order: &OrderEntry) {
        self.count += 1;
        let took = order.decided_at.duration_since(order.submitted_at);
        self.latencies.record(positive(took));
    }

    pub(crate) fn per_second(&self) -> f64 {
        self.count as f64 / self.took.as_secs_f64().max(f64::EPSILON)
    }
}

fn positive(duration: SignedDuration) -> Duration {
    Duration::try_from(duration).unwrap_or_default()
}
