//! What a command prints on stdout: text, tables, JSON.
//!
//! Not here: errors and the log, which go to stderr (`failure`, `logging`).

use std::io::{ErrorKind, IsTerminal as _, Write as _};

use anyhow::Context as _;
use time::{OffsetDateTime, format_description::well_known::Rfc3339};

use crate::failure::StdoutClosed;

/// Prints `text` and a line end, at once.
pub(crate) fn print_line(text: &str) -> anyhow::Result<()> {
    write_stdout(|stdout| stdout.write_all(text.as_bytes()).and_then(|()| stdout.write_all(b"\n")))
}

/// Writes to stdout, all at once.
pub(crate) fn write_stdout(
    write: impl FnOnce(&mut std::io::StdoutLock<'static>) -> std::io::Result<()>,
) -> anyhow::Result<()> {
    let mut stdout = std::io::stdout().lock();
    match write(&mut stdout).and_then(|()| stdout.flush()) {
        Err(error) if error.kind() == ErrorKind::BrokenPipe => Err(StdoutClosed.into()),
        other => other.context("cannot write to stdout"),
    }
}

/// Rows below their headings, in columns; `none` where there are no rows.
pub(crate) fn print_table(headings: &[&str], rows: &[Vec<String>], none: &str) -> anyhow::Result<()> {
    if rows.is_empty() {
        return print_line(none);
    }
    print_line(table(headings, rows).trim_end())
}

fn table(headings: &[&str], rows: &[Vec<String>]) -> String {
    let headings: Vec<String> = headings.iter().map(|heading| heading.to_uppercase()).collect();
    let lines: Vec<&Vec<String>> = std::iter::once(&headings).chain(rows).collect();
    let width = |column: usize| lines.iter().filter_map(|line| line.get(column)).map(|cell| cell.chars().count()).max();
    let widths: Vec<usize> = (0..headings.len()).map(|column| width(column).unwrap_or(0)).collect();
    let mut text = String::new();
    for line in lines {
        let cells = line.iter().zip(&widths).map(|(cell, width)| format!("{cell:width$}", width = *width));
        text.push_str(cells.collect::<Vec<_>>().join("  ").trim_end());
        text.push('\n');
    }
    text
}

/// So many of something.
pub(crate) fn counted(count: u64, what: &str) -> String {
    format!("{count} {what}{}", if count == 1 { "" } else { "s" })
}

/// A time in UTC, to the second.
pub(crate) fn date_time(ms: u64) -> String {
    let seconds = i64::try_from(ms / 1000).unwrap_or(i64::MAX);
    let time = OffsetDateTime::from_unix_timestamp(seconds).ok().and_then(|time| time.format(&Rfc3339).ok());
    time.unwrap_or_else(|| format!("{ms} ms"))
}

/// JSON text with line ends and indents; fields stay in their order and numbers as they are written.
pub(crate) fn indented_json(json: &str) -> String {
    let mut out = String::with_capacity(json.len() * 2);
    let (mut depth, mut in_string, mut escaped) = (0usize, false, false);
    let mut characters = json.chars().peekable();
    while let Some(character) = characters.next() {
        if in_string {
            out.push(character);
            in_string = escaped || character != '"';
            escaped = !escaped && character == '\\';
            continue;
        }
        match character {
            '{' | '[' => {
                out.push(character);
                while characters.next_if(|next| next.is_ascii_whitespace()).is_some() {}
                if let Some(end) = characters.next_if(|next| matches!(next, '}' | ']')) {
                    out.push(end);
                } else {
                    depth += 1;
                    new_line(&mut out, depth);
                }
            }
            '}' | ']' => {
                depth = depth.saturating_sub(1);
                new_line(&mut out, depth);
                out.push(character);
            }
            ',' => {
                out.push(character);
                new_line(&mut out, depth);
            }
            ':' => out.push_str(": "),
            ' ' | '\t' | '\r' | '\n' => {}
            '"' => {
                in_string = true;
                out.push(character);
            }
            _ => out.push(character),
        }
    }
    out
}

fn new_line(out: &mut String, depth: usize) {
    out.push('\n');
    out.extend(std::iter::repeat_n("  ", depth));
}

/// Marks for a terminal; nothing elsewhere, or where `NO_COLOR` is set.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Marks(bool);

impl Marks {
    /// For stdout as it is.
    pub(crate) fn for_stdout() -> Self {
        Self(std::io::stdout().is_terminal() && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty()))
    }

    /// No marks at all.
    #[cfg(test)]
    pub(crate) fn none() -> Self {
        Self(false)
    }

    /// All of them, wherever it goes.
    #[cfg(test)]
    pub(crate) fn all() -> Self {
        Self(true)
    }

    /// Whether there are any.
    pub(crate) fn are_shown(self) -> bool {
        self.0
    }

    /// In a colour.
    pub(crate) fn coloured(self, colour: Colour, text: &str) -> String {
        self.wrap(colour.code(), text)
    }

    /// A heading.
    pub(crate) fn strong(self, text: &str) -> String {
        self.wrap("1", text)
    }

    /// What must be seen.
    pub(crate) fn loud(self, text: &str) -> String {
        self.wrap("1;31", text)
    }

    /// What stays in the background.
    pub(crate) fn faint(self, text: &str) -> String {
        self.wrap("2", text)
    }

    fn wrap(self, code: &str, text: &str) -> String {
        if self.0 { format!("\u{1b}[{code}m{text}\u{1b}[0m") } else { text.to_owned() }
    }
}

/// Colours that can be read on light and dark terminals.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Colour {
    Cyan,
    Green,
    Magenta,
    Red,
    Yellow,
}

impl Colour {
    fn code(self) -> &'static str {
        match self {
            Self::Red => "31",
            Self::Green => "32",
            Self::Yellow => "33",
            Self::Magenta => "35",
            Self::Cyan => "36",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn json_keeps_order_and_numbers() {
        let json = r#"{"b":1.0,"a":[{}, [ ]],"s":"q\"{,:\\","n":12345678901234567890}"#;
        let expected = "{\n  \"b\": 1.0,\n  \"a\": [\n    {},\n    []\n  ],\n  \"s\": \"q\\\"{,:\\\\\",\n  \"n\": 12345678901234567890\n}";
        assert_eq!(indented_json(json), expected);
    }

    #[test]
    fn columns_line_up() {
        let rows = [vec!["shop".to_owned(), "1".to_owned()], vec!["a".to_owned(), "22".to_owned()]];
        assert_eq!(table(&["name", "n"], &rows), "NAME  N\nshop  1\na     22\n");
    }

    #[test]
    fn times() {
        assert_eq!(date_time(1_645_472_201_999), "2022-02-21T19:36:41Z");
    }
}
