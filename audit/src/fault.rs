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
    /// I2: the record or the open marker of a decision cannot be read, so its units are unknown.
    DamagedDecision,
    /// I2: an open decision can never be closed: its record or the cart of an order is missing or damaged.
    UnfinishableDecision,
    /// I2: an order names a decision that never was: no stock was taken for it by that decision.
    UnknownDecision,
    /// I3: a cart was submitted and never decided.
    Undecided,
    /// I3: a cart cannot be read, so it is unknown whether it was submitted.
    DamagedCart,
    /// I3: a closed decision accepted an order that does not exist.
    MissingOrder,
    /// I3: a decision was made long ago, and its orders are not all entered.
    StaysOpen,
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
            Fault::LostUnits => {
                "I2 lost: units neither on the shelf, nor in an order, nor in an open decision"
            }
            Fault::DamagedStock => "I2 stock entries that cannot be read",
            Fault::DamagedDecision => "I2 decisions whose record or open marker cannot be read",
            Fault::UnfinishableDecision => "I2 open decisions that can never be closed",
            Fault::UnknownDecision => "I2 orders that name a decision that never was",
            Fault::Undecided => "I3 carts that were submitted and never decided",
            Fault::DamagedCart => "I3 carts that cannot be read",
            Fault::MissingOrder => {
                "I3 orders that a closed decision accepted and that do not exist"
            }
            Fault::StaysOpen => "I3 decisions that stay open",
            Fault::Overdue => "orders that should have expired unpaid and still hold their units",
            Fault::DamagedOrder => "I4 orders that are not whole",
            Fault::WrongTotal => "I4 orders whose total is not that of their lines",
        }
    }

    /// Whether tables that change while they are read can show this fault without having it.
    pub fn may_be_transient(self) -> bool {
        match self {
            Fault::Oversold | Fault::LostUnits | Fault::Undecided | Fault::MissingOrder => true,
            Fault::NegativeStock
            | Fault::DamagedStock
            | Fault::DamagedDecision
            | Fault::UnfinishableDecision
            | Fault::UnknownDecision
            | Fault::DamagedCart
            | Fault::StaysOpen
            | Fault::Overdue
            | Fault::DamagedOrder
            | Fault::WrongTotal => false,
        }
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
