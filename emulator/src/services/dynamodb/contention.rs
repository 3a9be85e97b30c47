//! Conflicts between calls that are under way on the same items.
//!
//! Source: "Transaction conflict handling in DynamoDB", Amazon DynamoDB Developer Guide. A transaction conflicts with
//! another on one of its items; so does a single write with a transaction; and a transactional read with both.
//! Ordinary reads, batches of them too, conflict with nothing.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

/// How a call uses its items.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Access {
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

/// The items that calls are under way on.
#[derive(Debug, Default)]
pub(super) struct ItemLocks(Arc<Items>);

/// Items that are locked until this is dropped.
#[derive(Debug)]
pub(super) struct LockedItems {
    items: Arc<Items>,
    access: Access,
    keys: Vec<String>,
}

impl ItemLocks {
    /// Locks all the items, or none; never waits.
    ///
    /// # Errors
    /// By index, which items are in conflict.
    pub(super) fn try_lock(
        &self,
        access: Access,
        keys: &[String],
    ) -> Result<LockedItems, Vec<bool>> {
        let mut items = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let conflicts = |key: &String| {
            items.get(key).is_some_and(|item| match access {
                Access::Transaction | Access::Write => item.in_transaction,
                Access::TransactionalRead => item.in_transaction || item.writes > 0,
            })
        };
        let in_conflict: Vec<bool> = keys.iter().map(conflicts).collect();
        if in_conflict.contains(&true) {
            return Err(in_conflict);
        }
        // A read locks nothing: a later call does not conflict with it.
        let keys = match access {
            Access::TransactionalRead => Vec::new(),
            Access::Transaction | Access::Write => keys.to_vec(),
        };
        for key in &keys {
            let item = items.entry(key.clone()).or_default();
            match access {
                Access::Transaction => item.in_transaction = true,
                Access::Write => item.writes += 1,
                Access::TransactionalRead => {}
            }
        }
        Ok(LockedItems {
            items: self.0.clone(),
            access,
            keys,
        })
    }
}

impl Drop for LockedItems {
    fn drop(&mut self) {
        let mut items = self.items.lock().unwrap_or_else(PoisonError::into_inner);
        for key in &self.keys {
            let Some(item) = items.get_mut(key) else {
                continue;
            };
            match self.access {
                Access::Transaction => item.in_transaction = false,
                Access::Write => item.writes -= 1,
                Access::TransactionalRead => {}
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
    fn a_conflict_with_a_transaction_names_its_items() {
        let locks = ItemLocks::default();
        let first = locks
            .try_lock(Access::Transaction, &keys(&["a", "b"]))
            .expect("no conflict");
        for (access, wanted, expected) in [
            (Access::Transaction, keys(&["c", "b"]), vec![false, true]),
            (Access::Write, keys(&["a"]), vec![true]),
            (
                Access::TransactionalRead,
                keys(&["b", "c"]),
                vec![true, false],
            ),
        ] {
            let refused = locks.try_lock(access, &wanted).err();
            assert_eq!(refused, Some(expected), "{access:?}");
        }
        // A refused call has locked nothing.
        assert!(locks.try_lock(Access::Transaction, &keys(&["c"])).is_ok());
        drop(first);
        assert!(
            locks
                .try_lock(Access::Transaction, &keys(&["a", "b"]))
                .is_ok()
        );
        assert!(locks.0.lock().expect("items").is_empty());
    }

    #[test]
    fn writes_conflict_with_transactional_reads_alone() {
        let locks = ItemLocks::default();
        let _write = locks.try_lock(Access::Write, &keys(&["a"])).expect("free");
        let _another = locks.try_lock(Access::Write, &keys(&["a"])).expect("free");
        assert!(
            locks
                .try_lock(Access::TransactionalRead, &keys(&["a"]))
                .is_err()
        );
        assert!(locks.try_lock(Access::Transaction, &keys(&["a"])).is_ok());
    }
}
