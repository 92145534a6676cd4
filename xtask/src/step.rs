//! Running other programs: a progress line before, the time after, and an error that says what was run and how it
//! ended.

use std::{
    io::{BufRead as _, BufReader, Write as _},
    process::{Command, Stdio},
    time::Instant,
};

use anyhow::{Context, Result, bail};

/// Says what begins now.
pub(crate) fn say(what: &str) {
    eprintln!("==> {what}");
}

/// Runs a command whose output the reader should see as it comes.
pub(crate) fn run(what: &str, command: &mut Command) -> Result<()> {
    say(what);
    let began = Instant::now();
    let status = command.stdin(Stdio::null()).status().with_context(|| format!("cannot run {}", shown(command)))?;
    if !status.success() {
        bail!("{what} failed ({status}): {}", shown(command));
    }
    eprintln!("    {what}: done in {:.1} s", began.elapsed().as_secs_f32());
    Ok(())
}

/// Runs a command whose output matters only if it fails.
pub(crate) fn run_quietly(what: &str, command: &mut Command) -> Result<()> {
    say(what);
    let began = Instant::now();
    let output = command.stdin(Stdio::null()).output().with_context(|| format!("cannot run {}", shown(command)))?;
    if !output.status.success() {
        eprint!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        bail!("{what} failed ({}): {}", output.status, shown(command));
    }
    eprintln!("    {what}: done in {:.1} s", began.elapsed().as_secs_f32());
    Ok(())
}

/// Lines of a failed test that are said once more.
const REPEATED_LINES_MAX: usize = 12;

/// Runs tests, whose output goes to stdout untouched. What the failed ones said is part of the error too: it stands at
/// the end then, where a long run is looked at first.
pub(crate) fn run_tests(what: &str, command: &mut Command) -> Result<()> {
    say(what);
    let began = Instant::now();
    let cannot_run = format!("cannot run {}", shown(command));
    let mut tests = command.stdin(Stdio::null()).stdout(Stdio::piped()).spawn().context(cannot_run)?;
    let mut failures = Failures::default();
    for line in BufReader::new(tests.stdout.take().context("no output")?).split(b'\n') {
        let line = line?;
        let mut stdout = std::io::stdout().lock();
        stdout.write_all(&line)?;
        stdout.write_all(b"\n")?;
        stdout.flush()?;
        failures.take(&String::from_utf8_lossy(&line));
    }
    let status = tests.wait()?;
    if !status.success() {
        bail!("{what} failed ({status}): {}{}", shown(command), failures.said.concat());
    }
    eprintln!("    {what}: done in {:.1} s", began.elapsed().as_secs_f32());
    Ok(())
}

/// What failed tests said: the blocks of libtest's output that begin with `---- name stdout ----`.
#[derive(Default)]
struct Failures {
    said: Vec<String>,
    /// Lines that the block may still have.
    left: usize,
}

impl Failures {
    fn take(&mut self, line: &str) {
        if line.starts_with("---- ") && line.ends_with(" stdout ----") {
            self.left = REPEATED_LINES_MAX;
        } else if line == "failures:" {
            self.left = 0;
        }
        if self.left > 0 && !line.is_empty() {
            self.left -= 1;
            self.said.push(format!("\n  {line}"));
        }
    }
}

/// What a command printed on both of its outputs, if it can be run and says that it succeeded.
pub(crate) fn answer(program: &str, arguments: &[&str]) -> Option<String> {
    let output = Command::new(program).args(arguments).stdin(Stdio::null()).output().ok()?;
    let said = [output.stdout, output.stderr].concat();
    output.status.success().then(|| String::from_utf8_lossy(&said).into_owned())
}

/// The cargo that started us, so that toolchain overrides hold for what we start.
pub(crate) fn cargo() -> Command {
    Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()))
}

fn shown(command: &Command) -> String {
    let words = std::iter::once(command.get_program()).chain(command.get_args());
    words.map(|word| word.to_string_lossy().into_owned()).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_failed_tests_said_is_kept_and_nothing_else() {
        let mut failures = Failures::default();
        let output = "test a ... FAILED\ntest b ... ok\n\nfailures:\n\n---- a stdout ----\nthread 'a' panicked at x.rs:1:\n\
            one\n\n\nfailures:\n    a\n\ntest result: FAILED. 1 passed; 1 failed";
        output.lines().for_each(|line| failures.take(line));
        assert_eq!(failures.said.concat(), "\n  ---- a stdout ----\n  thread 'a' panicked at x.rs:1:\n  one");
        (0..100).for_each(|_| failures.take("---- b stdout ----"));
        failures.take("failures:");
        failures.take("more");
        assert!(!failures.said.concat().contains("more"));
    }
}
