//! Names of orders, decisions, messages and consumers, and small sets of them.

use std::fmt;
use std::marker::PhantomData;

/// A place in one of the arrays of the state.
pub(crate) trait Id: Copy {
    fn new(index: usize) -> Self;
    fn index(self) -> usize;
}

macro_rules! id {
    ($name:ident, $format:literal, $shown:expr) => {
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
        pub(crate) struct $name(u8);

        impl Id for $name {
            fn new(index: usize) -> Self {
                Self(index as u8)
            }

            fn index(self) -> usize {
                self.0.into()
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                let shown: fn(u8) -> char = $shown;
                write!(formatter, $format, shown(self.0))
            }
        }
    };
}

fn letter(index: u8) -> char {
    (b'A' + index).into()
}

fn number(index: u8) -> char {
    (b'1' + index).into()
}

id!(OrderId, "order {}", letter);
id!(DecisionId, "decision {}", number);
id!(MessageId, "message {}", number);
id!(ConsumerId, "consumer {}", number);

/// A set of at most eight things.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub(crate) struct Set<I> {
    bits: u8,
    of: PhantomData<I>,
}

pub(crate) type Orders = Set<OrderId>;
pub(crate) type Decisions = Set<DecisionId>;
pub(crate) type Messages = Set<MessageId>;

impl<I: Id> Default for Set<I> {
    fn default() -> Self {
        Self::from_bits(0)
    }
}

impl<I: Id> Set<I> {
    fn from_bits(bits: u8) -> Self {
        Self {
            bits,
            of: PhantomData,
        }
    }

    pub(crate) fn is_empty(self) -> bool {
        self.bits == 0
    }

    pub(crate) fn len(self) -> usize {
        self.bits.count_ones() as usize
    }

    pub(crate) fn union(self, other: Self) -> Self {
        Self::from_bits(self.bits | other.bits)
    }

    pub(crate) fn intersection(self, other: Self) -> Self {
        Self::from_bits(self.bits & other.bits)
    }

    pub(crate) fn without(self, other: Self) -> Self {
        Self::from_bits(self.bits & !other.bits)
    }

    pub(crate) fn contains(self, id: I) -> bool {
        self.bits & bit(id) != 0
    }

    pub(crate) fn insert(&mut self, id: I) {
        self.bits |= bit(id);
    }

    pub(crate) fn with(mut self, id: I) -> Self {
        self.insert(id);
        self
    }

    pub(crate) fn remove(&mut self, id: I) {
        self.bits &= !bit(id);
    }

    /// Every subset but nothing and everything.
    pub(crate) fn parts(self) -> impl Iterator<Item = Self> {
        (1..self.bits)
            .filter(move |bits| bits & !self.bits == 0)
            .map(Self::from_bits)
    }

    pub(crate) fn iter(self) -> impl Iterator<Item = I> {
        (0..u8::BITS as usize)
            .map(I::new)
            .filter(move |id| self.contains(*id))
    }
}

fn bit(id: impl Id) -> u8 {
    1 << id.index()
}

impl<I: Id> FromIterator<I> for Set<I> {
    fn from_iter<T: IntoIterator<Item = I>>(ids: T) -> Self {
        ids.into_iter().fold(Self::default(), Set::with)
    }
}

impl<I: Id + fmt::Display> fmt::Display for Set<I> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_empty() {
            return write!(formatter, "nothing");
        }
        for (place, id) in self.iter().enumerate() {
            let separator = if place == 0 { "" } else { ", " };
            write!(formatter, "{separator}{id}")?;
        }
        Ok(())
    }
}
