//! The counts since the start or the last reset.

use std::collections::HashMap;
use std::sync::atomic::AtomicU64;
use std::sync::{Arc, PoisonError, RwLock};

use emulator_api::FunctionReport;
use jiff::Timestamp;

use super::counts::Usage;
use crate::caller::Caller;

#[derive(Debug)]
pub(super) struct Period {
    pub(super) since: Timestamp,
    pub(super) http_requests: AtomicU64,
    pub(super) callers: RwLock<HashMap<Caller, Arc<Usage>>>,
    /// The functions' own counts when the period began.
    pub(super) functions_before: Vec<FunctionReport>,
}

impl Period {
    pub(super) fn begin(functions: Vec<FunctionReport>) -> Self {
        Period {
            since: Timestamp::now(),
            http_requests: AtomicU64::new(0),
            callers: RwLock::default(),
            functions_before: functions,
        }
    }

    pub(super) fn usage(&self, caller: &Caller) -> Arc<Usage> {
        let callers = self.callers.read().unwrap_or_else(PoisonError::into_inner);
        if let Some(usage) = callers.get(caller) {
            return usage.clone();
        }
        drop(callers);
        let mut callers = self.callers.write().unwrap_or_else(PoisonError::into_inner);
        callers.entry(caller.clone()).or_default().clone()
    }
}
