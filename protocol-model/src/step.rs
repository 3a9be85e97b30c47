//! Every step of the model, in words.

use std::fmt;

use crate::ids::{ConsumerId, DecisionId, Decisions, OrderId, Orders};
use crate::state::{Delivery, Outcome};

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
    StopsGatheringAndAcknowledges,
    ReadsStock {
        available: i8,
    },
    Looks {
        found: Decisions,
    },
    HasSettled,
    ReadsOrders {
        found: Orders,
    },
    Commits(DecisionId, Outcome),
    CommitCancelled {
        available: i8,
    },
    CommitFindsItsRecord(DecisionId),
    CommitAnswerLost(DecisionId, Outcome),
    CommitUnderWay(DecisionId, Outcome),
    FindsRecord(DecisionId),
    FindsNoRecord,
    Acknowledges,
    Crashes,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum ClosingStep {
    TakesUp(DecisionId),
    Enters(OrderId, DecisionId, Entry),
    EntersWithoutAnswer(OrderId, DecisionId, Entry),
    Finds(OrderId, Returned),
    PutThrottled(OrderId),
    Closes(DecisionId, Orders),
    FindsClosed(DecisionId),
    Crashes,
}

/// An order as it is put.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Entry {
    Accepted,
    Rejected,
    OverLimit,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Returned {
    Nothing,
    ItsUnit,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum WorldStep {
    LateCommitLands(DecisionId, Outcome),
    LateCommitVanishes(DecisionId),
    OrderReleased(OrderId),
    OrderPaid(OrderId),
    OrderDeleted(OrderId),
    RecordExpires(DecisionId),
}

impl Step {
    /// False for what may or may not happen: failures, and what customers do.
    pub(crate) fn is_required(self) -> bool {
        match self {
            Self::Consumer(_, step) => match step {
                ConsumerStep::ReceivesAfterLapse(_)
                | ConsumerStep::CommitAnswerLost(..)
                | ConsumerStep::CommitUnderWay(..)
                | ConsumerStep::Crashes => false,
                ConsumerStep::Receives(_)
                | ConsumerStep::StopsGathering
                | ConsumerStep::StopsGatheringAndAcknowledges
                | ConsumerStep::ReadsStock { .. }
                | ConsumerStep::Looks { .. }
                | ConsumerStep::HasSettled
                | ConsumerStep::ReadsOrders { .. }
                | ConsumerStep::Commits(..)
                | ConsumerStep::CommitCancelled { .. }
                | ConsumerStep::CommitFindsItsRecord(_)
                | ConsumerStep::FindsRecord(_)
                | ConsumerStep::FindsNoRecord
                | ConsumerStep::Acknowledges => true,
            },
            Self::Closer(_, step) => match step {
                ClosingStep::EntersWithoutAnswer(..)
                | ClosingStep::PutThrottled(_)
                | ClosingStep::Crashes => false,
                ClosingStep::TakesUp(_)
                | ClosingStep::Enters(..)
                | ClosingStep::Finds(..)
                | ClosingStep::Closes(..)
                | ClosingStep::FindsClosed(_) => true,
            },
            Self::World(step) => match step {
                WorldStep::LateCommitLands(..) | WorldStep::LateCommitVanishes(_) => true,
                WorldStep::OrderReleased(_)
                | WorldStep::OrderPaid(_)
                | WorldStep::OrderDeleted(_)
                | WorldStep::RecordExpires(_) => false,
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
            Self::StopsGatheringAndAcknowledges => {
                write!(formatter, "stops gathering and acknowledges its messages")
            }
            Self::ReadsStock { available } => {
                write!(formatter, "reads the stock: {available} available")
            }
            Self::Looks { found } => write!(
                formatter,
                "reads the open decisions that name its orders: {found}"
            ),
            Self::HasSettled => write!(formatter, "has closed all that it found open"),
            Self::ReadsOrders { found } => write!(
                formatter,
                "reads the orders that may have been decided: {found}"
            ),
            Self::Commits(decision, outcome) => write!(formatter, "commits {decision}: {outcome}"),
            Self::CommitCancelled { available } => write!(
                formatter,
                "has its commit cancelled and learns that {available} are available"
            ),
            Self::CommitFindsItsRecord(decision) => write!(
                formatter,
                "has its commit cancelled because {decision} is there already"
            ),
            Self::CommitAnswerLost(decision, outcome) => write!(
                formatter,
                "commits {decision} and gets no answer: {outcome}"
            ),
            Self::CommitUnderWay(decision, outcome) => {
                write!(
                    formatter,
                    "sends the commit of {decision} and gets no answer, the request is still under way: {outcome}"
                )
            }
            Self::FindsRecord(decision) => write!(formatter, "finds the record of {decision}"),
            Self::FindsNoRecord => {
                write!(formatter, "finds no record of its commit and tries again")
            }
            Self::Acknowledges => write!(formatter, "acknowledges its messages"),
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
            Self::TakesUp(decision) => write!(formatter, "takes up {decision}"),
            Self::Enters(order, decision, entry) => {
                write!(formatter, "enters {order} as {entry} by {decision}")
            }
            Self::EntersWithoutAnswer(order, decision, entry) => {
                write!(
                    formatter,
                    "enters {order} as {entry} by {decision} and gets no answer"
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

impl fmt::Display for Entry {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Accepted => "WAITING_PAYMENT",
            Self::Rejected => "REJECTED",
            Self::OverLimit => "REJECTED for its customer's limit",
        })
    }
}

impl fmt::Display for WorldStep {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::LateCommitLands(decision, outcome) => {
                write!(formatter, "the late commit of {decision} lands: {outcome}")
            }
            Self::LateCommitVanishes(decision) => {
                write!(formatter, "the late commit of {decision} is lost or fails")
            }
            Self::OrderReleased(order) => write!(
                formatter,
                "{order} is cancelled or expires and gives its unit back"
            ),
            Self::OrderPaid(order) => write!(formatter, "{order} is paid"),
            Self::OrderDeleted(order) => write!(formatter, "{order} is deleted"),
            Self::RecordExpires(decision) => write!(formatter, "{decision} is deleted by its TTL"),
        }
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            formatter,
            "accepts {}, rejects {}",
            self.accepted, self.rejected
        )
    }
}
