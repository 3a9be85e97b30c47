//! What can be watched while the cloud runs: requests, batches, stock, trouble and traces, for the page at
//! `/_local/`.
//!
//! Everything here is in bounded memory: old things make room for new ones, and are counted.

mod batches;
pub(crate) mod http;
mod lines;
mod live;
mod otlp;
mod per_second;
mod requests;
mod stock;
mod story;
mod traces;
mod troubles;

use std::time::Instant;

pub(crate) use batches::{Batches, Ended};
pub(crate) use live::{Live, WatchedQueue};
pub(crate) use requests::Requests;

use crate::template::HttpApi;
use per_second::Second;
use traces::Traces;
use troubles::Troubles;

/// What the parts of the emulator tell of their work.
#[derive(Debug)]
pub(crate) struct Watch {
    clock: Clock,
    pub(crate) requests: Requests,
    pub(crate) batches: Batches,
    troubles: Troubles,
    traces: Traces,
    /// Whether the functions are told to send their traces here.
    functions_trace: bool,
}

impl Watch {
    pub(crate) fn new(api: &HttpApi, functions_trace: bool) -> Self {
        let clock = Clock::default();
        Watch {
            clock,
            requests: Requests::new(&api.routes, clock),
            batches: Batches::new(clock),
            troubles: Troubles::default(),
            traces: Traces::default(),
            functions_trace,
        }
    }

    /// Something that the emulator itself says of a function: it can't start, was killed, or crashed.
    pub(crate) fn fault(&self, function: &str, text: &str) {
        self.troubles.fault(function, text);
    }
}

/// Seconds since the cloud started.
#[derive(Debug, Clone, Copy)]
struct Clock(Instant);

impl Default for Clock {
    fn default() -> Self {
        Clock(Instant::now())
    }
}

impl Clock {
    fn now(self) -> Second {
        self.0.elapsed().as_secs()
    }
}
