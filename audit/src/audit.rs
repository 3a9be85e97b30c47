//! Reads the tables again and again until there is a verdict.

use std::time::{Duration, Instant};

use jiff::{SignedDuration, Timestamp};
use store::StoreError;
use store::audit::RECORD_KEPT;

use crate::reading::{Due, Progress, Reading};
use crate::report::{Report, Verdict};
use crate::shop::Shop;

/// The pause between two readings.
const PAUSE: Duration = Duration::from_secs(1);

/// The age from which an open decision is a fault. The sweep closes decisions that their owners left open. It runs
/// once a minute and takes those that are older than ten seconds, so an honest one is closed after 70 s and the time
/// that the sweep itself takes.
const DECISION_CLOSED_AFTER: Duration = Duration::from_secs(90);

/// How much earlier than its time to live ends a decision's record is allowed to be missing. The audit's clock is not
/// DynamoDB's.
const RECORD_MARGIN: SignedDuration = SignedDuration::from_hours(24);

/// How long the audit waits, and how late the shop may be, before it is a fault.
#[derive(Debug, Clone, Copy)]
pub struct WaitLimits {
    /// The time for the queue to become empty and the stock to stop changing.
    pub rest: Duration,
    /// The time from a checkout's submission to its decision.
    pub decision: Duration,
    /// The time from the end of an order's payment window to its expiry.
    pub expiry: Duration,
}

impl WaitLimits {
    fn due_now(self) -> Due {
        let now = Timestamp::now();
        let ago = |duration| now.checked_sub(duration).unwrap_or(Timestamp::MIN);
        Due {
            submitted_until: ago(self.decision),
            unpaid_until: ago(self.expiry),
            open_until: ago(DECISION_CLOSED_AFTER),
            recorded_from: now
                .checked_sub(RECORD_KEPT - RECORD_MARGIN)
                .unwrap_or(Timestamp::MIN),
        }
    }
}

/// Reads the tables until there is a verdict. A fault that may come from changes during the reading is only
/// reported if two readings in a row, both without changes, show it.
///
/// # Errors
/// When a table or the queue cannot be read.
pub async fn audit(
    shop: &Shop,
    limits: WaitLimits,
    progress: &Progress,
) -> Result<Report, StoreError> {
    let give_up = Instant::now() + limits.rest;
    wait_for_the_queue(shop, give_up).await?;
    let mut suspected_before = false;
    loop {
        let reading = shop.read(limits.due_now(), progress).await?;
        let verdict = judge(&reading, suspected_before);
        if let Some(verdict) = verdict.or_else(|| give_up_verdict(&reading, give_up)) {
            return Ok(Report {
                verdict,
                books: reading.books,
                backlog: shop.backlog().await?,
            });
        }
        suspected_before = reading.at_rest;
        tokio::time::sleep(PAUSE).await;
    }
}

async fn wait_for_the_queue(shop: &Shop, give_up: Instant) -> Result<(), StoreError> {
    while shop.backlog().await? > 0 && Instant::now() < give_up {
        tokio::time::sleep(PAUSE).await;
    }
    Ok(())
}

/// The verdict, or `None` if the tables must be read again.
fn judge(reading: &Reading, suspected_before: bool) -> Option<Verdict> {
    let faults = &reading.books.faults;
    if faults.iter().any(|(fault, ..)| !fault.may_be_transient()) {
        Some(Verdict::Off)
    } else if !reading.at_rest {
        None
    } else if faults.is_empty() {
        Some(Verdict::Balanced)
    } else {
        suspected_before.then_some(Verdict::Off)
    }
}

/// The verdict when time is up. It applies only while the tables change: a reading without changes is followed by
/// its second reading in any case.
fn give_up_verdict(reading: &Reading, give_up: Instant) -> Option<Verdict> {
    (!reading.at_rest && Instant::now() >= give_up).then_some(Verdict::Unsettled)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::books::BooksRead;
    use crate::fault::{Fault, Faults};

    fn reading(at_rest: bool, fault: Option<Fault>) -> Reading {
        let mut faults = Faults::default();
        if let Some(fault) = fault {
            faults.record(fault, String::new);
        }
        Reading {
            books: BooksRead {
                products: BTreeMap::new(),
                orders: 0,
                carts: 0,
                decisions: 0,
                open_decisions: 0,
                faults,
            },
            at_rest,
        }
    }

    #[test]
    fn only_unchanging_tables_are_balanced() {
        assert_eq!(judge(&reading(true, None), false), Some(Verdict::Balanced));
        assert_eq!(judge(&reading(false, None), false), None);
    }

    #[test]
    fn an_imbalance_is_read_twice_before_it_is_reported() {
        for fault in [
            Fault::Oversold,
            Fault::LostUnits,
            Fault::Undecided,
            Fault::MissingOrder,
        ] {
            assert_eq!(judge(&reading(false, Some(fault)), true), None);
            assert_eq!(judge(&reading(true, Some(fault)), false), None);
            assert_eq!(judge(&reading(true, Some(fault)), true), Some(Verdict::Off));
        }
    }

    #[test]
    fn a_fault_that_no_change_explains_is_reported_at_once() {
        for fault in [
            Fault::NegativeStock,
            Fault::DamagedOrder,
            Fault::WrongTotal,
            Fault::UnknownDecision,
            Fault::StaysOpen,
        ] {
            assert_eq!(
                judge(&reading(false, Some(fault)), false),
                Some(Verdict::Off)
            );
        }
    }

    #[test]
    fn the_audit_gives_up_only_while_the_tables_change() {
        let past = Instant::now();
        let moving = reading(false, None);
        assert_eq!(give_up_verdict(&moving, past), Some(Verdict::Unsettled));
        assert_eq!(give_up_verdict(&reading(true, None), past), None);
        let later = past + Duration::from_secs(60);
        assert_eq!(give_up_verdict(&moving, later), None);
    }
}
