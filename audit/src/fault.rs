//! What can be wrong with the books.

use std::collections::BTreeMap;

/// Examples kept of each fault. Books that are off a million times are no better understood from a
/// million lines, and memory has its limit.
const MAX_EXAMPLES: usize = 10;

/// A rule that the books break.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Fault {
    /// I1: fewer than no units.
    NegativeStock,
    /// I2: orders hold units that were never stocked.
    Oversold,
    /// I2: units are neither on the shelf nor in an order.
    LostUnits,
    /// I2: an entry of stock that cannot be read.
    DamagedStock,
    /// I3: a cart was submitted and never decided.
    Undecided,
    /// I3: a cart that cannot be read, so nobody knows whether it was submitted.
    DamagedCart,
    /// An order that was to be paid long ago and still holds its units.
    Overdue,
    /// I4: an order that is not what the shop writes: a line missing or broken, a status unknown.
    DamagedOrder,
    /// I4: an order whose total is not that of its lines.
    WrongTotal,
}

impl Fault {
    /// The rule and what is wrong, for people.
    pub fn headline(self) -> &'static str {
        match self {
            Fault::NegativeStock => "I1 stock below zero",
            Fault::Oversold => "I2 oversold: orders hold more than was ever stocked",
            Fault::LostUnits => "I2 lost: units neither on the shelf nor in an order",
            Fault::DamagedStock => "I2 stock entries that cannot be read",
            Fault::Undecided => "I3 carts that were submitted and never decided",
            Fault::DamagedCart => "I3 carts that cannot be read",
            Fault::Overdue => "orders that should have expired unpaid and still hold their units",
            Fault::DamagedOrder => "I4 orders that are not whole",
            Fault::WrongTotal => "I4 orders whose total is not that of their lines",
        }
    }

    /// Whether books that move while they are read can look like this without being so.
    pub fn may_be_a_blur(self) -> bool {
        matches!(self, Fault::Oversold | Fault::LostUnits | Fault::Undecided)
    }
}

/// All that was found to be wrong.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Faults(BTreeMap<Fault, Cases>);

#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct Cases {
    count: u64,
    examples: Vec<String>,
}

impl Faults {
    /// Notes a case.
    pub fn note(&mut self, fault: Fault, example: impl FnOnce() -> String) {
        let cases = self.0.entry(fault).or_default();
        cases.count += 1;
        if cases.examples.len() < MAX_EXAMPLES {
            cases.examples.push(example());
        }
    }

    /// Both together.
    pub fn merge(&mut self, other: Faults) {
        for (fault, cases) in other.0 {
            let all = self.0.entry(fault).or_default();
            all.count += cases.count;
            let room = MAX_EXAMPLES - all.examples.len();
            all.examples.extend(cases.examples.into_iter().take(room));
        }
    }

    /// Whether nothing is wrong.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// How often a fault was found.
    pub fn count(&self, fault: Fault) -> u64 {
        self.0.get(&fault).map_or(0, |cases| cases.count)
    }

    /// Each fault with how often it was found and the first cases.
    pub fn iter(&self) -> impl Iterator<Item = (Fault, u64, &[String])> {
        self.0
            .iter()
            .map(|(fault, cases)| (*fault, cases.count, cases.examples.as_slice()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_million_cases_are_counted_and_a_few_are_kept() {
        let mut faults = Faults::default();
        for number in 0..1_000 {
            faults.note(Fault::Undecided, || number.to_string());
        }
        let mut more = Faults::default();
        more.note(Fault::Undecided, || "another".to_owned());
        faults.merge(more);
        assert_eq!(faults.count(Fault::Undecided), 1_001);
        let (_, _, examples) = faults.iter().next().unwrap();
        assert_eq!(examples.len(), MAX_EXAMPLES);
    }
}
