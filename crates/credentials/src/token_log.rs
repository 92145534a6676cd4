//! The file of tokens: what was given out and what was withdrawn, one after the other.
//!
//! ```text
//! 1b2c3d4e {"format":1}
//! 5f607182 {"login":{"app":"shop","user":"ann","id":"…",…,"sha256":"…"}}
//! 93a4b5c6 {"revoked":"<id>"}
//! ```
//! Each line begins with the CRC-32C of what stands behind its space. Mode 0600. Invariants: what is appended is
//! durable before it is told; a line that was cut short at the end was told to nobody, and damage anywhere else is an
//! error. After a failed write the whole file is written anew before anything else is. Not here: which tokens count
//! (`tokens`).

use std::{
    io,
    path::{Path, PathBuf},
};

use files::{DataFile, PRIVATE_FILE};
use serde::{Deserialize, Serialize};

use crate::{CredentialsError, disk, limits::TOKEN_LOG_SLACK_BYTES, tokens::StoredToken};

/// Never renumber.
const FORMAT: u32 = 1;

/// A line.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
enum Line {
    Format(u32),
    Login(Box<StoredToken>),
    Revoked(String),
}

/// See the module.
#[derive(Debug)]
pub(crate) struct TokenLog {
    path: PathBuf,
    file: Option<DataFile>,
    /// Its length, and what it was when it was last written as a whole.
    len_bytes: u64,
    whole_bytes: u64,
}

/// The tokens in the file that are not withdrawn, in the order in which they were given out; none if there is no file.
pub(crate) fn read(path: &Path) -> Result<Vec<StoredToken>, CredentialsError> {
    let Some(text) = disk::read_text(path)? else { return Ok(Vec::new()) };
    let damaged = |number: usize, why: &str| {
        let message = format!(
            "its line {number} is damaged: {why}. Without the file nobody is logged in, and whoever was logs in again"
        );
        CredentialsError::file(path, message)
    };
    let mut tokens: Vec<Option<StoredToken>> = Vec::new();
    let mut places = std::collections::HashMap::new();
    for (index, line) in text.split_inclusive('\n').enumerate() {
        // What was cut short was told to nobody.
        let Some(line) = line.strip_suffix('\n') else { break };
        match (parse(line).map_err(|why| damaged(index + 1, &why))?, index) {
            (Line::Format(FORMAT), 0) => {}
            (Line::Format(newer), 0) => {
                let message = format!("it has format {newer}; this server reads up to {FORMAT}");
                return Err(CredentialsError::file(path, message));
            }
            (_, 0) => return Err(damaged(1, "it does not say which format the file has")),
            (Line::Format(_), _) => return Err(damaged(index + 1, "only the first one says which format it is")),
            (Line::Login(token), _) => {
                places.insert(token.token.id.clone(), tokens.len());
                tokens.push(Some(*token));
            }
            (Line::Revoked(id), _) => {
                if let Some(place) = places.get(&id) {
                    tokens[*place] = None;
                }
            }
        }
    }
    Ok(tokens.into_iter().flatten().collect())
}

fn parse(line: &str) -> Result<Line, String> {
    let (sum, body) = line.split_once(' ').ok_or("it has no checksum")?;
    if sum != format!("{:08x}", crc32c::crc32c(body.as_bytes())) {
        return Err("its checksum is another".to_owned());
    }
    serde_json::from_str(body).map_err(|error| error.to_string())
}

fn written(line: &Line) -> String {
    let body = serde_json::to_string(line).expect("a line is plain data");
    format!("{:08x} {body}\n", crc32c::crc32c(body.as_bytes()))
}

impl TokenLog {
    /// The file is made, or made anew, by the first change.
    pub(crate) fn new(path: &Path) -> Self {
        Self { path: path.to_owned(), file: None, len_bytes: 0, whole_bytes: 0 }
    }

    /// The next change writes the file as a whole: most of what is in it counts no more.
    pub(crate) fn write_anew(&mut self) {
        self.file = None;
    }

    /// Notes a token that was given out; `live` are all that count, this one among them.
    pub(crate) fn login<'t>(
        &mut self,
        token: &StoredToken,
        live: impl Iterator<Item = &'t StoredToken>,
    ) -> Result<(), CredentialsError> {
        self.append(&[Line::Login(Box::new(token.clone()))], live)
    }

    /// Notes tokens that were withdrawn; `live` are those that are left.
    pub(crate) fn revoked<'t>(
        &mut self,
        ids: &[String],
        live: impl Iterator<Item = &'t StoredToken>,
    ) -> Result<(), CredentialsError> {
        let lines: Vec<_> = ids.iter().cloned().map(Line::Revoked).collect();
        self.append(&lines, live)
    }

    fn append<'t>(
        &mut self,
        lines: &[Line],
        live: impl Iterator<Item = &'t StoredToken>,
    ) -> Result<(), CredentialsError> {
        let text: String = lines.iter().map(written).collect();
        let is_long = self.len_bytes > 2 * self.whole_bytes + TOKEN_LOG_SLACK_BYTES;
        let appended = match self.file.take_if(|_| !is_long) {
            Some(file) => self.append_to(file, text.as_bytes()),
            None => self.write_whole(live),
        };
        appended.map_err(CredentialsError::io("cannot write", &self.path))
    }

    /// The file is kept open only if all went well.
    fn append_to(&mut self, file: DataFile, text: &[u8]) -> io::Result<()> {
        file.write_all_at(text, self.len_bytes)?;
        file.sync_data()?;
        self.len_bytes += text.len() as u64;
        self.file = Some(file);
        Ok(())
    }

    fn write_whole<'t>(&mut self, live: impl Iterator<Item = &'t StoredToken>) -> io::Result<()> {
        let mut text = written(&Line::Format(FORMAT));
        live.for_each(|token| text.push_str(&written(&Line::Login(Box::new(token.clone())))));
        files::write_whole(&self.path, text.as_bytes(), PRIVATE_FILE)?;
        self.file = Some(DataFile::open(&self.path, true)?);
        (self.len_bytes, self.whole_bytes) = (text.len() as u64, text.len() as u64);
        Ok(())
    }
}
