//! Which items transactions and writes are under way on.
//!
//! Source: "Transaction conflict handling in DynamoDB", Amazon DynamoDB Developer Guide. A transaction conflicts with
//! another on one of its items; so does a single write with a transaction; and a transactional read with both.
//! Ordinary reads, batches of them too, meet nobody.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

/// How a call comes to its items.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Entry {
    Transaction,
    TransactionalRead,
    Write,
}

#[derive(Debug, Default)]
struct Item {
    in_transaction: bool,
    writes: usize,
}

type Items = Mutex<HashMap<String, Item>>;

/// Who is at which items.
#[derive(Debug, Default)]
pub(super) struct Holders(Arc<Items>);

/// Items that are held until this is dropped.
#[derive(Debug)]
pub(super) struct Held {
    items: Arc<Items>,
    entry: Entry,
    keys: Vec<String>,
}

impl Holders {
    /// Comes to all the items, or to none.
    ///
    /// # Errors
    /// Tells by index which items are in conflict.
    pub(super) fn enter(&self, entry: Entry, keys: &[String]) -> Result<Held, Vec<bool>> {
        let mut items = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let conflicts = |key: &String| {
            items.get(key).is_some_and(|item| match entry {
                Entry::Transaction | Entry::Write => item.in_transaction,
                Entry::TransactionalRead => item.in_transaction || item.writes > 0,
            })
        };
        let in_conflict: Vec<bool> = keys.iter().map(conflicts).collect();
        if in_conflict.contains(&true) {
            return Err(in_conflict);
        }
        // A read holds nothing: whoever comes later is not in its way.
        let keys = match entry {
            Entry::TransactionalRead => Vec::new(),
            Entry::Transaction | Entry::Write => keys.to_vec(),
        };
        for key in &keys {
            let item = items.entry(key.clone()).or_default();
            match entry {
                Entry::Transaction => item.in_transaction = true,
                Entry::Write => item.writes += 1,
                Entry::TransactionalRead => {}
            }
        }
        Ok(Held {
            items: self.0.clone(),
            entry,
            keys,
        })
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        let mut items = self.items.lock().unwrap_or_else(PoisonError::into_inner);
        for key in &self.keys {
            let Some(item) = items.get_mut(key) else {
                continue;
            };
            match self.entry {
                Entry::Transaction => item.in_transaction = false,
                Entry::Write => item.writes -= 1,
                Entry::TransactionalRead => {}
            }
            if !item.in_transaction && item.writes == 0 {
                items.remove(key);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn keys(names: &[&str]) -> Vec<String> {
        names.iter().map(|&name| name.to_owned()).collect()
    }

    #[test]
    fn who_meets_a_transaction_is_told_where() {
        let holders = Holders::default();
        let first = holders
            .enter(Entry::Transaction, &keys(&["a", "b"]))
            .expect("nobody is there");
        for (entry, wanted, expected) in [
            (Entry::Transaction, keys(&["c", "b"]), vec![false, true]),
            (Entry::Write, keys(&["a"]), vec![true]),
            (
                Entry::TransactionalRead,
                keys(&["b", "c"]),
                vec![true, false],
            ),
        ] {
            let refused = holders.enter(entry, &wanted).err();
            assert_eq!(refused, Some(expected), "{entry:?}");
        }
        // Who was refused holds nothing.
        assert!(holders.enter(Entry::Transaction, &keys(&["c"])).is_ok());
        drop(first);
        assert!(
            holders
                .enter(Entry::Transaction, &keys(&["a", "b"]))
                .is_ok()
        );
        assert!(holders.0.lock().expect("items").is_empty());
    }

    #[test]
    fn writes_are_in_the_way_of_transactional_reads_alone() {
        let holders = Holders::default();
        let _write = holders.enter(Entry::Write, &keys(&["a"])).expect("free");
        let _another = holders.enter(Entry::Write, &keys(&["a"])).expect("free");
        assert!(
            holders
                .enter(Entry::TransactionalRead, &keys(&["a"]))
                .is_err()
        );
        assert!(holders.enter(Entry::Transaction, &keys(&["a"])).is_ok());
    }
}
