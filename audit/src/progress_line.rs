//! A progress bar on standard error. It is shown on a terminal only.

use std::io::{IsTerminal, Write, stderr};
use std::time::Duration;

use audit::Progress;
use tokio::task::JoinHandle;

const REFRESH: Duration = Duration::from_millis(200);
const WIDTH: u64 = 30;

/// Shows the bar until the value is dropped. `estimate` is the number of items to be read, which may be far off.
pub(crate) fn show(progress: Progress, estimate: u64) -> Option<ProgressLine> {
    stderr().is_terminal().then(|| {
        ProgressLine(tokio::spawn(async move {
            loop {
                draw(progress.items(), estimate);
                tokio::time::sleep(REFRESH).await;
            }
        }))
    })
}

fn draw(items: u64, estimate: u64) {
    let done = (items * WIDTH / estimate.max(items).max(1)) as usize;
    let left = WIDTH as usize - done;
    let (full, empty) = ("█".repeat(done), "░".repeat(left));
    eprint!("\r{full}{empty} {items} orders and carts read");
    let _ = stderr().flush();
}

/// Removes the progress bar when it is dropped.
pub(crate) struct ProgressLine(JoinHandle<()>);

impl Drop for ProgressLine {
    fn drop(&mut self) {
        self.0.abort();
        eprint!("\r\x1b[2K");
    }
}
