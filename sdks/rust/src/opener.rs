//! The files of a peer: how they are opened, at first and after the disk failed.

use std::{
    fs,
    panic::{AssertUnwindSafe, catch_unwind},
    path::PathBuf,
};

use key_values::{IN_USE, KeyValuesError, RedbDisk};
use peer_core::{Options, Peer, PeerError, SPACES};

use crate::{Config, Error, clock, limits::CACHE_BYTES};

/// The file of the store in the folder of the peer.
const STORE_FILE: &str = "store.redb";

/// What the store was in before there was the file.
const OLD_STORE_DIR: &str = "store";

/// Opens the store of one peer.
#[derive(Debug)]
pub(crate) struct Opener {
    dir: PathBuf,
    strict: bool,
    /// Who calls, for people.
    sdk: String,
}

impl Opener {
    /// Makes the folder, if there is none.
    pub(crate) fn new(config: &Config) -> Result<Self, Error> {
        let failed = |why: String| Error::Open { dir: config.dir.clone(), why };
        let mut folder = fs::DirBuilder::new();
        #[cfg(unix)]
        std::os::unix::fs::DirBuilderExt::mode(&mut folder, 0o700); // documents are the app's own
        folder.recursive(true).create(&config.dir).map_err(|error| failed(error.to_string()))?;
        if config.dir.join(OLD_STORE_DIR).is_dir() {
            let why = "it is of an earlier version of the SDK, whose files this one does not read";
            return Err(failed(why.to_owned()));
        }
        let sdk = config.sdk.clone().unwrap_or_else(|| concat!("rust/", env!("CARGO_PKG_VERSION")).to_owned());
        Ok(Self { dir: config.dir.clone(), strict: config.strict, sdk })
    }

    /// Nobody may have the store open.
    pub(crate) fn open(&self, token: Option<String>) -> Result<Peer, PeerError> {
        let disk = RedbDisk::open(&self.dir.join(STORE_FILE), CACHE_BYTES, SPACES)?;
        let options = Options { sdk: self.sdk.clone(), token, strict: self.strict };
        // The engine panics at some damage.
        let opened = catch_unwind(AssertUnwindSafe(|| Peer::open(Box::new(disk), options, clock::seed())));
        opened.unwrap_or_else(|_| Err(PeerError::Store(KeyValuesError("the store is damaged".to_owned()))))
    }

    /// As an error of an opening.
    pub(crate) fn failed(&self, error: &PeerError) -> Error {
        let why = match error {
            PeerError::Store(KeyValuesError(why)) if why.ends_with(IN_USE) => {
                return Error::InUse { dir: self.dir.clone() };
            }
            PeerError::Store(KeyValuesError(why)) => why.clone(),
            other => other.to_string(),
        };
        Error::Open { dir: self.dir.clone(), why }
    }
}
