//! An app of another data directory comes into this one, which may be served meanwhile.
//!
//! ```text
//! <data-dir>/apps/.new-.import   where it is made: a data directory of its own, gone at the next start after a kill
//! <data-dir>/apps/<app>          its folder, moved there in one step
//! ```
//! Invariants: it is there whole, or not at all, whenever the process ends; until it is registered
//! nobody finds it.
//! Not here: where it comes from (crate `backup`), what another life of it is (`restore`).

use std::path::{Path, PathBuf};

use super::{APPS, DataDir, HALF_MADE_PREFIX, lock};
use crate::{
    app_name::AppName,
    open_error::OpenError,
    register::{REGISTER_FILE, Register},
    settings,
    slot::Slot,
};

/// No app's name has a dot.
const STAGING: &str = ".import";

/// Why an app cannot be taken over.
#[derive(Debug, thiserror::Error)]
pub enum TakeOverAppError {
    /// What is given does not have it.
    #[error("there is no app {app:?} to import")]
    NotThere {
        /// Which.
        app: String,
    },
    /// The name is taken.
    #[error("there is an app {app:?} already: delete it first, if it is to be replaced")]
    Exists {
        /// Which.
        app: String,
    },
    /// One of that name is being deleted, and something still holds its files.
    #[error("an app {app:?} is still being deleted; try again, or restart the server")]
    BeingDeleted {
        /// Which.
        app: String,
    },
    /// It is there under another name: topics of both would have one id.
    #[error("app {app:?} is there already, under the name {known:?}")]
    SameApp {
        /// Which.
        app: String,
        /// How it is called there.
        known: String,
    },
    /// A directory cannot be read or written.
    #[error(transparent)]
    Directory(#[from] OpenError),
}

impl DataDir {
    /// Where a data directory with an app that is to come in is made: on the same file system, and
    /// gone at the next start if nobody removes it. One at a time.
    pub fn import_staging(&self) -> PathBuf {
        self.path.join(APPS).join(format!("{HALF_MADE_PREFIX}{STAGING}"))
    }

    /// Whether an app of that name may come in, as far as that is known before it is copied.
    ///
    /// # Errors
    /// The name is taken, or not free yet.
    pub fn check_name_is_free(&self, name: &AppName) -> Result<(), TakeOverAppError> {
        let app = || name.as_str().to_owned();
        if self.deleted.lock().expect("not poisoned").contains_key(name) {
            return Err(TakeOverAppError::BeingDeleted { app: app() });
        }
        if self.has_app(name.as_str()) || self.app_dir(name).exists() {
            return Err(TakeOverAppError::Exists { app: app() });
        }
        Ok(())
    }

    /// Random numbers, for what is made for this directory.
    pub fn random(&self) -> fn() -> [u8; 16] {
        self.random
    }

    /// Takes the app of that name over from the data directory `from`, in which it has begun another life
    /// ([`crate::begin_new_life`]), and which nobody has open: it is opened here on its first use. Both
    /// are on one file system. Durable when it returns; after a kill it is here whole, or not at all.
    /// Blocks on disk.
    ///
    /// # Errors
    /// The app is not in `from`; there is one of its name, or of its instance, already; a directory
    /// cannot be read or written.
    pub fn take_over_app(&self, from: &Path, name: &AppName) -> Result<(), TakeOverAppError> {
        let app = || name.as_str().to_owned();
        let _other = lock(from)?;
        let missing = || TakeOverAppError::NotThere { app: app() };
        let instance =
            Register::read(from)?.and_then(|register| register.apps.get(name).copied()).ok_or_else(missing)?;
        let io = |act, path: PathBuf| move |source| OpenError::Io { act, path, source };
        let folder = from.join(APPS).join(name.as_str());
        settings::seal_old(&folder).map_err(io("cannot write in", folder.clone()))?;

        let mut register = self.register.lock().expect("not poisoned");
        self.check_name_is_free(name)?;
        let is_same = |known: &Option<_>| instance.is_some() && *known == instance;
        if let Some((known, _)) = register.apps.iter().find(|(_, known)| is_same(known)) {
            return Err(TakeOverAppError::SameApp { app: app(), known: known.as_str().to_owned() });
        }
        let target = self.app_dir(name);
        files::move_durably(&folder, &target).map_err(io("cannot move to", target.clone()))?;
        let mut with_it = register.clone();
        with_it.apps.insert(name.clone(), instance);
        // The folder stays if this fails: nobody knows whether the register on disk has it. The next
        // start takes it in.
        with_it.write(&self.path).map_err(io("cannot write", self.path.join(REGISTER_FILE)))?;
        *register = with_it;
        let slot = Slot::new(name.clone(), target, instance);
        self.slots.write().expect("not poisoned").insert(app(), slot);
        Ok(())
    }
}
