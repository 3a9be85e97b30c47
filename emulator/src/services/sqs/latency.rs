//! How long SQS takes to answer, as a function sees it in the same region.

use crate::simulation::Profile;

/// Assumed, since AWS publishes no percentiles: around the 16 ms that Amazon reported for sending 1 KB ("Cloud
/// Performance Benchmark Series: SQS", 2012), a little faster for a reused connection today.
pub(super) const PROFILES: [Profile; 1] = [Profile {
    stream: 7,
    operations: &[
        "SendMessage",
        "SendMessageBatch",
        "ReceiveMessage",
        "DeleteMessage",
        "DeleteMessageBatch",
        "ChangeMessageVisibility",
        "ChangeMessageVisibilityBatch",
    ],
    milliseconds: [5.0, 10.0, 16.0, 20.0, 40.0, 150.0],
    items: 1,
    milliseconds_per_item: 0.0,
    milliseconds_per_kilobyte: 0.0,
}];
