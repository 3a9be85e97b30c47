//! A call as the meter counts it.

use std::borrow::Cow;
use std::time::Duration;

use crate::caller::Caller;

/// A call that was answered.
#[derive(Debug)]
pub(crate) struct MeteredCall<'a> {
    pub(crate) caller: &'a Caller,
    /// As IAM policies name it: `dynamodb`.
    pub(crate) service: &'static str,
    pub(crate) operation: &'a str,
    pub(crate) permissions: &'a [Permission<'a>],
    pub(crate) consumption: Consumption,
    pub(crate) took: Duration,
}

/// The end of a call, and the units that are billed for it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Consumption {
    pub(crate) ending: Ending,
    pub(crate) capacity: Capacity,
    /// Requests, where they are billed by their number.
    pub(crate) billed_requests: u64,
}

impl Consumption {
    /// Of a call that ended so and that nothing is billed for.
    pub(crate) fn of(ending: Ending) -> Self {
        Consumption {
            ending,
            capacity: Capacity::default(),
            billed_requests: 0,
        }
    }
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Capacity {
    pub(crate) read: HalfUnits,
    pub(crate) write: HalfUnits,
}

/// A number of capacity units, in halves: an eventually consistent read consumes half a unit.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct HalfUnits(pub(crate) u64);

/// How a call ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ending {
    Success,
    /// A transaction was cancelled.
    Cancelled {
        /// Another transaction was under way on one of its items.
        by_conflict: bool,
        by_throttle: bool,
    },
    /// A batch was answered, but some of its statements were refused.
    PartlyRefused {
        by_conflict: bool,
        by_throttle: bool,
    },
    /// A transaction was under way on the item.
    Conflict,
    Throttle,
    ConditionFailed,
    OtherFailure,
}

/// A permission that a call needs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Permission<'a> {
    /// Without the service's prefix.
    pub(crate) action: &'a str,
    /// A queue, a table, or `table/index/name`.
    pub(crate) resource: Cow<'a, str>,
}
