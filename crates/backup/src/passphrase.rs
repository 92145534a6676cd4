//! The passphrase that opens the secrets of a backup.

use std::{fmt, path::Path};

use crate::{
    error::Error,
    limits::{PASSPHRASE_BYTES_MAX, PASSPHRASE_BYTES_MIN},
};

/// See the module. Is not shown by `Debug`.
#[derive(Clone, PartialEq, Eq)]
pub struct Passphrase(String);

impl fmt::Debug for Passphrase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Passphrase(***)")
    }
}

impl Passphrase {
    /// Takes a text; a line's end behind it is none of it.
    ///
    /// # Errors
    /// It is shorter than [`PASSPHRASE_BYTES_MIN`], longer than [`PASSPHRASE_BYTES_MAX`], or more
    /// than a line.
    pub fn new(text: &str) -> Result<Self, Error> {
        let text = text.strip_suffix('\n').unwrap_or(text);
        let text = text.strip_suffix('\r').unwrap_or(text);
        match text.len() {
            _ if text.contains(['\n', '\r']) => Err(Error::BadPassphrase("must be a single line")),
            PASSPHRASE_BYTES_MIN..=PASSPHRASE_BYTES_MAX => Ok(Self(text.to_owned())),
            ..PASSPHRASE_BYTES_MIN => Err(Error::BadPassphrase("is too short: it must have 12 characters or more")),
            _ => Err(Error::BadPassphrase("is too long: it may have 1024 bytes")),
        }
    }

    /// The first and only line of the file.
    ///
    /// # Errors
    /// The file cannot be read, or as with [`Passphrase::new`].
    pub fn of_file(path: &Path) -> Result<Self, Error> {
        let text = std::fs::read_to_string(path).map_err(Error::io("cannot read the passphrase in", path))?;
        Self::new(&text)
    }

    /// The text, for whoever hands it on to the server.
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_line_that_is_long_enough() {
        assert_eq!(Passphrase::new("correct horse\n").unwrap().reveal(), "correct horse");
        assert_eq!(Passphrase::new("correct horse\r\n").unwrap(), Passphrase::new("correct horse").unwrap());
        for bad in ["", "short", "two lines of\ntext", &"x".repeat(1025)] {
            Passphrase::new(bad).unwrap_err();
        }
        assert_eq!(format!("{:?}", Passphrase::new("correct horse").unwrap()), "Passphrase(***)");
    }
}
