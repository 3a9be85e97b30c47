//! What invokes functions besides HTTP: queues and schedules.

mod batch;
mod record;
mod report;
pub(crate) mod schedule;
pub(crate) mod sqs;
