//! Reading until there is a verdict.

use std::time::{Duration, Instant};

use jiff::Timestamp;
use store::StoreError;

use crate::reading::{Due, Progress, Reading};
use crate::report::{Report, Verdict};
use crate::shop::Shop;

/// Between two looks at books that move.
const PAUSE: Duration = Duration::from_secs(1);

/// How long an audit waits for what.
#[derive(Debug, Clone, Copy)]
pub struct Patience {
    /// For the books to come to rest: the queue empty, the stock unchanged while it is read.
    pub for_rest: Duration,
    /// For a checkout to be decided, from its submission on.
    pub for_a_decision: Duration,
    /// For an unpaid order to expire, from the end of its payment window on.
    pub for_an_expiry: Duration,
}

impl Patience {
    fn due_now(self) -> Due {
        let now = Timestamp::now();
        let ago = |patience| now.checked_sub(patience).unwrap_or(Timestamp::MIN);
        Due {
            submitted_until: ago(self.for_a_decision),
            unpaid_until: ago(self.for_an_expiry),
        }
    }
}

/// Reads the books until they can be judged. What may be a blur, because the books moved while
/// they were read, is only claimed when two readings of books at rest in a row say so.
///
/// # Errors
/// When a table or the queue cannot be read.
pub async fn audit(
    shop: &Shop,
    patience: Patience,
    progress: &Progress,
) -> Result<Report, StoreError> {
    let give_up = Instant::now() + patience.for_rest;
    wait_for_the_queue(shop, give_up).await?;
    let mut doubted_before = false;
    loop {
        let reading = shop.read(patience.due_now(), progress).await?;
        let judgement = judge(&reading, doubted_before);
        if let Some(verdict) = judgement.or_else(|| out_of_patience(&reading, give_up)) {
            return Ok(Report {
                verdict,
                books: reading.books,
                backlog: shop.backlog().await?,
            });
        }
        doubted_before = reading.at_rest;
        tokio::time::sleep(PAUSE).await;
    }
}

async fn wait_for_the_queue(shop: &Shop, give_up: Instant) -> Result<(), StoreError> {
    while shop.backlog().await? > 0 && Instant::now() < give_up {
        tokio::time::sleep(PAUSE).await;
    }
    Ok(())
}

/// A verdict, or `None` when the books have to be read again.
fn judge(reading: &Reading, doubted_before: bool) -> Option<Verdict> {
    let faults = &reading.books.faults;
    if faults.iter().any(|(fault, ..)| !fault.may_be_a_blur()) {
        Some(Verdict::Off)
    } else if !reading.at_rest {
        None
    } else if faults.is_empty() {
        Some(Verdict::Balanced)
    } else {
        doubted_before.then_some(Verdict::Off)
    }
}

/// Books at rest are read to the end, however late it is.
fn out_of_patience(reading: &Reading, give_up: Instant) -> Option<Verdict> {
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
            faults.note(fault, String::new);
        }
        Reading {
            books: BooksRead {
                products: BTreeMap::new(),
                orders: 0,
                carts: 0,
                faults,
            },
            at_rest,
        }
    }

    #[test]
    fn only_books_at_rest_are_balanced() {
        assert_eq!(judge(&reading(true, None), false), Some(Verdict::Balanced));
        assert_eq!(judge(&reading(false, None), false), None);
    }

    #[test]
    fn an_imbalance_is_read_twice_at_rest_before_it_is_claimed() {
        for fault in [Fault::Oversold, Fault::LostUnits, Fault::Undecided] {
            assert_eq!(judge(&reading(false, Some(fault)), true), None);
            assert_eq!(judge(&reading(true, Some(fault)), false), None);
            assert_eq!(judge(&reading(true, Some(fault)), true), Some(Verdict::Off));
        }
    }

    #[test]
    fn what_no_movement_explains_is_claimed_at_once() {
        for fault in [Fault::NegativeStock, Fault::DamagedOrder, Fault::WrongTotal] {
            assert_eq!(
                judge(&reading(false, Some(fault)), false),
                Some(Verdict::Off)
            );
        }
    }

    #[test]
    fn patience_ends_only_while_the_books_move() {
        let past = Instant::now();
        let moving = reading(false, None);
        assert_eq!(out_of_patience(&moving, past), Some(Verdict::Unsettled));
        assert_eq!(out_of_patience(&reading(true, None), past), None);
        let later = past + Duration::from_secs(60);
        assert_eq!(out_of_patience(&moving, later), None);
    }
}
