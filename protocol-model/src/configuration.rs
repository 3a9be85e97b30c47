//! How large the modelled shop is, what goes wrong in it, and which rule of the protocol it leaves out.

use crate::ids::{Id, MessageId, OrderId};

pub(crate) const MAX_ORDERS: usize = 3;
pub(crate) const MAX_MESSAGES: usize = 5;
pub(crate) const MAX_CONSUMERS: usize = 3;
pub(crate) const MAX_BATCH: usize = 3;

/// The size of a modelled shop and everything that may go wrong in one run of it.
#[derive(Clone, Debug)]
pub struct Configuration {
    pub(crate) supply: i8,
    pub(crate) consumers: usize,
    pub(crate) batch: usize,
    pub(crate) decision: usize,
    pub(crate) messages: Vec<Message>,
    pub(crate) orders: usize,
    pub(crate) crashes: u8,
    pub(crate) lost_answers: u8,
    pub(crate) releases: u8,
    pub(crate) payments: bool,
    pub(crate) lapses: u8,
    pub(crate) mutation: Option<Mutation>,
}

/// One message of the queue.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Message {
    pub(crate) order: OrderId,
    pub(crate) sent: Sent,
}

/// Why a message is in the queue.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Sent {
    Originally,
    /// The shopper submitted the cart again: the message says so.
    Again,
    /// The queue copied it: its receive count starts at 1 and nothing tells it from the original.
    ByTheQueue,
}

/// One rule of the protocol, left out or broken.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Mutation {
    /// The returns are computed at the first put of a decision, before all were attempted.
    ReturnsBeforePuts,
    /// A put that was throttled counts as attempted.
    ThrottledPutAttempted,
    /// An order that was entered by this decision and released since is returned once more.
    ReturnsReleased,
    /// The unit of an order that was rejected first is not returned, since the order names no decision.
    RejectedNotReturned,
    /// The put of an accepted order overwrites the order that it finds.
    UnconditionalPut,
    /// The put of a rejected order overwrites the order that it finds.
    UnconditionalRejection,
    /// A decision is closed, and its units are returned, without the condition that its marker exists.
    UnconditionalClose,
    /// Messages are deleted before the commit.
    AcknowledgeBeforeCommit,
    /// A consumer that runs out of time deletes the messages of orders that it has not entered, too.
    AcknowledgeUnentered,
    /// Open decisions are read before the stock is.
    LookBeforeStock,
    /// Open decisions are not read again after a cancelled commit returned a newer stock value.
    NoLookAfterNewerStock,
    /// A rejection is no reason to look: only messages that may have been seen are.
    LookOnlyWhenSeen,
    /// A look compares only the messages that may have been seen with the open decisions.
    LookForSeenOnly,
    /// A commit that got no answer is tried again under a new id.
    NewIdAfterLostAnswer,
    /// A commit that finds its own record is taken for one that failed.
    RecordMeansFailure,
    /// A commit overwrites the record that it finds.
    UnconditionalRecord,
    /// After a cancelled commit, the new content is committed under the old id.
    OldIdForNewContent,
    /// Released orders are deleted once their decisions are closed.
    OrdersDeleted,
    /// Nothing but a redelivered message takes up a decision that its consumer left open.
    NoSweep,
}

impl Configuration {
    /// Two consumers and one message for each order. Nothing goes wrong.
    pub fn calm(orders: usize, supply: i8) -> Self {
        assert!(orders <= MAX_ORDERS);
        let original = |order| Message {
            order: OrderId::new(order),
            sent: Sent::Originally,
        };
        Self {
            supply,
            consumers: 2,
            batch: 2,
            decision: MAX_BATCH,
            messages: (0..orders).map(original).collect(),
            orders,
            crashes: 0,
            lost_answers: 0,
            releases: 0,
            payments: false,
            lapses: 0,
            mutation: None,
        }
    }

    /// The number of consumers that run side by side.
    pub fn consumers(self, consumers: usize) -> Self {
        assert!(consumers <= MAX_CONSUMERS);
        Self { consumers, ..self }
    }

    /// The number of messages that a consumer gathers at most.
    pub fn batch(self, batch: usize) -> Self {
        assert!(batch <= MAX_BATCH);
        Self { batch, ..self }
    }

    /// The number of orders that a decision accepts at most: a larger batch is cut into several decisions.
    pub fn decision(self, decision: usize) -> Self {
        Self { decision, ..self }
    }

    /// The first order is submitted a second time.
    pub fn resubmission(self) -> Self {
        self.another_message(Sent::Again)
    }

    /// The queue makes a copy of the first order's message.
    pub fn copy(self) -> Self {
        self.another_message(Sent::ByTheQueue)
    }

    fn another_message(mut self, sent: Sent) -> Self {
        self.messages.push(Message {
            order: OrderId::new(0),
            sent,
        });
        assert!(self.messages.len() <= MAX_MESSAGES);
        self
    }

    /// How often a consumer or the sweep dies, runs out of time, or can't finish a decision that it found open.
    pub fn crashes(self, crashes: u8) -> Self {
        Self { crashes, ..self }
    }

    /// How often the answer of a commit or a put is lost. It has landed, lands later, or never.
    pub fn lost_answers(self, lost_answers: u8) -> Self {
        Self {
            lost_answers,
            ..self
        }
    }

    /// How many accepted orders are cancelled by their customers or expire, and give their unit back.
    pub fn releases(self, releases: u8) -> Self {
        Self { releases, ..self }
    }

    /// Orders may be paid: they are not released after that.
    pub fn payments(self) -> Self {
        Self {
            payments: true,
            ..self
        }
    }

    /// How often a message becomes visible while a slow consumer still works on it.
    pub fn lapses(self, lapses: u8) -> Self {
        Self { lapses, ..self }
    }

    /// The same shop without one rule of the protocol.
    pub fn mutated(self, mutation: Mutation) -> Self {
        Self {
            mutation: Some(mutation),
            ..self
        }
    }

    pub(crate) fn has(&self, mutation: Mutation) -> bool {
        self.mutation == Some(mutation)
    }

    pub(crate) fn message(&self, id: MessageId) -> Message {
        self.messages[id.index()]
    }

    pub(crate) fn messages(&self) -> impl Iterator<Item = MessageId> + use<> {
        (0..self.messages.len()).map(MessageId::new)
    }

    pub(crate) fn orders(&self) -> impl Iterator<Item = OrderId> + use<> {
        (0..self.orders).map(OrderId::new)
    }

    /// True when no batch is decided twice: each message is worked on once, and no returned unit lets a late commit land.
    pub(crate) fn decides_once(&self) -> bool {
        self.messages.len() == self.orders
            && self.crashes == 0
            && self.releases == 0
            && self.lapses == 0
    }
}
