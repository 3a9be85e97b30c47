//! The log of a batch: its summary, and what became of each checkout in it.

use std::collections::HashMap;
use std::time::{Duration, SystemTime};

use domain::{Order, OrderKey, OrderState, Rejection, RejectionReason};
use jiff::Timestamp;
use store::BatchReport;
use telemetry::{BatchDecided, METRICS, MOST_VALUES, Origin};

/// What the log says of a batch, besides its report.
#[derive(Debug)]
pub(crate) struct BatchFacts<'a> {
    /// Messages in it.
    pub(crate) size: usize,
    /// Those of them that the function itself received, beside the event's.
    pub(crate) gathered: usize,
    /// Messages that hold no checkout.
    pub(crate) unreadable: usize,
    /// The traced requests that its checkouts come from.
    pub(crate) origins: &'a HashMap<OrderKey, Origin>,
    /// How long deciding took.
    pub(crate) took: Duration,
}

/// Writes the lines of a batch, which are its metrics too, and records each decision in the trace of
/// the checkout that it is about.
pub(crate) fn log(report: &BatchReport, batch: &BatchFacts<'_>) {
    let decided: Vec<Decided> = report.decided.iter().map(Decided::now).collect();
    let count = decided.iter().filter(|it| it.accepted()).count();
    let BatchDecided {
        gathered,
        accepted,
        rejected,
        duplicates,
    } = BatchDecided {
        gathered: batch.gathered as u64,
        accepted: count as u64,
        rejected: (decided.len() - count) as u64,
        duplicates: report.already_decided.len() as u64,
    };
    tracing::info!(
        target: METRICS,
        size = batch.size,
        gathered,
        recovered = report.recovered.len(),
        accepted,
        rejected,
        duplicates,
        refused = report.refused.len(),
        undecided = report.undecided.len(),
        unreadable = batch.unreadable,
        transactions = report.transactions,
        conflicts = report.conflicts,
        retries = report.retries,
        ms = milliseconds(batch.took),
        "{}",
        BatchDecided::MESSAGE
    );
    for reason in RejectionReason::ALL {
        let of_it = decided
            .iter()
            .filter(|it| it.rejected_for() == Some(reason));
        let rejected = of_it.count();
        if rejected > 0 {
            let reason = reason.as_str().to_ascii_lowercase();
            tracing::info!(target: METRICS, rejected, reason, "checkouts rejected");
        }
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
        self.rejected_for().is_none()
    }

    fn rejected_for(&self) -> Option<RejectionReason> {
        self.rejection().map(Rejection::reason)
    }

    fn rejection(&self) -> Option<&Rejection> {
        match &self.order.state {
            OrderState::Rejected(rejection) => Some(rejection),
            OrderState::WaitingPayment { .. }
            | OrderState::Paid { .. }
            | OrderState::Shipping { .. }
            | OrderState::Completed { .. }
            | OrderState::Cancelled { .. }
            | OrderState::Expired { .. } => None,
        }
    }

    fn log(&self) {
        let first_short = match self.rejection() {
            Some(Rejection::OutOfStock { short }) => short.first().map(|short| short.product_id),
            None => None,
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
