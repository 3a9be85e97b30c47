//! The log of a batch: its summary, and what became of each checkout in it.

use std::collections::HashMap;
use std::time::{Duration, SystemTime};

use domain::{Order, OrderKey, OrderState};
use jiff::Timestamp;
use store::Report;
use telemetry::{BatchDecided, METRICS, MOST_VALUES, Origin};

/// What the log says of a batch, besides its report.
#[derive(Debug)]
pub(crate) struct BatchFacts<'a> {
    /// Messages in it.
    pub(crate) size: usize,
    /// Messages that hold no checkout.
    pub(crate) unreadable: usize,
    /// The traced requests that its checkouts come from.
    pub(crate) origins: &'a HashMap<OrderKey, Origin>,
    /// How long deciding took.
    pub(crate) took: Duration,
}

/// Why checkouts are rejected: so far, for want of stock alone.
const OUT_OF_STOCK: &str = "out_of_stock";

/// Writes the lines of a batch, which are its metrics too, and records each decision in the trace of
/// the checkout that it is about.
pub(crate) fn log(report: &Report, batch: &BatchFacts<'_>) {
    let decided: Vec<Decided> = report.settled.iter().map(Decided::now).collect();
    let count = decided.iter().filter(|it| it.accepted()).count();
    let BatchDecided {
        accepted,
        rejected,
        duplicates,
    } = BatchDecided {
        accepted: count as u64,
        rejected: (decided.len() - count) as u64,
        duplicates: report.already_settled.len() as u64,
    };
    tracing::info!(
        target: METRICS,
        size = batch.size,
        accepted,
        rejected,
        duplicates,
        refused = report.refused.len(),
        undecided = report.unsettled.len(),
        unreadable = batch.unreadable,
        transactions = report.transactions,
        conflicts = report.conflicts,
        retries = report.retries,
        ms = milliseconds(batch.took),
        "{}",
        BatchDecided::MESSAGE
    );
    if rejected > 0 {
        tracing::info!(target: METRICS, rejected, reason = OUT_OF_STOCK, "checkouts rejected");
    }
    let latencies: Vec<u64> = decided.iter().map(|it| it.latency_ms).collect();
    for latencies in latencies.chunks(MOST_VALUES) {
        tracing::info!(target: METRICS, decision_latency_ms = ?latencies, "decision latencies");
    }
    let began = SystemTime::now() - batch.took;
    for it in &decided {
        it.log();
        if let Some(origin) = batch.origins.get(&it.order.key()) {
            it.record_span(origin, began);
        }
    }
}

/// A checkout that has just been decided.
struct Decided<'a> {
    order: &'a Order,
    /// From its submission until now.
    latency_ms: u64,
}

impl Decided<'_> {
    fn now(order: &Order) -> Decided<'_> {
        let since = Timestamp::now().duration_since(order.checkout.submitted_at);
        Decided {
            order,
            latency_ms: milliseconds(since.try_into().unwrap_or_default()),
        }
    }

    fn accepted(&self) -> bool {
        !matches!(self.order.state, OrderState::Rejected { .. })
    }

    fn log(&self) {
        let first_short = match &self.order.state {
            OrderState::Rejected { short } => short.first().map(|short| short.product_id),
            _ => None,
        };
        tracing::info!(
            order_id = %self.order.order_id(),
            status = %self.order.status(),
            product_id = first_short.map(tracing::field::display),
            latency_ms = self.latency_ms,
            "checkout decided"
        );
    }

    fn record_span(&self, origin: &Origin, began: SystemTime) {
        let order_id = self.order.order_id().to_string();
        let status = self.order.status().to_string();
        let attributes = [("order_id", order_id), ("status", status)];
        origin.record_span("checkout decided", began, attributes);
    }
}

fn milliseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
