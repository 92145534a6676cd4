//! A Debian package (deb(5)): an `ar` of three members, two of them tars.
//!
//! ```text
//! debian-binary    2.0
//! control.tar.gz   control, conffiles, md5sums is left out, and what runs at installing and removing
//! data.tar.gz      the files
//! ```

use std::path::Path;

use anyhow::{Context, Result};

use super::{archive, binary::Binary, entry::Entry};

/// What runs when the package comes and goes.
const SCRIPTS: [&str; 3] = ["postinst", "prerm", "postrm"];

pub(super) fn package(root: &Path, binary: &Binary, modified: u64) -> Result<Vec<u8>> {
    let files = files(root, binary)?;
    let mut control = vec![
        Entry::file("control", control(binary, &files)?.into_bytes()),
        Entry::file("conffiles", b"/etc/headwater.toml\n".to_vec()),
    ];
    for name in SCRIPTS {
        let script = Entry::read(root, &format!("packaging/debian/{name}"), name)?;
        control.push(Entry::program(name, script.bytes));
    }
    let mut package = b"!<arch>\n".to_vec();
    add(&mut package, "debian-binary", b"2.0\n", modified);
    add(&mut package, "control.tar.gz", &archive::gzipped_debian_tar(&control, modified)?, modified);
    add(&mut package, "data.tar.gz", &archive::gzipped_debian_tar(&files, modified)?, modified);
    Ok(package)
}

fn files(root: &Path, binary: &Binary) -> Result<Vec<Entry>> {
    let mut files = vec![Entry::program("usr/bin/headwater", binary.bytes.clone())];
    files.push(Entry::read(root, "packaging/headwater.service", "lib/systemd/system/headwater.service")?);
    files.push(Entry::read(root, "packaging/headwater.toml", "etc/headwater.toml")?);
    files.push(Entry::read(root, "packaging/debian/copyright", "usr/share/doc/headwater/copyright")?);
    let changes = Entry::read(root, "CHANGELOG.md", "")?;
    files.push(Entry::file("usr/share/doc/headwater/CHANGELOG.md.gz", archive::gzipped(&changes.bytes)?));
    for (shell, text) in &binary.completions {
        files.push(Entry::file(completion_path(shell), text.clone()));
    }
    for (name, text) in &binary.manual_pages {
        files.push(Entry::file(&format!("usr/share/man/man1/{name}.gz"), archive::gzipped(text)?));
    }
    Ok(files)
}

/// Where each shell looks for completions of packages.
fn completion_path(shell: &str) -> &'static str {
    match shell {
        "bash" => "usr/share/bash-completion/completions/headwater",
        "zsh" => "usr/share/zsh/vendor-completions/_headwater",
        _ => "usr/share/fish/vendor_completions.d/headwater.fish",
    }
}

fn control(binary: &Binary, files: &[Entry]) -> Result<String> {
    let (major, minor) = binary.glibc_version_min().context("it asks for no C library: is it a program for Linux?")?;
    let kilobytes = files.iter().map(|file| file.bytes.len().div_ceil(1024)).sum::<usize>();
    Ok(format!(
        "Package: headwater\n\
         Version: {}\n\
         Architecture: {}\n\
         Maintainer: The maintainers of Headwater <maintainers@headwater.invalid>\n\
         Installed-Size: {kilobytes}\n\
         Depends: libc6 (>= {major}.{minor}), libgcc-s1, adduser\n\
         Section: database\n\
         Priority: optional\n\
         Description: document database whose change feed is a Kafka topic\n \
         Apps write JSON documents over HTTP. Every committed change is at once an\n \
         event that any Kafka consumer reads over mutual TLS. There is no broker, no\n \
         connector and no second position that can fall out of step.\n",
        binary.version,
        binary.debian_architecture()?,
    ))
}

/// A member: a head of 60 bytes, the bytes, and one more where they are odd (ar(5)).
fn add(package: &mut Vec<u8>, name: &str, bytes: &[u8], modified: u64) {
    let head = format!("{name:<16}{modified:<12}{:<6}{:<6}{:<8}{:<10}`\n", 0, 0, "100644", bytes.len());
    assert_eq!(head.len(), 60, "a member's head is as long as any other's");
    package.extend_from_slice(head.as_bytes());
    package.extend_from_slice(bytes);
    if bytes.len() % 2 == 1 {
        package.push(b'\n');
    }
}

/// The members of a package, by name.
pub(super) fn members(package: &[u8]) -> Result<Vec<(String, Vec<u8>)>> {
    let mut rest = package.strip_prefix(b"!<arch>\n").context("it is no ar")?;
    let mut found = Vec::new();
    while !rest.is_empty() {
        let (head, after) = rest.split_at_checked(60).context("a head is cut")?;
        let text = std::str::from_utf8(head).context("a head is no text")?;
        let length: usize = text[48..58].trim().parse().context("a length is no number")?;
        let bytes = after.get(..length).context("a member is cut")?;
        found.push((text[..16].trim().to_owned(), bytes.to_vec()));
        rest = after.get(length + length % 2..).unwrap_or_default();
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn members_are_read_as_they_were_added() {
        let mut package = b"!<arch>\n".to_vec();
        add(&mut package, "debian-binary", b"2.0\n", 0);
        add(&mut package, "odd", b"abc", 0);
        add(&mut package, "even", b"ab", 0);
        let expected = [("debian-binary", "2.0\n"), ("odd", "abc"), ("even", "ab")];
        let expected = expected.map(|(name, bytes)| (name.to_owned(), bytes.as_bytes().to_vec()));
        assert_eq!(members(&package).unwrap(), expected);
        assert!(members(&package[..70]).is_err() && members(b"x").is_err());
    }
}
