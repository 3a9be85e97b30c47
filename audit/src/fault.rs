//! The faults that the tables can have.

use std::collections::BTreeMap;

/// Examples kept of each fault: enough to understand it, and bounded memory for tables with millions of faults.
const MAX_EXAMPLES: usize = 10;

/// A broken rule.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Fault {
    /// I1: a product has fewer than zero units.
    NegativeStock,
    /// I2: orders hold units that were never stocked.
    Oversold,
    /// I2: units are neither available nor in an order.
    LostUnits,
    /// I2: a stock entry cannot be read.
    DamagedStock,
    /// I3: a cart was submitted and never decided.
    Undecided,
    /// I3: a cart cannot be read, so it is unknown whether it was submitted.
    DamagedCart,
    /// An order's time to pay ended long ago, and it still holds its units.
    Overdue,
    /// I4: an order is not as the shop writes it: a line is missing or malformed, or the status is unknown.
    DamagedOrder,
    /// I4: an order's total is not the sum of its lines.
    WrongTotal,
}

impl Fault {
    /// The rule and the fault, in words for a report.
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

    /// Whether tables that change while they are read can show this fault without having it.
    pub fn may_be_transient(self) -> bool {
        matches!(self, Fault::Oversold | Fault::LostUnits | Fault::Undecided)
    }
}

/// All faults found, with a few examples of each.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Faults(BTreeMap<Fault, Cases>);

#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct Cases {
    count: u64,
    examples: Vec<String>,
}

impl Faults {
    pub fn record(&mut self, fault: Fault, example: impl FnOnce() -> String) {
        let cases = self.0.entry(fault).or_default();
        cases.count += 1;
        if cases.examples.len() < MAX_EXAMPLES {
            cases.examples.push(example());
        }
    }

    pub fn merge(&mut self, other: Faults) {
        for (fault, cases) in other.0 {
            let all = self.0.entry(fault).or_default();
            all.count += cases.count;
            let room = MAX_EXAMPLES - all.examples.len();
            all.examples.extend(cases.examples.into_iter().take(room));
        }
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub fn count(&self, fault: Fault) -> u64 {
        self.0.get(&fault).map_or(0, |cases| cases.count)
    }

    /// Each fault with its count and its first examples.
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
    fn all_cases_are_counted_and_a_few_are_kept_as_examples() {
        let mut faults = Faults::default();
        for number in 0..1_000 {
            faults.record(Fault::Undecided, || number.to_string());
        }
        let mut more = Faults::default();
        more.record(Fault::Undecided, || "another".to_owned());
        faults.merge(more);
        assert_eq!(faults.count(Fault::Undecided), 1_001);
        let (_, _, examples) = faults.iter().next().unwrap();
        assert_eq!(examples.len(), MAX_EXAMPLES);
    }
}
