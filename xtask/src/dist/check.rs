//! What was made, looked at as those look who get it: checksums, unpacked files, the program run from there.
//!
//! Invariants: what a machine has no tool for is left out, and everything else is a failure.

use std::{
    fs,
    io::Read as _,
    path::Path,
    process::{Command, Stdio},
};

use anyhow::{Context, Result, bail, ensure};

use super::{Made, archive_entries, binary::Binary, deb, make, modified};
use crate::step;

pub(super) fn run(root: &Path, into: &Path, binary: &Binary, made: &Made) -> Result<()> {
    ensure!(*made == make(root, binary, modified(root))?, "made again it has other bytes");
    step::run_quietly(
        "checksums",
        Command::new("sha256sum").args(["--check", "--strict", "SHA256SUMS"]).current_dir(into),
    )?;
    let folder = tempfile::tempdir().context("cannot make a folder")?;
    for (name, bytes) in made {
        let unpacked = folder.path().join(name);
        match name.ends_with(".deb") {
            true => check_package(bytes, &into.join(name), &unpacked)?,
            false => check_archive(root, binary, bytes, &unpacked)?,
        }
    }
    Ok(())
}

fn check_archive(root: &Path, binary: &Binary, bytes: &[u8], unpacked: &Path) -> Result<()> {
    unpack(bytes, unpacked)?;
    for entry in archive_entries(root, binary)? {
        let path = unpacked.join(&entry.path);
        ensure!(
            fs::read(&path).is_ok_and(|it| it == entry.bytes),
            "{} is not in the archive as it was packed",
            entry.path
        );
    }
    let top = unpacked.join(format!("headwater-{}-{}", binary.version, binary.target));
    says_its_version(&top.join("headwater"), &binary.version)?;
    check_manual(&top.join("man/man1/headwater.1"))
}

fn check_package(bytes: &[u8], file: &Path, unpacked: &Path) -> Result<()> {
    let members = deb::members(bytes)?;
    let names: Vec<&str> = members.iter().map(|(name, _)| name.as_str()).collect();
    ensure!(names == ["debian-binary", "control.tar.gz", "data.tar.gz"], "a package has other members: {names:?}");
    let (control, data) = (unpacked.join("control"), unpacked.join("data"));
    unpack(&members[1].1, &control)?;
    unpack(&members[2].1, &data)?;
    let text = fs::read_to_string(control.join("control"))?;
    let version = text.lines().find_map(|line| line.strip_prefix("Version: ")).context("control names no version")?;
    says_its_version(&data.join("usr/bin/headwater"), version)?;
    for script in ["postinst", "prerm", "postrm"] {
        step::run_quietly(script, Command::new("sh").arg("-n").arg(control.join(script)))?;
    }
    for line in fs::read_to_string(control.join("conffiles"))?.lines() {
        ensure!(data.join(line.trim_start_matches('/')).is_file(), "{line} is a conffile and is not there");
    }
    for path in [
        "lib/systemd/system/headwater.service",
        "usr/share/bash-completion/completions/headwater",
        "usr/share/zsh/vendor-completions/_headwater",
        "usr/share/fish/vendor_completions.d/headwater.fish",
        "usr/share/man/man1/headwater.1.gz",
        "usr/share/man/man1/headwater-serve.1.gz",
        "usr/share/doc/headwater/copyright",
    ] {
        ensure!(data.join(path).is_file(), "{path} is not in the package");
    }
    let unit = data.join("lib/systemd/system/headwater.service");
    check_unit(&unit, &data.join("usr/bin/headwater"), &unpacked.join("headwater.service"))?;
    check_by_debian(file)
}

/// dpkg reads it, and lintian has nothing against it that counts as an error.
fn check_by_debian(file: &Path) -> Result<()> {
    if is_there("dpkg-deb") {
        step::run_quietly("dpkg-deb --info", Command::new("dpkg-deb").arg("--info").arg(file))?;
        step::run_quietly("dpkg-deb --contents", Command::new("dpkg-deb").arg("--contents").arg(file))?;
    }
    if is_there("lintian") {
        let mut lintian = Command::new("lintian");
        lintian.args(["--fail-on", "error", "--allow-root", "--suppress-tags", SUPPRESSED]).arg(file);
        step::run_quietly("lintian", &mut lintian)?;
    }
    Ok(())
}

/// What lintian asks of packages of Debian itself.
const SUPPRESSED: &str =
    "bogus-mail-host,bogus-mail-host-in-debian-changelog,no-changelog,unstripped-binary-or-object,embedded-library";

/// systemd understands each line, and finds it well shut in.
fn check_unit(unit: &Path, program: &Path, copy: &Path) -> Result<()> {
    if !is_there("systemd-analyze") {
        return Ok(());
    }
    // The program and its manual are not installed here.
    let text = fs::read_to_string(unit)?.replace("/usr/bin/headwater", &program.display().to_string());
    let lines = text.lines().filter(|line| !line.starts_with("Documentation="));
    fs::write(copy, lines.map(|line| format!("{line}\n")).collect::<String>())?;
    step::run_quietly(
        "systemd-analyze verify",
        Command::new("systemd-analyze").args(["verify", "--man=no"]).arg(copy),
    )?;
    let mut security = Command::new("systemd-analyze");
    security.args(["security", "--no-pager", "--offline=true", "--threshold=20"]).arg(copy);
    step::run_quietly("systemd-analyze security", &mut security)
}

/// A page that `man` shows without a complaint.
fn check_manual(page: &Path) -> Result<()> {
    let text = fs::read_to_string(page).with_context(|| format!("there is no {}", page.display()))?;
    ensure!(
        text.contains("headwater\\-serve(1)") || text.contains("headwater-serve(1)"),
        "headwater.1 does not lead to its commands"
    );
    if is_there("man") {
        let mut man = Command::new("man");
        man.args(["--warnings", "--local-file"]).arg(page).env("MANWIDTH", "100").env("LC_ALL", "C.UTF-8");
        let output = man.stdin(Stdio::null()).output().context("cannot run man")?;
        let complaints = String::from_utf8_lossy(&output.stderr).into_owned();
        // On machines where manuals are left out, man is a stub that says so.
        ensure!(output.status.success() && complaints.is_empty(), "man does not like {}: {complaints}", page.display());
    }
    Ok(())
}

fn unpack(bytes: &[u8], into: &Path) -> Result<()> {
    let mut plain = Vec::new();
    flate2::read::GzDecoder::new(bytes).read_to_end(&mut plain).context("it cannot be uncompressed")?;
    fs::create_dir_all(into)?;
    tar::Archive::new(plain.as_slice()).unpack(into).with_context(|| format!("cannot unpack into {}", into.display()))
}

fn says_its_version(program: &Path, version: &str) -> Result<()> {
    let said = step::answer(&program.display().to_string(), &["--version"]).unwrap_or_default();
    if said.lines().next() != Some(&format!("headwater {version}")) {
        bail!("{} says {said:?}, not version {version}", program.display());
    }
    Ok(())
}

fn is_there(program: &str) -> bool {
    let mut probe = Command::new(program);
    probe.arg("--version").stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    probe.status().is_ok_and(|status| status.success())
}
