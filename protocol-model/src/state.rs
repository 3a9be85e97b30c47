//! The tables, the queue and the consumers at one moment.

use crate::configuration::{Configuration, Message, Sent};
use crate::ids::{ConsumerId, DecisionId, Decisions, Id, MessageId, OrderId, Orders};

pub(crate) const MAX_ORDERS: usize = 3;
pub(crate) const MAX_DECISIONS: usize = 5;
pub(crate) const MAX_MESSAGES: usize = 5;
pub(crate) const MAX_CONSUMERS: usize = 3;
pub(crate) const MAX_BATCH: usize = 3;

#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub(crate) struct State {
    pub(crate) available: i8,
    pub(crate) orders: [Option<Order>; MAX_ORDERS],
    pub(crate) decisions: [Decision; MAX_DECISIONS],
    pub(crate) messages: [Delivered; MAX_MESSAGES],
    pub(crate) consumers: [Consumer; MAX_CONSUMERS],
    pub(crate) sweep: Option<Closer>,
    /// Commits that no consumer waits for: they land late or never.
    pub(crate) late_commits: Decisions,
    pub(crate) left: Left,
}

/// How much may still go wrong.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub(crate) struct Left {
    pub(crate) crashes: u8,
    pub(crate) lost_answers: u8,
    pub(crate) lapses: u8,
    pub(crate) releases: u8,
}

/// An item of the orders' table.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub(crate) struct Order {
    pub(crate) by: DecisionId,
    pub(crate) status: Status,
}

#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub(crate) enum Status {
    Rejected,
    /// Accepted by its decision, and rejected when it was entered.
    OverLimit,
    WaitingPayment,
    Paid,
    /// Cancelled or expired: its unit went back with the same write.
    Released,
}

/// An item of the decisions' table, or the place for one.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub(crate) struct Decision {
    pub(crate) record: Record,
    pub(crate) outcome: Outcome,
    /// Rejected, although an accepting decision was committed before the rejecting stock value was read.
    pub(crate) unfair: Orders,
}

#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub(crate) enum Record {
    /// The id is not in use.
    #[default]
    Unused,
    /// The id was used for a commit that has not landed.
    Absent,
    Open,
    Closed,
    /// Closed, and deleted by its TTL since.
    Expired,
}

/// The content of a decision.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
pub(crate) struct Outcome {
    pub(crate) accepted: Orders,
    pub(crate) rejected: Orders,
}

/// What the queue knows of a message.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub(crate) enum Delivered {
    Never,
    Before,
    Deleted,
}

/// A consumer of batches. One with an empty batch that gathers is idle.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
pub(crate) struct Consumer {
    pub(crate) phase: Phase,
    pub(crate) batch: Batch,
    /// The orders of the batch that turned out to be decided already.
    pub(crate) decided: Orders,
    pub(crate) stock: StockValue,
}

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
pub(crate) enum Phase {
    #[default]
    Gathering,
    ReadingStock,
    Looking,
    /// Enters and closes open decisions that it found.
    Settling {
        found: Decisions,
        now: Option<Closer>,
    },
    ReadingOrders,
    /// The id is known from the first attempt without an answer.
    Committing {
        id: Option<DecisionId>,
    },
    /// The commit got no answer: its record is read.
    Unanswered {
        id: DecisionId,
    },
    Entering(Closer),
    Acknowledging,
}

/// A stock value as it was read.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
pub(crate) struct StockValue {
    pub(crate) available: i8,
    /// The orders that a committed decision had accepted by then. The protocol does not know it, the fairness rule does.
    pub(crate) accepted_before: Orders,
}

/// The messages of a batch in order of arrival.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
pub(crate) struct Batch {
    deliveries: [Option<Delivery>; MAX_BATCH],
}

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub(crate) struct Delivery {
    pub(crate) message: MessageId,
    pub(crate) order: OrderId,
    pub(crate) maybe_seen: bool,
}

/// Enters the orders of a decision and closes it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub(crate) struct Closer {
    pub(crate) decision: DecisionId,
    pub(crate) attempted: Orders,
    pub(crate) returns: Orders,
}

impl State {
    pub(crate) fn start(shop: &Configuration) -> Self {
        Self {
            available: shop.supply,
            orders: Default::default(),
            decisions: Default::default(),
            messages: [Delivered::Never; MAX_MESSAGES],
            consumers: Default::default(),
            sweep: None,
            late_commits: Decisions::default(),
            left: Left {
                crashes: shop.crashes,
                lost_answers: shop.lost_answers,
                lapses: shop.lapses,
                releases: shop.releases,
            },
        }
    }

    pub(crate) fn order(&self, id: OrderId) -> Option<Order> {
        self.orders[id.index()]
    }

    pub(crate) fn decision(&self, id: DecisionId) -> &Decision {
        &self.decisions[id.index()]
    }

    pub(crate) fn consumer(&self, id: ConsumerId) -> &Consumer {
        &self.consumers[id.index()]
    }

    pub(crate) fn consumer_mut(&mut self, id: ConsumerId) -> &mut Consumer {
        &mut self.consumers[id.index()]
    }

    pub(crate) fn decision_ids() -> impl Iterator<Item = DecisionId> {
        (0..MAX_DECISIONS).map(DecisionId::new)
    }

    pub(crate) fn open_decisions(&self) -> impl Iterator<Item = DecisionId> {
        Self::decision_ids().filter(|id| self.decision(*id).record == Record::Open)
    }

    pub(crate) fn unused_decision(&self) -> DecisionId {
        let unused = Self::decision_ids().find(|id| self.decision(*id).record == Record::Unused);
        unused.expect("the configuration needs more decisions than MAX_DECISIONS")
    }

    pub(crate) fn stock_value(&self) -> StockValue {
        let committed = self
            .decisions
            .iter()
            .filter(|decision| decision.is_committed());
        let accepted_before = committed.fold(Orders::default(), |all, decision| {
            all.union(decision.outcome.accepted)
        });
        StockValue {
            available: self.available,
            accepted_before,
        }
    }

    pub(crate) fn is_held(&self, message: MessageId) -> bool {
        self.consumers
            .iter()
            .any(|consumer| consumer.batch.holds(message))
    }

    pub(crate) fn delete_messages(&mut self, batch: Batch) {
        for delivery in batch.iter() {
            self.messages[delivery.message.index()] = Delivered::Deleted;
        }
    }

    /// Frees the ids of commits that can't land any more.
    pub(crate) fn forget_lost_commits(&mut self) {
        for index in 0..MAX_DECISIONS {
            if self.decisions[index].record == Record::Absent
                && !self.may_commit(DecisionId::new(index))
            {
                self.decisions[index] = Decision::default();
            }
        }
    }

    /// Whether a commit with this id is still under way, or will be tried.
    pub(crate) fn may_commit(&self, id: DecisionId) -> bool {
        self.late_commits.contains(id) || self.consumers.iter().any(|consumer| consumer.commits(id))
    }
}

impl Order {
    pub(crate) fn holds_a_unit(self) -> bool {
        match self.status {
            Status::WaitingPayment | Status::Paid => true,
            Status::Rejected | Status::OverLimit | Status::Released => false,
        }
    }

    /// The result that the customer hears: accepted or not.
    pub(crate) fn is_accepted(self) -> bool {
        match self.status {
            Status::WaitingPayment | Status::Paid | Status::Released => true,
            Status::Rejected | Status::OverLimit => false,
        }
    }
}

impl Decision {
    pub(crate) fn is_committed(&self) -> bool {
        match self.record {
            Record::Open | Record::Closed | Record::Expired => true,
            Record::Unused | Record::Absent => false,
        }
    }
}

impl Outcome {
    pub(crate) fn orders(self) -> Orders {
        self.accepted.union(self.rejected)
    }

    pub(crate) fn units(self) -> i8 {
        self.accepted.len() as i8
    }
}

impl Consumer {
    pub(crate) fn is_idle(&self) -> bool {
        self.phase == Phase::Gathering && self.batch.is_empty()
    }

    fn commits(&self, decision: DecisionId) -> bool {
        match self.phase {
            Phase::Committing { id } => id == Some(decision),
            Phase::Unanswered { id } => id == decision,
            Phase::Gathering
            | Phase::ReadingStock
            | Phase::Looking
            | Phase::Settling { .. }
            | Phase::ReadingOrders
            | Phase::Entering(_)
            | Phase::Acknowledging => false,
        }
    }

    pub(crate) fn undecided(&self) -> Orders {
        self.batch
            .iter()
            .map(|delivery| delivery.order)
            .collect::<Orders>()
            .without(self.decided)
    }

    /// The undecided orders of messages that may have been delivered or sent before.
    pub(crate) fn maybe_seen(&self) -> Orders {
        self.batch
            .iter()
            .filter(|delivery| delivery.maybe_seen)
            .map(|delivery| delivery.order)
            .collect::<Orders>()
            .without(self.decided)
    }

    /// First come, first served.
    pub(crate) fn allocate(&self) -> Outcome {
        let mut outcome = Outcome::default();
        for Delivery { order, .. } in self.batch.iter() {
            if self.decided.contains(order) || outcome.orders().contains(order) {
                continue;
            }
            if outcome.units() < self.stock.available {
                outcome.accepted.insert(order);
            } else {
                outcome.rejected.insert(order);
            }
        }
        outcome
    }
}

impl Batch {
    pub(crate) fn iter(&self) -> impl Iterator<Item = Delivery> {
        self.deliveries.iter().flatten().copied()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.deliveries[0].is_none()
    }

    pub(crate) fn len(&self) -> usize {
        self.iter().count()
    }

    pub(crate) fn holds(&self, message: MessageId) -> bool {
        self.iter().any(|delivery| delivery.message == message)
    }

    pub(crate) fn push(&mut self, delivery: Delivery) {
        let place = self.len();
        self.deliveries[place] = Some(delivery);
    }
}

impl Delivery {
    pub(crate) fn new(id: MessageId, message: Message, delivered: Delivered) -> Self {
        let maybe_seen = message.sent == Sent::Again || delivered == Delivered::Before;
        Self {
            message: id,
            order: message.order,
            maybe_seen,
        }
    }
}
