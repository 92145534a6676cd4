//! The binary that is packed, and what it says of itself: its version, its completions, its manual pages.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context, Result, bail};

/// The shells whose completions are packed.
const SHELLS: [&str; 3] = ["bash", "zsh", "fish"];

pub(super) struct Binary {
    pub(super) version: String,
    /// As `x86_64-unknown-linux-gnu`.
    pub(super) target: String,
    pub(super) bytes: Vec<u8>,
    /// For each shell, its script.
    pub(super) completions: Vec<(String, Vec<u8>)>,
    /// Name and text of each page, by name.
    pub(super) manual_pages: Vec<(String, Vec<u8>)>,
}

impl Binary {
    /// Reads it, and runs it for what it says.
    pub(super) fn read(path: &Path) -> Result<Self> {
        let path = fs::canonicalize(path).with_context(|| format!("there is no {}", path.display()))?;
        let said = output_of(&path, &["--version"])?;
        let said = String::from_utf8_lossy(&said).into_owned();
        let after = |word: &str| said.lines().find_map(|line| line.strip_prefix(word)).map(|it| it.trim().to_owned());
        let version = after("headwater ").with_context(|| format!("it does not say its version: {said}"))?;
        let target = after("target ").with_context(|| format!("it does not say its target: {said}"))?;
        let completions =
            SHELLS.iter().map(|shell| Ok((shell.to_string(), output_of(&path, &["completions", shell])?)));
        Ok(Self {
            version,
            target,
            completions: completions.collect::<Result<_>>()?,
            manual_pages: manual_pages(&path)?,
            bytes: fs::read(&path).with_context(|| format!("cannot read {}", path.display()))?,
        })
    }

    /// What Debian calls the machine that it is for.
    pub(super) fn debian_architecture(&self) -> Result<&'static str> {
        match self.target.split('-').next() {
            Some("x86_64") => Ok("amd64"),
            Some("aarch64") => Ok("arm64"),
            _ => bail!("no Debian package is made for {}", self.target),
        }
    }

    /// The oldest C library that it runs with: the newest version that one of its symbols asks for.
    pub(super) fn glibc_version_min(&self) -> Option<(u32, u32)> {
        const NAME: &[u8] = b"GLIBC_2.";
        let places = self.bytes.windows(NAME.len()).enumerate().filter(|(_, window)| *window == NAME);
        places.filter_map(|(at, _)| number(&self.bytes[at + NAME.len()..])).max().map(|minor| (2, minor))
    }
}

fn number(bytes: &[u8]) -> Option<u32> {
    let digits = bytes.iter().take_while(|byte| byte.is_ascii_digit()).count();
    std::str::from_utf8(&bytes[..digits]).ok()?.parse().ok()
}

fn manual_pages(path: &Path) -> Result<Vec<(String, Vec<u8>)>> {
    let folder = tempfile::tempdir().context("cannot make a folder")?;
    let folder = folder.path().to_str().context("the folder of temporary files has a name that is no text")?;
    output_of(path, &["manual-pages", folder])?;
    let mut pages = Vec::new();
    for entry in fs::read_dir(folder)? {
        let page: PathBuf = entry?.path();
        let name = page.file_name().unwrap_or_default().to_string_lossy().into_owned();
        pages.push((name, fs::read(&page)?));
    }
    pages.sort();
    Ok(pages)
}

fn output_of(path: &Path, arguments: &[&str]) -> Result<Vec<u8>> {
    let mut command = Command::new(path);
    for (name, _) in std::env::vars_os().filter(|(name, _)| name.to_string_lossy().starts_with("HEADWATER_")) {
        command.env_remove(name);
    }
    let output = command.args(arguments).output().with_context(|| format!("cannot run {}", path.display()))?;
    if !output.status.success() {
        bail!("{} {}: {}", path.display(), arguments.join(" "), String::from_utf8_lossy(&output.stderr));
    }
    Ok(output.stdout)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newest_version_of_the_c_library_counts() {
        let bytes = b"\0GLIBC_2.9\0GLIBC_2.34\0GLIBC_2.2.5\0GLIBC_PRIVATE\0".to_vec();
        let (version, target) = (String::new(), String::new());
        let binary = Binary { version, target, bytes, completions: Vec::new(), manual_pages: Vec::new() };
        assert_eq!(binary.glibc_version_min(), Some((2, 34)));
    }
}
