//! What a command reads: a file, or stdin.

use std::{
    fs::File,
    io::{self, Read},
    path::Path,
};

use anyhow::Context as _;

/// A file that is read from its beginning to its end.
pub(crate) struct InputFile {
    /// As it is called in messages.
    pub(crate) name: String,
    /// Its size, unless it is a stream.
    pub(crate) len_bytes: Option<u64>,
    /// Its bytes.
    pub(crate) reader: Box<dyn Read + Send>,
}

impl InputFile {
    /// Opens it; `-` is stdin.
    pub(crate) fn open(path: &Path) -> anyhow::Result<Self> {
        if path == Path::new("-") {
            return Ok(Self { name: "stdin".to_owned(), len_bytes: None, reader: Box::new(io::stdin()) });
        }
        let name = path.display().to_string();
        let opened = File::open(path).and_then(|file| Ok((file.metadata()?, file)));
        let (metadata, file) = opened.with_context(|| format!("cannot read {name}"))?;
        anyhow::ensure!(!metadata.is_dir(), "cannot read {name}: it is a folder");
        let len_bytes = metadata.is_file().then_some(metadata.len());
        Ok(Self { name, len_bytes, reader: Box::new(file) })
    }

    /// All of it.
    pub(crate) fn read_all(mut self) -> anyhow::Result<Vec<u8>> {
        let mut bytes = Vec::new();
        self.reader.read_to_end(&mut bytes).with_context(|| format!("cannot read {}", self.name))?;
        Ok(bytes)
    }
}
