//! How long DynamoDB takes to answer, as a function sees it in the same region.

use crate::simulation::Profile;

/// Writes were measured: 400 calls each from a Lambda function, in
/// github.com/alexdebrie/dynamodb-performance-testing (put-batch-transaction-performance, 2020), transactions and
/// batches with 5 and with 25 items; a transaction that fails takes as long as one that succeeds.
///
/// The rest is assumed, since AWS publishes no percentiles. BatchExecuteStatement takes as long as BatchWriteItem, as
/// both write 25 items at most, each by itself. A kilobyte adds 0.05 ms to a write, so that 400 KB take some 20 ms more,
/// and twice that in a transaction, which prepares and then commits; the bytes of answers add nothing. Single reads are below
/// single writes, both "single-digit milliseconds" on average ("Why is my DynamoDB table slow", AWS re:Post);
/// transactional reads as two rounds of them.
pub(super) const PROFILES: [Profile; 7] = [
    Profile {
        stream: 0,
        operations: &["PutItem", "UpdateItem", "DeleteItem"],
        milliseconds: [5.47, 7.55, 11.3, 13.2, 16.2, 29.0],
        items: 1,
        milliseconds_per_item: 0.0,
        milliseconds_per_kilobyte: 0.05,
    },
    Profile {
        stream: 1,
        operations: &["BatchWriteItem", "BatchExecuteStatement"],
        milliseconds: [6.59, 8.14, 13.3, 15.4, 25.5, 56.8],
        items: 5,
        milliseconds_per_item: 0.10,
        milliseconds_per_kilobyte: 0.05,
    },
    Profile {
        stream: 2,
        operations: &["TransactWriteItems"],
        milliseconds: [19.4, 25.3, 30.7, 36.4, 92.5, 218.0],
        items: 5,
        milliseconds_per_item: 0.34,
        milliseconds_per_kilobyte: 0.1,
    },
    Profile {
        stream: 3,
        operations: &["GetItem", "Query"],
        milliseconds: [2.5, 4.5, 7.0, 8.5, 13.0, 25.0],
        items: 1,
        milliseconds_per_item: 0.0,
        milliseconds_per_kilobyte: 0.0,
    },
    Profile {
        stream: 4,
        operations: &["BatchGetItem"],
        milliseconds: [3.5, 5.5, 9.0, 11.0, 18.0, 40.0],
        items: 5,
        milliseconds_per_item: 0.05,
        milliseconds_per_kilobyte: 0.0,
    },
    Profile {
        stream: 5,
        operations: &["TransactGetItems"],
        milliseconds: [5.0, 9.0, 14.0, 17.0, 30.0, 80.0],
        items: 5,
        milliseconds_per_item: 0.10,
        milliseconds_per_kilobyte: 0.0,
    },
    Profile {
        stream: 6,
        operations: &["Scan"],
        milliseconds: [4.0, 7.0, 12.0, 15.0, 25.0, 60.0],
        items: 1,
        milliseconds_per_item: 0.0,
        milliseconds_per_kilobyte: 0.1,
    },
];

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::simulation::{Realism, Work};

    fn total(operation: &str, calls: usize, items: usize) -> Option<Duration> {
        let latencies = Realism::Aws { seed: 1 }
            .latencies(&PROFILES)
            .expect("AWS has latencies");
        let work = Work { items, bytes: 0 };
        (0..calls).map(|_| latencies.next(operation, work)).sum()
    }

    #[test]
    fn a_larger_transaction_takes_longer() {
        let sum = |items| total("TransactWriteItems", 1_000, items).expect("a latency");
        let each = (sum(25) - sum(5)) / 1_000;
        // 32.1 ms at p50 with 25 items were measured, 25.3 ms with 5.
        assert!((each.as_secs_f64() * 1_000.0 - 6.8).abs() < 0.1, "{each:?}");
    }

    #[test]
    fn managing_tables_takes_no_time() {
        assert_eq!(total("CreateTable", 1, 1), None);
    }
}
