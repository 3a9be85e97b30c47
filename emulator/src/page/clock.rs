//! Seconds since the emulator started.

use std::time::Instant;

/// A second since the emulator started.
pub(super) type Second = u64;

#[derive(Debug, Clone, Copy)]
pub(super) struct Clock(Instant);

impl Default for Clock {
    fn default() -> Self {
        Clock(Instant::now())
    }
}

impl Clock {
    pub(super) fn now(self) -> Second {
        self.0.elapsed().as_secs()
    }
}
