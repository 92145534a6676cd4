//! How far a long command is, on stderr: a line that is written over on a terminal, elsewhere a line
//! now and then.
//!
//! Not here: the numbers at the end, which are the command's result.

use std::{
    io::{IsTerminal as _, Write as _},
    time::{Duration, Instant},
};

use clap::ValueEnum;

/// Between two states of the line on a terminal.
const REDRAWN_EVERY: Duration = Duration::from_millis(100);
/// Between two lines elsewhere.
const LINE_EVERY: Duration = Duration::from_secs(10);
/// How wide the bar is, in characters.
const BAR_WIDTH: usize = 24;

/// Whether it is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum ProgressOption {
    /// A bar on a terminal, elsewhere a line every 10 seconds
    Auto,
    /// Not at all
    Never,
}

/// How far it is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Done {
    /// Documents so far.
    pub(crate) documents: u64,
    /// Bytes so far; 0 where they do not count.
    pub(crate) bytes: u64,
}

/// The line.
#[derive(Debug)]
pub(crate) struct Progress {
    shown_on: Option<Surface>,
    /// What there is to do, where that is known: bytes, or documents where bytes do not count.
    total: Option<u64>,
    /// What had been done before this run.
    before: Done,
    started: Instant,
    shown: Instant,
    drawn: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Surface {
    Terminal,
    Log,
}

impl Progress {
    pub(crate) fn new(option: ProgressOption, total: Option<u64>, before: Done) -> Self {
        let surface = if std::io::stderr().is_terminal() { Surface::Terminal } else { Surface::Log };
        let now = Instant::now();
        let shown_on = (option == ProgressOption::Auto).then_some(surface);
        Self { shown_on, total, before, started: now, shown: now, drawn: false }
    }

    /// Shows it, if it is time again.
    pub(crate) fn show(&mut self, done: Done) {
        let Some(surface) = self.shown_on else { return };
        let pause = if surface == Surface::Terminal { REDRAWN_EVERY } else { LINE_EVERY };
        if self.shown.elapsed() < pause {
            return;
        }
        self.shown = Instant::now();
        let line = line(done, self.before, self.total, self.started.elapsed(), surface == Surface::Terminal);
        // Progress that cannot be shown is no failure of what is done.
        let _ = match surface {
            Surface::Terminal => write!(std::io::stderr(), "\r\u{1b}[K{line}"),
            Surface::Log => writeln!(std::io::stderr(), "{line}"),
        };
        self.drawn = surface == Surface::Terminal;
    }

    /// A line of its own between the others.
    pub(crate) fn say(&mut self, text: &str) {
        self.clear();
        let _ = writeln!(std::io::stderr(), "headwater: {text}");
    }

    /// Leaves the terminal as it was.
    pub(crate) fn clear(&mut self) {
        if std::mem::take(&mut self.drawn) {
            let _ = write!(std::io::stderr(), "\r\u{1b}[K");
        }
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.clear();
    }
}

fn line(done: Done, before: Done, total: Option<u64>, elapsed: Duration, with_bar: bool) -> String {
    let seconds = elapsed.as_secs_f64().max(0.001);
    let counts_bytes = done.bytes > 0;
    let measure = |done: Done| if counts_bytes { done.bytes } else { done.documents };
    let per_second = measure(done).saturating_sub(measure(before)) as f64 / seconds;
    let mut parts = vec![format!("{} documents", grouped(done.documents))];
    if counts_bytes {
        parts.push(format!("{:.1} MB/s", per_second / 1e6));
    } else {
        parts.push(format!("{per_second:.0}/s"));
    }
    let Some(total) = total.filter(|&total| total > 0) else { return parts.join("  ") };
    let part = (measure(done) as f64 / total as f64).min(1.0);
    parts.push(format!("{:.0} %", (part * 100.0).floor()));
    if per_second > 0.0 {
        let left = total.saturating_sub(measure(done)) as f64 / per_second;
        parts.push(format!("{} left", time_left(left)));
    }
    if !with_bar {
        return parts.join("  ");
    }
    let full = (part * BAR_WIDTH as f64) as usize;
    format!("[{}{}]  {}", "#".repeat(full), ".".repeat(BAR_WIDTH - full), parts.join("  "))
}

fn time_left(seconds: f64) -> String {
    let seconds = seconds.ceil() as u64;
    match seconds {
        0..120 => format!("{seconds} s"),
        120..7200 => format!("{} min {:02} s", seconds / 60, seconds % 60),
        _ => format!("{} h {:02} min", seconds / 3600, seconds / 60 % 60),
    }
}

/// `1234567` as `1,234,567`.
fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut out = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines() {
        let shown = |documents, bytes, total, with_bar| {
            line(Done { documents, bytes }, Done::default(), total, Duration::from_secs(2), with_bar)
        };
        assert_eq!(shown(1_234_567, 100_000_000, None, true), "1,234,567 documents  50.0 MB/s");
        assert_eq!(
            shown(10, 25, Some(100), true),
            "[######..................]  10 documents  0.0 MB/s  25 %  6 s left"
        );
        assert_eq!(shown(500, 0, Some(1000), false), "500 documents  250/s  50 %  2 s left");
        assert_eq!(time_left(3_725.0), "62 min 05 s");
    }

    #[test]
    fn what_was_done_before_is_no_speed() {
        let before = Done { documents: 5, bytes: 500 };
        let line = line(Done { documents: 6, bytes: 600 }, before, Some(1000), Duration::from_secs(1), false);
        assert_eq!(line, "6 documents  0.0 MB/s  60 %  4 s left");
    }
}
