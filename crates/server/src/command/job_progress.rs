//! How far a job of bytes is, on stderr: a line that is written over on a terminal, elsewhere a line
//! now and then.

use std::{
    io::{IsTerminal as _, Write as _},
    time::{Duration, Instant},
};

use crate::{progress::ProgressOption, sizes::shown_bytes};

/// Between two lines where they are not written over.
const LINE_EVERY: Duration = Duration::from_secs(10);

/// See the module.
pub(super) struct JobProgress {
    enabled: bool,
    is_terminal: bool,
    began: Instant,
    shown: Option<Instant>,
}

impl JobProgress {
    pub(super) fn new(option: ProgressOption) -> Self {
        let is_terminal = std::io::stderr().is_terminal();
        Self { enabled: option == ProgressOption::Auto, is_terminal, began: Instant::now(), shown: None }
    }

    pub(super) fn show(&mut self, done_bytes: u64, total_bytes: u64) {
        let pause = if self.is_terminal { Duration::from_millis(100) } else { LINE_EVERY };
        let since = self.shown.map_or(self.began.elapsed(), |shown| shown.elapsed());
        if !self.enabled || since < pause {
            return;
        }
        self.shown = Some(Instant::now());
        let line = line(done_bytes, total_bytes, self.began.elapsed());
        let _ = match self.is_terminal {
            true => write!(std::io::stderr(), "\r\u{1b}[K{line}"),
            false => writeln!(std::io::stderr(), "{line}"),
        };
    }
}

impl Drop for JobProgress {
    fn drop(&mut self) {
        if self.is_terminal && self.shown.is_some() {
            let _ = write!(std::io::stderr(), "\r\u{1b}[K");
        }
    }
}

fn line(done_bytes: u64, total_bytes: u64, elapsed: Duration) -> String {
    let percent = (done_bytes.saturating_mul(100)).checked_div(total_bytes).unwrap_or(0).min(100);
    let a_second = done_bytes as f64 / elapsed.as_secs_f64().max(0.001);
    format!("{percent} %  {} of {}  {:.1} MB/s", shown_bytes(done_bytes), shown_bytes(total_bytes), a_second / 1e6)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line() {
        assert_eq!(line(50 << 20, 200 << 20, Duration::from_secs(1)), "25 %  50 MiB of 200 MiB  52.4 MB/s");
        assert!(line(0, 0, Duration::ZERO).starts_with("0 %"));
    }
}
