//! Reads the processor time of processes from /proc.

use std::collections::BTreeMap;
use std::fmt;
use std::fs;
use std::time::Duration;

use anyhow::{Context, Result};
use loadtest::LocalShop;
use serde::{Deserialize, Serialize};

/// Clock ticks a second in /proc, on every Linux that Rust runs on.
/// Source: proc_pid_stat(5), and `USER_HZ`, which is 100 on all of these.
const TICKS_PER_SECOND: u64 = 100;

/// The processor time that each process of the shop has used so far, by name and process id.
#[derive(Debug, Clone)]
pub(crate) struct ProcessorTimes(BTreeMap<(String, u32), Duration>);

impl ProcessorTimes {
    /// The times of all functions, of the emulator, and of this program.
    pub(crate) async fn now(shop: &LocalShop) -> Result<ProcessorTimes> {
        let mut processes = vec![
            ("(load generator)".to_owned(), std::process::id()),
            ("(emulator)".to_owned(), shop.emulator_pid),
        ];
        for function in shop.functions().await? {
            let pids = function.pids.into_iter();
            processes.extend(pids.map(|pid| (function.binary.clone(), pid)));
        }
        let times = processes
            .into_iter()
            // A process may have ended since it was listed.
            .filter_map(|(name, pid)| Some(((name, pid), processor_time(pid).ok()?)));
        Ok(ProcessorTimes(times.collect()))
    }

    /// The time used since `before`, by name. A process that has ended since is left out.
    pub(crate) fn since(&self, before: &ProcessorTimes) -> BTreeMap<String, Duration> {
        let mut used: BTreeMap<String, Duration> = BTreeMap::new();
        for (process, time) in &self.0 {
            let then = before.0.get(process).copied().unwrap_or_default();
            *used.entry(process.0.clone()).or_default() += time.saturating_sub(then);
        }
        used
    }
}

/// Processor time for each decided order, by process, in microseconds.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(crate) struct MicrosPerOrder(BTreeMap<String, f64>);

impl MicrosPerOrder {
    pub(crate) fn of(used: BTreeMap<String, Duration>, orders: u64) -> MicrosPerOrder {
        let micros = |time: Duration| time.as_secs_f64() * 1e6 / orders.max(1) as f64;
        let each = used
            .into_iter()
            .map(|(process, time)| (process, micros(time)));
        MicrosPerOrder(each.filter(|(_, micros)| *micros > 0.0).collect())
    }
}

impl fmt::Display for MicrosPerOrder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "processor time for each order:")?;
        for (process, micros) in &self.0 {
            writeln!(f, "  {process:<20} {micros:>8.0} µs")?;
        }
        Ok(())
    }
}

/// The user and system time of all threads of a process.
fn processor_time(pid: u32) -> Result<Duration> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat"))?;
    // The name in parentheses may contain any character. The fields behind it are numbers.
    let (_, fields) = stat
        .rsplit_once(')')
        .context("/proc has another form here")?;
    let ticks: u64 = fields
        .split_whitespace()
        .skip(11)
        .take(2)
        .map(|field| field.parse::<u64>().unwrap_or(0))
        .sum();
    Ok(Duration::from_millis(ticks * 1_000 / TICKS_PER_SECOND))
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use super::*;

    #[test]
    fn processor_time_grows_with_work() {
        let before = processor_time(std::process::id()).unwrap();
        let begun = Instant::now();
        let mut sum = 0_u64;
        while begun.elapsed() < Duration::from_millis(200) {
            sum = std::hint::black_box(sum.wrapping_add(1));
        }
        let used = processor_time(std::process::id()).unwrap() - before;
        assert!(used > Duration::from_millis(50), "{used:?}");
    }
}
