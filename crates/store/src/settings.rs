//! Small texts that older versions kept beside an app's data, `<name>.json`, sealed with a version
//! and a checksum (crate `files`): live queries were there before they were definitions in the
//! journal.
//!
//! Which text was written last is noted with the documents: one that is missing, or an older one,
//! is damage too. What was taken over is removed.
//!
//! Format 1 had no checksum: it is sealed when it is first read, and is damage in a directory that
//! is marked.
//! Not here: what a text means; it begins with a version of its own.

use std::{
    io,
    path::{Path, PathBuf},
};

use files::{DirectoryFormat, PRIVATE_FILE, Sealed, seal, unseal};

use crate::{engine::SettingNote, shared::Shared};

/// Never renumber: 1 had no checksum.
const VERSION: u32 = 2;

/// The text of that name in an app's directory; `None` if there is none.
pub(crate) fn read(app_dir: &Path, name: &str) -> io::Result<Option<String>> {
    let path = path_of(app_dir, name);
    let Some((text, is_old)) = look(app_dir, &path)? else { return Ok(None) };
    if is_old {
        write(app_dir, name, &text)?;
    }
    Ok(Some(text))
}

/// The text of that name in the app's directory, if it is the one that was written last; `None` if
/// there is none.
pub(crate) fn read_noted(shared: &Shared, name: &str) -> io::Result<Option<String>> {
    let text = read(&shared.dir, name)?;
    let notes = shared.engine.settings().map_err(io::Error::other)?;
    check(&shared.dir, name, text.as_deref(), &notes)?;
    Ok(text)
}

/// Removes the text, durably: what it said is in the journal.
pub(crate) fn forget(shared: &Shared, name: &str) -> io::Result<()> {
    let Some(text) = read_noted(shared, name)? else { return Ok(()) };
    let note = |note: &[Option<u32>]| shared.engine.note_setting(name, note).map_err(io::Error::other);
    // Between the two notes the file may be there or not.
    note(&[Some(checksum(&text)), None])?;
    shared.engine.persist().map_err(io::Error::other)?;
    files::remove_durably(&path_of(&shared.dir, name))?;
    note(&[None])
}

/// Seals every text of format 1 in an app's directory. What is damaged is told when it is read.
pub(crate) fn seal_old(app_dir: &Path) -> io::Result<()> {
    for path in texts(app_dir) {
        let Some(name) = path.file_stem().and_then(|name| name.to_str()) else { continue };
        match look(app_dir, &path) {
            Ok(Some((text, true))) => write(app_dir, name, &text)?,
            Err(error) if error.kind() != io::ErrorKind::InvalidData => return Err(error),
            _ => {}
        }
    }
    Ok(())
}

/// Replaces the text, durably and whole.
pub(crate) fn write(app_dir: &Path, name: &str, text: &str) -> io::Result<()> {
    files::write_whole(&path_of(app_dir, name), seal(VERSION, text).as_bytes(), PRIVATE_FILE)
}

/// An error if the text is not the one that was written last, as the documents know it.
pub(crate) fn check(app_dir: &Path, name: &str, text: Option<&str>, notes: &[(String, SettingNote)]) -> io::Result<()> {
    let Some((_, known)) = notes.iter().find(|(known, _)| known == name) else { return Ok(()) };
    if known.contains(&text.map(checksum)) {
        return Ok(());
    }
    let path = path_of(app_dir, name);
    let what = if text.is_some() { "is not the one that was written last" } else { "is missing" };
    Err(io::Error::new(io::ErrorKind::InvalidData, format!("{} {what}", path.display())))
}

/// By which the documents know a text.
pub(crate) fn checksum(text: &str) -> u32 {
    crc32c::crc32c(text.as_bytes())
}

/// What is wrong with an app's texts, of which the documents know these; changes nothing.
pub(crate) fn findings(app_dir: &Path, notes: &[(String, SettingNote)]) -> Vec<String> {
    let noted = notes.iter().filter_map(|(name, _)| {
        let text = look(app_dir, &path_of(app_dir, name)).ok()?.map(|(text, _)| text);
        check(app_dir, name, text.as_deref(), notes).err()
    });
    let mut findings: Vec<String> = noted.map(|error| error.to_string()).collect();
    findings.extend(damaged(app_dir));
    findings
}

fn damaged(app_dir: &Path) -> Vec<String> {
    texts(app_dir).iter().filter_map(|path| look(app_dir, path).err()).map(|error| error.to_string()).collect()
}

fn texts(app_dir: &Path) -> Vec<PathBuf> {
    let paths = std::fs::read_dir(app_dir).into_iter().flatten().flatten().map(|entry| entry.path());
    let is_text = |path: &PathBuf| path.extension().is_some_and(|extension| extension == "json");
    let mut paths: Vec<_> = paths.filter(is_text).collect();
    paths.sort();
    paths
}

fn path_of(app_dir: &Path, name: &str) -> PathBuf {
    app_dir.join(name).with_extension("json")
}

/// The text, and whether it is of format 1.
fn look(app_dir: &Path, path: &Path) -> io::Result<Option<(String, bool)>> {
    let wrong = |why: &dyn std::fmt::Display| {
        io::Error::new(io::ErrorKind::InvalidData, format!("{} cannot be used: {why}", path.display()))
    };
    let Some(bytes) = files::read(path)? else { return Ok(None) };
    match unseal(&bytes, VERSION).map_err(|error| wrong(&error))? {
        Sealed::Whole { version: VERSION, body } => Ok(Some((body.to_owned(), false))),
        Sealed::Unsealed if may_be_old(app_dir).map_err(|error| wrong(&error))? && is_old(&bytes) => {
            Ok(Some((String::from_utf8_lossy(&bytes).into_owned(), true)))
        }
        _ => Err(wrong(&"it is damaged, or of an older server: it has no checksum, and here every file must have one")),
    }
}

/// The data directory is two above an app's.
fn may_be_old(app_dir: &Path) -> Result<bool, files::DirectoryFormatError> {
    let data_dir = app_dir.parent().and_then(Path::parent).unwrap_or(app_dir);
    DirectoryFormat::of(data_dir).map(DirectoryFormat::may_be_old)
}

/// Format 1 was one JSON object that began with its version.
fn is_old(bytes: &[u8]) -> bool {
    let Ok(text) = std::str::from_utf8(bytes) else { return false };
    let head: String = text.chars().filter(|character| !character.is_whitespace()).take(13).collect();
    head == "{\"version\":1," && text.trim_end().ends_with('}')
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn format_1_is_sealed_once_and_then_is_damage() {
        let data = tempfile::tempdir().unwrap();
        let app = data.path().join("apps/shop");
        fs::create_dir_all(&app).unwrap();
        let (path, old) = (app.join("a.json"), "{\"version\": 1, \"b\": []}");
        fs::write(&path, old).unwrap();
        assert_eq!(damaged(&app), [""; 0]);
        assert_eq!(fs::read_to_string(&path).unwrap(), old, "looking changes nothing");
        for _ in 0..2 {
            assert_eq!(read(&app, "a").unwrap().as_deref(), Some(old));
            assert!(fs::read_to_string(&path).unwrap().starts_with("{\"version\":2,\"crc32c\":"));
        }
        DirectoryFormat::mark(data.path()).unwrap();
        assert_eq!(read(&app, "a").unwrap().as_deref(), Some(old));
        fs::write(&path, old).unwrap();
        assert!(read(&app, "a").unwrap_err().to_string().contains("a.json cannot be used: it is damaged"));
        assert_eq!(damaged(&app).len(), 1);
        assert_eq!(read(&app, "none").unwrap(), None);
    }

    #[test]
    fn no_flipped_bit_and_no_cut_is_read() {
        let data = tempfile::tempdir().unwrap();
        let app = data.path().join("apps/shop");
        fs::create_dir_all(&app).unwrap();
        let path = app.join("a.json");
        write(&app, "a", "{\"version\":1,\"queries\":[\"x > 1\"]}").unwrap();
        let whole = fs::read(&path).unwrap();
        let flipped = (0..whole.len() * 8).map(|bit| {
            let mut bytes = whole.clone();
            bytes[bit / 8] ^= 1 << (bit % 8);
            bytes
        });
        let cut = (0..whole.len()).map(|length| whole[..length].to_vec());
        for bytes in flipped.chain(cut) {
            fs::write(&path, &bytes).unwrap();
            read(&app, "a").unwrap_err();
            assert_eq!((damaged(&app).len(), fs::read(&path).unwrap()), (1, bytes));
        }
    }
}
