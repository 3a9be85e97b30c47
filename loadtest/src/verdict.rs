//! Whether the shop passed the load test.

use std::fmt;

use crate::k6::Summary;

/// The sums over all parts of a load test, and the result of the audit.
#[derive(Debug)]
pub(crate) struct Verdict {
    accepted: u64,
    decided: u64,
    undecided: u64,
    /// Decisions a second in the first part.
    decided_per_second: f64,
    /// Buyers that k6 could not send. The load was not what was asked for, so the run proves nothing.
    dropped: u64,
    thresholds_met: bool,
    books: audit::Verdict,
}

impl Verdict {
    pub(crate) fn of(parts: &[Summary], books: audit::Verdict) -> Verdict {
        let sum = |count: fn(&Summary) -> u64| parts.iter().map(count).sum();
        Verdict {
            accepted: sum(|part| part.accepted),
            decided: sum(Summary::decided),
            undecided: sum(|part| part.orders.undecided),
            decided_per_second: parts.first().map_or(0.0, |part| part.decided_per_second),
            dropped: sum(|part| part.dropped_iterations),
            thresholds_met: parts.iter().all(|part| part.thresholds_met),
            books,
        }
    }

    pub(crate) fn passed(&self) -> bool {
        self.books == audit::Verdict::Balanced && self.thresholds_met && self.dropped == 0
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "{} checkouts accepted, {} decided ({:.0} a second in the first part), {} left undecided.",
            self.accepted, self.decided, self.decided_per_second, self.undecided
        )?;
        if self.dropped > 0 {
            writeln!(
                f,
                "k6 COULD NOT SEND {} buyers in time: use a lower --rate, or more processors.",
                self.dropped
            )?;
        }
        write!(
            f,
            "{}: the books {}, the thresholds were {}.",
            if self.passed() { "PASSED" } else { "FAILED" },
            match self.books {
                audit::Verdict::Balanced => "balance",
                audit::Verdict::Off => "ARE OFF",
                audit::Verdict::Unsettled => "did not come to rest",
            },
            if self.thresholds_met {
                "met"
            } else {
                "NOT MET"
            },
        )
    }
}

#[cfg(test)]
mod tests {
    use audit::Verdict::{Balanced, Off, Unsettled};

    use super::*;
    use crate::k6::Orders;

    fn part() -> Summary {
        Summary {
            accepted: 10,
            orders: Orders {
                won: 7,
                rejected: 3,
                undecided: 0,
            },
            decided_per_second: 5.0,
            dropped_iterations: 0,
            thresholds_met: true,
        }
    }

    #[test]
    fn a_test_passes_only_with_balanced_books() {
        assert!(Verdict::of(&[part(), part()], Balanced).passed());
        assert!(!Verdict::of(&[part(), part()], Off).passed());
        assert!(!Verdict::of(&[part(), part()], Unsettled).passed());
    }

    #[test]
    fn a_threshold_that_was_not_met_in_any_part_fails_the_test() {
        let slow = Summary {
            thresholds_met: false,
            ..part()
        };
        assert!(!Verdict::of(&[part(), slow], Balanced).passed());
    }

    #[test]
    fn a_buyer_that_k6_could_not_send_fails_the_test_and_is_reported() {
        let dropped = Summary {
            dropped_iterations: 1,
            ..part()
        };
        let verdict = Verdict::of(&[part(), dropped], Balanced);
        assert!(!verdict.passed());
        let text = verdict.to_string();
        assert!(text.contains("COULD NOT SEND 1 buyers"), "{text}");
        assert!(text.contains("FAILED"), "{text}");
    }
}
