//! Running other programs: a progress line before, the time after, and an error that says what was run and how it ended.

use std::{
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
