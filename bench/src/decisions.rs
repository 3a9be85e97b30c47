//! Reads the decisions from the tables after the run. So no request of a shopper disturbs the measurement.

use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use deployment::Deployment;
use domain::{OrderStatus, ProductId};
use jiff::{SignedDuration, Timestamp};
use store::audit::{Books, OrderEntry, Segment, TableNames, backlog};

use crate::latency::Latencies;
use crate::queue_filler::QueueFiller;

/// How long the last decisions may take.
const TIMEOUT: Duration = Duration::from_secs(300);

/// The pause between two looks at the queue.
const LOOK: Duration = Duration::from_millis(50);

/// The orders and the checkout queue of the measured shop.
#[derive(Debug, Clone)]
pub(crate) struct Ledger {
    books: Books,
    sqs: aws_sdk_sqs::Client,
    queue_url: String,
}

/// The decided orders of a run.
#[derive(Debug)]
pub(crate) struct Decisions {
    /// When each order was decided, accepted or rejected.
    decided_at: Vec<Timestamp>,
    pub(crate) rejected: u64,
    /// From the first submission to the last decision.
    pub(crate) took: Duration,
    /// From submission to decision.
    pub(crate) latencies: Latencies,
}

impl Ledger {
    pub(crate) async fn of(deployment: &Deployment) -> Result<Ledger> {
        // Only orders are read. So a release that lacks one of the other tables can be measured, too.
        let tables = TableNames {
            stock: String::new(),
            orders: deployment
                .table("OrdersTable", None, "ORDERS_TABLE")
                .await?,
            carts: String::new(),
            decisions: String::new(),
            open_decisions: String::new(),
        };
        Ok(Ledger {
            books: Books::new(deployment.dynamodb(), tables),
            sqs: deployment.sqs().clone(),
            queue_url: deployment
                .queue("CheckoutQueue", None, "CHECKOUT_QUEUE_URL")
                .await?,
        })
    }

    /// The number of checkouts that are not decided yet.
    pub(crate) async fn backlog(&self) -> Result<u64> {
        Ok(backlog(&self.sqs, &self.queue_url).await?)
    }

    pub(crate) fn queue_filler(&self) -> QueueFiller {
        QueueFiller {
            client: self.sqs.clone(),
            queue_url: self.queue_url.clone(),
        }
    }

    /// Waits until the queue is empty.
    pub(crate) async fn wait_until_empty(&self) -> Result<()> {
        let give_up = Instant::now() + TIMEOUT;
        while self.backlog().await? > 0 {
            if Instant::now() > give_up {
                bail!("the queue was not empty after {TIMEOUT:?}");
            }
            tokio::time::sleep(LOOK).await;
        }
        Ok(())
    }

    /// The orders of a product.
    pub(crate) async fn decisions(&self, product: ProductId) -> Result<Decisions> {
        let mut decisions = Decisions {
            decided_at: Vec::new(),
            rejected: 0,
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
            self.books.orders(segment, each).await?;
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
        self.decided_at.push(order.decided_at);
        self.rejected += u64::from(order.status == OrderStatus::Rejected);
        let took = order.decided_at.duration_since(order.submitted_at);
        self.latencies.record(positive(took));
    }

    /// Accepted and rejected orders.
    pub(crate) fn count(&self) -> u64 {
        self.decided_at.len() as u64
    }

    /// From that time to the last decision.
    pub(crate) fn last_since(&self, begin: Timestamp) -> Duration {
        let last = self.decided_at.iter().max();
        last.map_or(Duration::ZERO, |last| positive(last.duration_since(begin)))
    }

    /// The decisions in each second from that time on.
    pub(crate) fn each_second_from(&self, begin: Timestamp) -> Vec<u64> {
        let mut seconds = Vec::new();
        for decided_at in self.decided_at.iter().filter(|it| **it >= begin) {
            let second = positive(decided_at.duration_since(begin)).as_secs() as usize;
            if seconds.len() <= second {
                seconds.resize(second + 1, 0);
            }
            seconds[second] += 1;
        }
        seconds
    }

    pub(crate) fn per_second(&self) -> f64 {
        self.count() as f64 / self.took.as_secs_f64().max(f64::EPSILON)
    }
}

fn positive(duration: SignedDuration) -> Duration {
    Duration::try_from(duration).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decisions_are_counted_by_the_second() {
        let at = |milliseconds| Timestamp::from_millisecond(milliseconds).unwrap();
        let decisions = Decisions {
            decided_at: [900, 3_999, 1_000, 1_999].map(at).into(),
            rejected: 0,
            took: Duration::ZERO,
            latencies: Latencies::new(),
        };
        let begin = at(1_000);
        assert_eq!(decisions.each_second_from(begin), [2, 0, 1]);
        assert_eq!(decisions.last_since(begin), Duration::from_millis(2_999));
    }
}
