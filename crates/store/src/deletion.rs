//! The note that an app is being deleted: an empty folder beside the apps' folders.
//!
//! ```text
//! <data-dir>/apps/.deleted-shop/    from here on there is no app "shop", whatever else is still there
//! ```
//! Invariants: an app is deleted from the moment that its note is durable; the note goes last, once
//! nothing of the app is left, so whoever finds one goes on where a crash broke off.
//! Not here: what is removed, and in which order (`data_dir`; beside the store, `operations`).

use std::{
    io,
    path::{Path, PathBuf},
};

use crate::{app_name::AppName, open_error::OpenError};

/// How a note's name begins; no app's name does.
const PREFIX: &str = ".deleted-";

/// Why an app is not deleted.
#[derive(Debug, thiserror::Error)]
pub enum DeleteAppError {
    /// There is none of that name.
    #[error("there is no app {app:?}")]
    NotFound {
        /// The name.
        app: String,
    },
    /// Its note cannot be written, and the app stays.
    #[error(transparent)]
    Note(#[from] OpenError),
}

/// Whose deletion something of that name in the folder of the apps notes.
pub(crate) fn noted_in(file_name: &str) -> Option<AppName> {
    AppName::new(file_name.strip_prefix(PREFIX)?).ok()
}

/// Notes durably that the app is deleted. Where that fails it is not, unless the error says so.
pub(crate) fn note(apps_dir: &Path, name: &AppName) -> Result<(), OpenError> {
    let path = note_path(apps_dir, name);
    let noted = files::ensure_directory(&path).and_then(|()| files::sync_directory(apps_dir));
    let Err(source) = noted else { return Ok(()) };
    // It may be there all the same, and would count at the next start.
    let act = match forget(apps_dir, name) {
        Ok(()) => "cannot create",
        Err(_) => "the app may be gone after a restart: cannot create, and cannot remove",
    };
    Err(OpenError::Io { act, path, source })
}

/// Removes the note, durably; nothing if there is none.
pub(crate) fn forget(apps_dir: &Path, name: &AppName) -> io::Result<()> {
    files::remove_tree(&note_path(apps_dir, name))?;
    files::sync_directory(apps_dir)
}

fn note_path(apps_dir: &Path, name: &AppName) -> PathBuf {
    apps_dir.join(format!("{PREFIX}{}", name.as_str()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_notes_are_taken_for_notes() {
        assert_eq!(noted_in(".deleted-shop").unwrap().as_str(), "shop");
        for other in ["shop", ".new-shop", ".deleted-", ".deleted-Shop"] {
            assert_eq!(noted_in(other), None, "{other}");
        }
    }
}
