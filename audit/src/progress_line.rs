//! A line that tells how far the reading is, on a terminal only.

use std::io::{IsTerminal, Write, stderr};
use std::time::Duration;

use audit::Progress;
use tokio::task::JoinHandle;

const REFRESH: Duration = Duration::from_millis(200);
const WIDTH: u64 = 30;

/// Shows the line until it is dropped. `roughly` is how many items there may be; it may be far off.
pub(crate) fn show(progress: Progress, roughly: u64) -> Option<ProgressLine> {
    stderr().is_terminal().then(|| {
        ProgressLine(tokio::spawn(async move {
            loop {
                draw(progress.items(), roughly);
                tokio::time::sleep(REFRESH).await;
            }
        }))
    })
}

fn draw(items: u64, roughly: u64) {
    let done = (items * WIDTH / roughly.max(items).max(1)) as usize;
    let left = WIDTH as usize - done;
    let (full, empty) = ("█".repeat(done), "░".repeat(left));
    eprint!("\r{full}{empty} {items} orders and carts read");
    let _ = stderr().flush();
}

/// The line, while it is shown.
pub(crate) struct ProgressLine(JoinHandle<()>);

impl Drop for ProgressLine {
    fn drop(&mut self) {
        self.0.abort();
        eprint!("\r\x1b[2K");
    }
}
