//! The functions' log lines: printed with the function's name, and the last ones kept.

use std::collections::VecDeque;
use std::io::{IsTerminal as _, Write as _};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use emulator_api::LogLine;
use jiff::Timestamp;
use tokio::io::{AsyncBufReadExt as _, AsyncRead, BufReader};

use crate::page::Page;

/// Lines kept in memory, at most.
const KEPT_LINES: usize = 10_000;
/// Bytes of them, at most.
const KEPT_BYTES: usize = 32 * 1024 * 1024;
/// A longer line is cut, as CloudWatch Logs cuts an event, so that one line can't fill the memory.
const MAX_LINE_BYTES: usize = 256 * 1024;

/// Takes the functions' log lines.
#[derive(Debug)]
pub(crate) struct Logs {
    printed: bool,
    coloured: bool,
    kept: Mutex<Kept>,
    page: Arc<Page>,
}

/// The last lines, as many as there is room for.
#[derive(Debug, Default)]
struct Kept {
    lines: VecDeque<LogLine>,
    bytes: usize,
}

/// The memory that a line takes.
fn bytes(line: &LogLine) -> usize {
    size_of::<LogLine>() + line.function.len() + line.text.len()
}

impl Kept {
    fn push(&mut self, line: LogLine) {
        self.bytes += bytes(&line);
        self.lines.push_back(line);
        while self.bytes > KEPT_BYTES || self.lines.len() > KEPT_LINES {
            self.bytes -= self
                .lines
                .pop_front()
                .map_or(self.bytes, |line| bytes(&line));
        }
    }
}

impl Logs {
    /// Keeps lines, and prints them too if `printed`.
    pub(crate) fn new(printed: bool, page: Arc<Page>) -> Self {
        let coloured = std::io::stdout().is_terminal();
        Logs {
            printed,
            coloured,
            kept: Mutex::default(),
            page,
        }
    }

    /// Takes a problem with a function's process that the emulator itself noticed.
    pub(super) fn fault(&self, function: &str, text: &str) {
        self.page.record_problem(function, text);
        self.write(function, text);
    }

    /// Takes a line that a function printed.
    fn printed(&self, function: &str, text: &str) {
        self.page.read_line(function, text);
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
        self.kept().push(line);
    }

    /// The last lines, oldest first; of one function if named.
    pub(crate) fn last(&self, count: usize, function: Option<&str>) -> Vec<LogLine> {
        let kept = self.kept();
        let wanted = |line: &&LogLine| function.is_none_or(|function| line.function == function);
        let mut last: Vec<LogLine> = kept
            .lines
            .iter()
            .rev()
            .filter(wanted)
            .take(count)
            .cloned()
            .collect();
        last.reverse();
        last
    }

    fn kept(&self) -> MutexGuard<'_, Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
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

#[cfg(test)]
mod tests {
    use super::*;

    fn line(number: usize, length: usize) -> LogLine {
        LogLine {
            time: Timestamp::UNIX_EPOCH,
            function: number.to_string(),
            text: "x".repeat(length),
        }
    }

    #[test]
    fn what_is_kept_is_bounded_in_lines_and_in_bytes() {
        let mut kept = Kept::default();
        (0..KEPT_LINES * 2).for_each(|number| kept.push(line(number, 10)));
        assert_eq!(kept.lines.len(), KEPT_LINES);
        (0..1_000).for_each(|number| kept.push(line(number, MAX_LINE_BYTES)));
        assert!(kept.bytes <= KEPT_BYTES);
        assert!(kept.lines.len() <= KEPT_BYTES / MAX_LINE_BYTES);
        assert_eq!(kept.lines.back().expect("the last line").function, "999");
        assert_eq!(kept.bytes, kept.lines.iter().map(bytes).sum::<usize>());
    }
}
