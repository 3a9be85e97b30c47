//! The tables, the queue and the consumers at one moment.

use crate::configuration::{
    Configuration, MAX_BATCH, MAX_CONSUMERS, MAX_MESSAGES, MAX_ORDERS, Message, Sent,
};
use crate::ids::{ConsumerId, DecisionId, Decisions, Id, MessageId, Messages, OrderId, Orders};

/// Decisions that matter at the same time. An id is free again when its decision is closed and nobody works on it.
const MAX_DECISIONS: usize = 5;

#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub(crate) struct State {
    pub(crate) available: i8,
    pub(crate) orders: [Option<Order>; MAX_ORDERS],
    decisions: [Decision; MAX_DECISIONS],
    pub(crate) messages: [Delivered; MAX_MESSAGES],
    consumers: [Consumer; MAX_CONSUMERS],
    pub(crate) sweep: Option<Closer>,
    /// Commits whose answers were lost: they land late or never.
    pub(crate) late_commits: Decisions,
    /// Rejected orders whose puts got no answer. They belong to no decision.
    pub(crate) late_rejections: Orders,
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
    /// The decision that it names. The name of a decision that is done with is forgotten: nobody compares it any more.
    pub(crate) by: Option<DecisionId>,
    pub(crate) status: Status,
}

#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub(crate) enum Status {
    Rejected,
    /// Rejected, although an accepting decision was committed before the rejecting stock value was read.
    RejectedUnfairly,
    WaitingPayment,
    Paid,
    /// Cancelled or expired: its unit went back with the same write.
    Released,
}

/// An item of the decisions' table and its marker, or the place for them.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub(crate) struct Decision {
    pub(crate) record: Record,
    pub(crate) accepted: Orders,
    /// Orders whose puts by this decision got no answer: they land late or never.
    pub(crate) late_puts: Orders,
}

#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub(crate) enum Record {
    /// The id is not in use.
    #[default]
    Unused,
    /// The id was used for a commit that has not landed.
    Absent,
    /// Its marker exists.
    Open,
    /// Its marker is deleted.
    Closed,
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
    /// The orders of the batch that are entered: only their messages are acknowledged.
    pub(crate) decided: Orders,
    /// The orders of the batch that must come again.
    pub(crate) postponed: Orders,
    pub(crate) stock: StockValue,
    /// Whether the open decisions were read since the last news of the stock.
    pub(crate) looked: bool,
    /// Whether the orders that may have been decided before were read.
    pub(crate) orders_read: bool,
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
    /// The id is known from an attempt without an answer.
    Committing {
        id: Option<DecisionId>,
    },
    /// Enters the orders of an allocation and closes its decision, if it has one.
    Entering {
        closer: Option<Closer>,
        rejected: Orders,
    },
    Acknowledging,
}

/// A stock value as it was read, less the units that the consumer took since.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
pub(crate) struct StockValue {
    pub(crate) available: i8,
    /// The orders that an open decision had accepted by then. The protocol does not know it, the fairness rule does.
    pub(crate) accepted_before: Orders,
}

/// The judgement of orders that one decision commits.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(crate) struct Allocation {
    pub(crate) accepted: Orders,
    pub(crate) rejected: Orders,
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

/// Enters the accepted orders of a decision and closes it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub(crate) struct Closer {
    pub(crate) decision: DecisionId,
    pub(crate) accepted: Orders,
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
            late_rejections: Orders::default(),
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

    pub(crate) fn decision_mut(&mut self, id: DecisionId) -> &mut Decision {
        &mut self.decisions[id.index()]
    }

    pub(crate) fn consumer(&self, id: ConsumerId) -> &Consumer {
        &self.consumers[id.index()]
    }

    pub(crate) fn consumer_mut(&mut self, id: ConsumerId) -> &mut Consumer {
        &mut self.consumers[id.index()]
    }

    /// One state for all that differ only in which of the equal consumers is which: busy ones go first.
    pub(crate) fn sort_consumers(&mut self) {
        self.consumers.sort_unstable_by(|one, other| other.cmp(one));
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

    /// The effect of a commit that lands.
    pub(crate) fn commit(&mut self, id: DecisionId, accepted: Orders) {
        self.available -= accepted.units();
        *self.decision_mut(id) = Decision {
            record: Record::Open,
            accepted,
            late_puts: Orders::default(),
        };
    }

    pub(crate) fn stock_value(&self) -> StockValue {
        let accepted = self.open_decisions().map(|id| self.decision(id).accepted);
        StockValue {
            available: self.available,
            accepted_before: accepted.fold(Orders::default(), Orders::union),
        }
    }

    pub(crate) fn is_held(&self, message: MessageId) -> bool {
        self.consumers
            .iter()
            .any(|consumer| consumer.batch.holds(message))
    }

    pub(crate) fn delete_messages(&mut self, messages: Messages) {
        for message in messages.iter() {
            self.messages[message.index()] = Delivered::Deleted;
        }
    }

    /// Forgets all that makes no difference any more, so that fewer states differ.
    pub(crate) fn forget(&mut self) {
        self.forget_late_puts();
        for id in Self::decision_ids() {
            if self.decision(id).is_committed() {
                self.late_commits.remove(id);
            }
            let may_land = self.late_commits.contains(id);
            if self.decision(id).record == Record::Absent && !may_land {
                self.forget_attempt(id);
            }
        }
        for consumer in &mut self.consumers {
            consumer.forget();
        }
        for id in Self::decision_ids() {
            if self.decision(id).record == Record::Closed && !self.is_worked_on(id) {
                self.forget_decision(id);
            }
        }
    }

    /// A put of an order that is entered changes nothing.
    fn forget_late_puts(&mut self) {
        let ids = (0..MAX_ORDERS).map(OrderId::new);
        let entered: Orders = ids.filter(|id| self.order(*id).is_some()).collect();
        self.late_rejections = self.late_rejections.without(entered);
        for decision in &mut self.decisions {
            decision.late_puts = decision.late_puts.without(entered);
        }
    }

    /// A commit that can't land any more was never sent.
    fn forget_attempt(&mut self, id: DecisionId) {
        *self.decision_mut(id) = Decision::default();
        for consumer in &mut self.consumers {
            if consumer.phase == (Phase::Committing { id: Some(id) }) {
                consumer.phase = Phase::Committing { id: None };
            }
        }
    }

    /// Nobody compares the name that its orders carry any more.
    fn forget_decision(&mut self, id: DecisionId) {
        *self.decision_mut(id) = Decision::default();
        for order in self.orders.iter_mut().flatten() {
            if order.by == Some(id) {
                order.by = None;
            }
        }
    }

    fn is_worked_on(&self, id: DecisionId) -> bool {
        let by_sweep = self.sweep.is_some_and(|closer| closer.decision == id);
        by_sweep || self.consumers.iter().any(|consumer| consumer.works_on(id))
    }
}

impl Order {
    pub(crate) fn accepted(by: DecisionId) -> Self {
        Self {
            by: Some(by),
            status: Status::WaitingPayment,
        }
    }

    pub(crate) fn rejected() -> Self {
        Self {
            by: None,
            status: Status::Rejected,
        }
    }

    pub(crate) fn holds_a_unit(self) -> bool {
        match self.status {
            Status::WaitingPayment | Status::Paid => true,
            Status::Rejected | Status::RejectedUnfairly | Status::Released => false,
        }
    }

    /// The result that the customer hears: accepted or not.
    pub(crate) fn is_accepted(self) -> bool {
        match self.status {
            Status::WaitingPayment | Status::Paid | Status::Released => true,
            Status::Rejected | Status::RejectedUnfairly => false,
        }
    }
}

impl Orders {
    pub(crate) fn units(self) -> i8 {
        self.len() as i8
    }
}

impl Decision {
    pub(crate) fn is_committed(&self) -> bool {
        match self.record {
            Record::Open | Record::Closed => true,
            Record::Unused | Record::Absent => false,
        }
    }
}

impl Consumer {
    pub(crate) fn is_idle(&self) -> bool {
        self.phase == Phase::Gathering && self.batch.is_empty()
    }

    fn works_on(&self, decision: DecisionId) -> bool {
        let is_it = |closer: Closer| closer.decision == decision;
        match self.phase {
            Phase::Committing { id } => id == Some(decision),
            Phase::Settling { found, now } => found.contains(decision) || now.is_some_and(is_it),
            Phase::Entering { closer, .. } => closer.is_some_and(is_it),
            Phase::Gathering
            | Phase::ReadingStock
            | Phase::Looking
            | Phase::ReadingOrders
            | Phase::Acknowledging => false,
        }
    }

    /// The orders of the allocation that is being entered, as far as they are not entered.
    pub(crate) fn in_hand(&self) -> Orders {
        match self.phase {
            Phase::Entering { closer, rejected } => {
                let unattempted = closer.map(Closer::unattempted).unwrap_or_default();
                unattempted.union(rejected)
            }
            Phase::Gathering
            | Phase::ReadingStock
            | Phase::Looking
            | Phase::Settling { .. }
            | Phase::ReadingOrders
            | Phase::Committing { .. }
            | Phase::Acknowledging => Orders::default(),
        }
    }

    /// The orders of the batch that no decision is known of.
    pub(crate) fn waiting(&self) -> Orders {
        self.batch
            .orders()
            .without(self.decided)
            .without(self.postponed)
            .without(self.in_hand())
    }

    /// The waiting orders of messages that may have been delivered or sent before.
    pub(crate) fn maybe_seen(&self) -> Orders {
        let seen = self.batch.iter().filter(|delivery| delivery.maybe_seen);
        seen.map(|delivery| delivery.order)
            .collect::<Orders>()
            .intersection(self.waiting())
    }

    /// First come, first served, until the next accepted order would not fit the decision.
    pub(crate) fn allocate(&self, most_accepted: usize) -> Allocation {
        let waiting = self.waiting();
        let mut allocation = Allocation::default();
        for Delivery { order, .. } in self.batch.iter() {
            if !waiting.contains(order) || allocation.orders().contains(order) {
                continue;
            }
            if allocation.accepted.units() >= self.stock.available {
                allocation.rejected.insert(order);
            } else if allocation.accepted.len() < most_accepted {
                allocation.accepted.insert(order);
            } else {
                break;
            }
        }
        allocation
    }

    fn forget(&mut self) {
        let waiting = self.waiting();
        let may_be_rejected = waiting.union(self.in_hand());
        self.stock.accepted_before = self.stock.accepted_before.intersection(may_be_rejected);
        if waiting.is_empty() {
            self.stock.available = 0;
            self.looked = false;
        }
        if self.maybe_seen().is_empty() {
            self.orders_read = false;
        }
    }
}

impl Closer {
    pub(crate) fn unattempted(self) -> Orders {
        self.accepted.without(self.attempted)
    }
}

impl Allocation {
    fn orders(self) -> Orders {
        self.accepted.union(self.rejected)
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

    pub(crate) fn orders(&self) -> Orders {
        self.iter().map(|delivery| delivery.order).collect()
    }

    /// The messages that brought these orders.
    pub(crate) fn messages_of(&self, orders: Orders) -> Messages {
        let brought = self.iter().filter(|it| orders.contains(it.order));
        brought.map(|delivery| delivery.message).collect()
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
