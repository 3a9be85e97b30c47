//! What the functions print: shown with the function's name, and the last lines kept.

use std::collections::VecDeque;
use std::io::{IsTerminal as _, Write as _};
use std::sync::{Arc, Mutex, PoisonError};

use jiff::Timestamp;
use serde::Serialize;
use tokio::io::{AsyncBufReadExt as _, AsyncRead, BufReader};

use crate::watch::Watch;

/// Lines kept in memory.
const KEPT_LINES: usize = 10_000;
/// A longer line is cut, as CloudWatch Logs cuts an event, so that one line can't fill the memory.
const MAX_LINE_BYTES: usize = 256 * 1024;

/// One line that a function printed.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct LogLine {
    pub(crate) time: Timestamp,
    /// The function's logical id.
    pub(crate) function: String,
    pub(crate) text: String,
}

/// The functions' log lines.
#[derive(Debug)]
pub(crate) struct Logs {
    printed: bool,
    coloured: bool,
    lines: Mutex<VecDeque<LogLine>>,
    watch: Arc<Watch>,
}

impl Logs {
    /// Keeps lines, and prints them too if `printed`.
    pub(crate) fn new(printed: bool, watch: Arc<Watch>) -> Self {
        let coloured = std::io::stdout().is_terminal();
        Logs {
            printed,
            coloured,
            lines: Mutex::default(),
            watch,
        }
    }

    /// Takes what the emulator itself says of a function's process, which is trouble.
    pub(super) fn fault(&self, function: &str, text: &str) {
        self.watch.fault(function, text);
        self.write(function, text);
    }

    /// Takes a line that a function printed.
    fn printed(&self, function: &str, text: &str) {
        self.watch.line(function, text);
        self.write(function, text);
    }

    fn write(&self, function: &str, text: &str) {
        if self.printed {
            self.print(function, text);
        }
        let line = LogLine {
            time: Timestamp::now(),
            function: function.to_owned(),
            text: text.to_owned(),
        };
        let mut lines = self.lines.lock().unwrap_or_else(PoisonError::into_inner);
        if lines.len() == KEPT_LINES {
            lines.pop_front();
        }
        lines.push_back(line);
    }

    /// The last lines, oldest first; of one function if named.
    pub(crate) fn last(&self, count: usize, function: Option<&str>) -> Vec<LogLine> {
        let lines = self.lines.lock().unwrap_or_else(PoisonError::into_inner);
        let wanted = |line: &&LogLine| function.is_none_or(|function| line.function == function);
        let mut last: Vec<LogLine> = lines
            .iter()
            .rev()
            .filter(wanted)
            .take(count)
            .cloned()
            .collect();
        last.reverse();
        last
    }

    fn print(&self, function: &str, text: &str) {
        // A closed pipe is no reason to stop the shop.
        let _ = if self.coloured {
            writeln!(
                std::io::stdout().lock(),
                "\x1b[36m{function}\x1b[0m | {text}"
            )
        } else {
            writeln!(std::io::stdout().lock(), "{function} | {text}")
        };
    }
}

/// Reads a process's output until it ends.
pub(super) async fn follow(output: impl AsyncRead + Unpin, function: &str, logs: &Logs) {
    let mut reader = BufReader::new(output);
    let mut line = Vec::new();
    loop {
        line.clear();
        match read_line(&mut reader, &mut line).await {
            Ok(true) => logs.printed(function, String::from_utf8_lossy(&line).trim_end()),
            Ok(false) | Err(_) => return,
        }
    }
}

/// Reads up to a line's end; what is beyond [`MAX_LINE_BYTES`] is dropped. False at the output's end.
async fn read_line(
    reader: &mut BufReader<impl AsyncRead + Unpin>,
    line: &mut Vec<u8>,
) -> std::io::Result<bool> {
    loop {
        let buffer = reader.fill_buf().await?;
        if buffer.is_empty() {
            return Ok(!line.is_empty());
        }
        let end = buffer.iter().position(|&byte| byte == b'\n');
        let taken = end.map_or(buffer.len(), |end| end + 1);
        let room = MAX_LINE_BYTES.saturating_sub(line.len());
        line.extend_from_slice(&buffer[..taken.min(room)]);
        reader.consume(taken);
        if end.is_some() {
            return Ok(true);
        }
    }
}
