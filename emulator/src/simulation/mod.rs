//! How much like AWS the emulator's own services behave, for measurements that mean something beyond this machine.

mod latency;

pub(crate) use latency::{Latencies, Profile, Work};

/// How much like AWS the emulator's own services behave.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Realism {
    /// As fast as this machine, without contention.
    #[default]
    Off,
    /// AWS's latencies, contention and throttling.
    Aws {
        /// The same seed gives the same latencies: the first, second, … call of an operation takes as long as in
        /// any other run with this seed.
        seed: u64,
    },
}

impl Realism {
    /// The latencies of a service; none where calls take as long as they do.
    pub(crate) fn latencies(self, profiles: &'static [Profile]) -> Option<Latencies> {
        match self {
            Realism::Off => None,
            Realism::Aws { seed } => Some(Latencies::new(seed, profiles)),
        }
    }
}
