//! Event sources besides HTTP: queues and schedules, which invoke functions.

mod batch;
mod record;
mod report;
pub(crate) mod schedule;
pub(crate) mod sqs;
