//! What both start screens say: the commands that show a server at work, as they are to be typed.

use std::path::Path;

use crate::{
    output::Marks,
    server::{Access, Door, Facts},
};

/// Who reads the screen.
pub(crate) struct Reader<'a> {
    /// What to type to run this program; see [`program_as_typed`].
    pub(crate) program: &'a str,
    /// A link that opens the portal, if the reader is a person at a terminal.
    pub(crate) portal_link: Option<&'a str>,
    pub(crate) marks: Marks,
}

/// `headwater` where that runs this very file, else the file: below the working directory in short,
/// as `cargo run` leaves it.
pub(crate) fn program_as_typed() -> String {
    let name = "headwater";
    let Ok(this) = std::env::current_exe() else { return name.to_owned() };
    let search = std::env::var_os("PATH").unwrap_or_default();
    let found = std::env::split_paths(&search).map(|folder| folder.join(name)).find(|path| path.is_file());
    if found.and_then(|path| path.canonicalize().ok()) == this.canonicalize().ok() {
        return name.to_owned();
    }
    let here = std::env::current_dir().and_then(|here| here.canonicalize());
    match here.ok().and_then(|here| this.strip_prefix(here).ok()) {
        Some(below) if below.components().count() == 1 => quoted(&Path::new(".").join(below)),
        Some(below) => quoted(below),
        None => quoted(&this),
    }
}

/// The path as a word for a shell.
pub(super) fn quoted(path: &Path) -> String {
    let text = path.display().to_string();
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"/._-+:@%=,".contains(&byte);
    if text.bytes().all(is_plain) { text } else { format!("'{}'", text.replace('\'', r"'\''")) }
}

/// A command of this program that finds this server.
pub(super) fn command(facts: &Facts, reader: &Reader<'_>, verb: &str) -> String {
    let found = std::path::absolute("headwater-data").ok();
    let flag = match found.as_deref() == Some(&facts.data_dir) {
        true => String::new(),
        false => format!(" --data-dir {}", quoted(&facts.data_dir)),
    };
    format!("{} {verb}{flag}", reader.program)
}

pub(super) fn curl(facts: &Facts) -> String {
    let is_open = |door: &&Door| matches!(door.access, Access::OpenOnLoopback | Access::OpenToAll);
    // HTTPS as on the page where there is a choice; but what works without a key before what does not.
    // That the Kafka endpoint's port is open alone would be strange, but it can be.
    let mut doors = facts.doors.iter().rev().chain([&facts.kafka_door]);
    let door = doors.find(is_open).or(facts.doors.last()).expect("there is HTTP at least");
    let tls = match door.base.starts_with("https:") {
        true => format!(" --cacert '{}/ca.pem'", facts.bundle.directory.display()),
        false => String::new(),
    };
    portal::write_curl(&tls, &door.base, !is_open(&door))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_for_a_shell() {
        assert_eq!(quoted(Path::new("/opt/headwater-1.2/headwater")), "/opt/headwater-1.2/headwater");
        assert_eq!(quoted(Path::new("/an/it's here")), r"'/an/it'\''s here'");
    }
}
