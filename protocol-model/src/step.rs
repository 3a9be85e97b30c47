//! Every step of the model, in words.

use std::fmt;

use crate::ids::{ConsumerId, DecisionId, Decisions, Messages, OrderId, Orders};
use crate::state::{Allocation, Delivery};

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Step {
    Consumer(ConsumerId, ConsumerStep),
    Closer(Worker, ClosingStep),
    World(WorldStep),
}

/// Where a decision is entered and closed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Worker {
    Consumer(ConsumerId),
    Sweep,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum ConsumerStep {
    Receives(Delivery),
    /// Its visibility lapsed while a slow consumer works on it.
    ReceivesAfterLapse(Delivery),
    StopsGathering,
    ReadsStock {
        available: i8,
    },
    Looks {
        found: Decisions,
    },
    FailsToSettle(DecisionId),
    ReadsOrders {
        found: Orders,
    },
    Commits(DecisionId, Allocation),
    CommitCancelled {
        available: i8,
    },
    CommitFindsItsRecord(DecisionId),
    CommitAnswerLost(DecisionId, Allocation),
    CommitUnderWay(DecisionId, Allocation),
    Rejects(OrderId),
    FindsDecided(OrderId),
    RejectionUnderWay(OrderId),
    RejectionThrottled(OrderId),
    RunsOutOfTime,
    Acknowledges(Messages),
    AcknowledgesAndCrashes(Messages),
    Crashes,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum ClosingStep {
    Enters(OrderId, DecisionId),
    PutUnderWay(OrderId, DecisionId),
    Finds(OrderId, Returned),
    PutThrottled(OrderId),
    Closes(DecisionId, Orders),
    FindsClosed(DecisionId),
    Crashes,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Returned {
    Nothing,
    ItsUnit,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum WorldStep {
    LateCommitLands(DecisionId, Orders),
    LateCommitVanishes(DecisionId),
    LatePutLands(OrderId, Option<DecisionId>),
    LatePutVanishes(OrderId, Option<DecisionId>),
    OrderReleased(OrderId),
    OrderPaid(OrderId),
    OrderDeleted(OrderId),
}

impl Step {
    /// False for what may or may not happen: failures, and what customers do.
    pub(crate) fn is_required(self) -> bool {
        match self {
            Self::Consumer(_, step) => match step {
                ConsumerStep::ReceivesAfterLapse(_)
                | ConsumerStep::FailsToSettle(_)
                | ConsumerStep::CommitAnswerLost(..)
                | ConsumerStep::CommitUnderWay(..)
                | ConsumerStep::RejectionUnderWay(_)
                | ConsumerStep::RejectionThrottled(_)
                | ConsumerStep::RunsOutOfTime
                | ConsumerStep::AcknowledgesAndCrashes(_)
                | ConsumerStep::Crashes => false,
                ConsumerStep::Receives(_)
                | ConsumerStep::StopsGathering
                | ConsumerStep::ReadsStock { .. }
                | ConsumerStep::Looks { .. }
                | ConsumerStep::ReadsOrders { .. }
                | ConsumerStep::Commits(..)
                | ConsumerStep::CommitCancelled { .. }
                | ConsumerStep::CommitFindsItsRecord(_)
                | ConsumerStep::Rejects(_)
                | ConsumerStep::FindsDecided(_)
                | ConsumerStep::Acknowledges(_) => true,
            },
            Self::Closer(_, step) => match step {
                ClosingStep::PutUnderWay(..)
                | ClosingStep::PutThrottled(_)
                | ClosingStep::Crashes => false,
                ClosingStep::Enters(..)
                | ClosingStep::Finds(..)
                | ClosingStep::Closes(..)
                | ClosingStep::FindsClosed(_) => true,
            },
            Self::World(step) => match step {
                WorldStep::LateCommitLands(..)
                | WorldStep::LateCommitVanishes(_)
                | WorldStep::LatePutLands(..)
                | WorldStep::LatePutVanishes(..) => true,
                WorldStep::OrderReleased(_)
                | WorldStep::OrderPaid(_)
                | WorldStep::OrderDeleted(_) => false,
            },
        }
    }
}

impl fmt::Display for Step {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Consumer(consumer, step) => write!(formatter, "{consumer} {step}"),
            Self::Closer(worker, step) => write!(formatter, "{worker} {step}"),
            Self::World(step) => write!(formatter, "{step}"),
        }
    }
}

impl fmt::Display for Worker {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Consumer(consumer) => write!(formatter, "{consumer}"),
            Self::Sweep => write!(formatter, "the sweep"),
        }
    }
}

impl fmt::Display for ConsumerStep {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Receives(delivery) => write!(formatter, "receives {delivery}"),
            Self::ReceivesAfterLapse(delivery) => {
                write!(
                    formatter,
                    "receives {delivery}, which another consumer still works on"
                )
            }
            Self::StopsGathering => write!(formatter, "stops gathering"),
            Self::ReadsStock { available } => {
                write!(formatter, "reads the stock: {available} available")
            }
            Self::Looks { found } => write!(
                formatter,
                "reads the open decisions that accept its orders: {found}"
            ),
            Self::FailsToSettle(decision) => {
                write!(formatter, "fails to close {decision} and leaves it open")
            }
            Self::ReadsOrders { found } => write!(
                formatter,
                "reads the orders that may have been decided: {found}"
            ),
            Self::Commits(decision, allocation) => {
                write!(formatter, "commits {decision}: {allocation}")
            }
            Self::CommitCancelled { available } => write!(
                formatter,
                "has its commit cancelled and learns that {available} are available"
            ),
            Self::CommitFindsItsRecord(decision) => write!(
                formatter,
                "has its commit cancelled because {decision} is there already"
            ),
            Self::CommitAnswerLost(decision, allocation) => write!(
                formatter,
                "commits {decision} and gets no answer: {allocation}"
            ),
            Self::CommitUnderWay(decision, allocation) => {
                write!(
                    formatter,
                    "sends the commit of {decision} and gets no answer, the request is still under way: {allocation}"
                )
            }
            Self::Rejects(order) => write!(formatter, "enters {order} as REJECTED"),
            Self::FindsDecided(order) => {
                write!(formatter, "finds {order}, which it rejects, entered")
            }
            Self::RejectionUnderWay(order) => write!(
                formatter,
                "sends {order} as REJECTED and gets no answer, the request is still under way"
            ),
            Self::RejectionThrottled(order) => write!(
                formatter,
                "has its put of the rejected {order} throttled and counts it as attempted"
            ),
            Self::RunsOutOfTime => write!(formatter, "runs out of time"),
            Self::Acknowledges(messages) => write!(formatter, "acknowledges {messages}"),
            Self::AcknowledgesAndCrashes(messages) => {
                write!(formatter, "acknowledges {messages} and crashes")
            }
            Self::Crashes => write!(formatter, "crashes"),
        }
    }
}

impl fmt::Display for Delivery {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let seen = if self.maybe_seen {
            ", may have been seen"
        } else {
            ""
        };
        write!(formatter, "{} ({}{seen})", self.message, self.order)
    }
}

impl fmt::Display for ClosingStep {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Enters(order, decision) => {
                write!(formatter, "enters {order} as WAITING_PAYMENT by {decision}")
            }
            Self::PutUnderWay(order, decision) => {
                write!(
                    formatter,
                    "sends {order} as WAITING_PAYMENT by {decision} and gets no answer, the request is still under way"
                )
            }
            Self::Finds(order, Returned::Nothing) => write!(formatter, "finds {order} entered"),
            Self::Finds(order, Returned::ItsUnit) => {
                write!(formatter, "finds {order} entered and will return its unit")
            }
            Self::PutThrottled(order) => write!(
                formatter,
                "has its put of {order} throttled and counts it as attempted"
            ),
            Self::Closes(decision, returns) => write!(
                formatter,
                "closes {decision} and returns the units of {returns}"
            ),
            Self::FindsClosed(decision) => write!(formatter, "finds {decision} closed"),
            Self::Crashes => write!(formatter, "crashes"),
        }
    }
}

impl fmt::Display for WorldStep {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::LateCommitLands(decision, accepted) => {
                write!(
                    formatter,
                    "the late commit of {decision} lands and accepts {accepted}"
                )
            }
            Self::LateCommitVanishes(decision) => {
                write!(formatter, "the late commit of {decision} is lost or fails")
            }
            Self::LatePutLands(order, Some(decision)) => write!(
                formatter,
                "a late put enters {order} as WAITING_PAYMENT by {decision}"
            ),
            Self::LatePutLands(order, None) => {
                write!(formatter, "a late put enters {order} as REJECTED")
            }
            Self::LatePutVanishes(order, Some(decision)) => {
                write!(formatter, "the late put of {order} by {decision} is lost")
            }
            Self::LatePutVanishes(order, None) => {
                write!(formatter, "the late put of the rejected {order} is lost")
            }
            Self::OrderReleased(order) => write!(
                formatter,
                "{order} is cancelled or expires and gives its unit back"
            ),
            Self::OrderPaid(order) => write!(formatter, "{order} is paid"),
            Self::OrderDeleted(order) => write!(formatter, "{order} is deleted"),
        }
    }
}

impl fmt::Display for Allocation {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            formatter,
            "accepts {}, rejects {}",
            self.accepted, self.rejected
        )
    }
}
