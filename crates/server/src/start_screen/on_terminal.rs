//! The start screen of a person at a terminal: what to do next, then where everything is.
//!
//! Invariants: at most 25 lines, whatever is configured; secrets are named by their files, but for the
//! link that opens the portal, which is the way in; every command runs as it is printed.

use std::fmt::Write as _;

use super::commands::{Reader, command};
use crate::server::{Access, Door, Facts};

/// Doors whose addresses are said; more are counted.
const DOORS_SHOWN_MAX: usize = 3;

/// The whole screen.
pub(crate) fn render(facts: &Facts, reader: &Reader<'_>) -> String {
    let marks = reader.marks;
    let mut screen = format!("\n{}\n\n", marks.strong(&format!("Headwater {} is ready", facts.run.version)));
    let mut line = |text: String| writeln!(screen, "{text}").expect("a string takes all text");
    if let Some(link) = reader.portal_link {
        line(format!("  {}  {link}", marks.strong("1. Open the portal in a browser")));
        let again = command(facts, reader, "portal --open");
        line(format!("     {}", marks.faint(&format!("signs you in, once, for ten minutes; then: {again}"))));
    }
    let events = command(facts, reader, "events --from-beginning");
    line(format!("  {}  {events}", marks.strong("2. See events, in another terminal")));
    let consume = facts.bundle.directory.join("consume.sh");
    line(format!(
        "     {}",
        marks.faint(&format!("or Kafka's console consumer: KAFKA=/path/to/kafka {}", consume.display()))
    ));
    line(format!("  {}  {}", marks.strong("3. Make one, in a third"), write(facts, reader)));
    line(String::new());
    for (name, value) in places(facts) {
        line(format!("  {name:<17}{value}"));
    }
    line(String::new());
    for text in access(facts, reader) {
        line(format!("  {text}"));
    }
    line(format!("\n{}", marks.faint("Ctrl-C stops the server.")));
    screen
}

/// A write as one command, which asks for no key: it finds the admin key in the data directory.
fn write(facts: &Facts, reader: &Reader<'_>) -> String {
    let statement = r#"execute "INSERT INTO people DOCUMENTS ({'name':'Susan','age':31})""#;
    command(facts, reader, statement)
}

fn places(facts: &Facts) -> Vec<(&'static str, String)> {
    let apps = match facts.apps.as_slice() {
        [only] => format!("app {only}"),
        [first, rest @ ..] => format!("app {first} and {} more", rest.len()),
        [] => String::new(),
    };
    let directory = facts.bundle.directory.display();
    let mut places = vec![("HTTP API", format!("{}/api/v4", facts.run.http))];
    places.extend(facts.run.https.iter().map(|https| ("HTTPS", format!("{https}/api/v4"))));
    places.extend([
        ("Kafka endpoint", format!("{}, mutual TLS; HTTPS on the same port", facts.run.kafka)),
        ("Topic and group", facts.bundle.topic.clone()),
        ("Data", format!("{}, {apps}", facts.data_dir.display())),
        ("Certificates", format!("{directory}/, passwords in live-query-settings.json")),
        ("Admin key", facts.data_dir.join("admin.key").display().to_string()),
    ]);
    places
}

/// Who may call, in two lines for each kind of door that does not simply ask for a key.
fn access(facts: &Facts, reader: &Reader<'_>) -> Vec<String> {
    let kinds = [Access::OpenToAll, Access::OpenOnLoopback, Access::NoKeysLeft, Access::NoKeysYet];
    let mut lines = Vec::new();
    for access in kinds {
        let doors: Vec<&Door> = facts.all_doors().filter(|door| door.access == access).collect();
        if !doors.is_empty() {
            lines.extend(paragraph(access, &doors, facts, reader));
        }
    }
    if lines.is_empty() {
        lines.push("The HTTP API asks for a key: Authorization: Bearer <key>".to_owned());
    }
    lines
}

fn paragraph(access: Access, doors: &[&Door], facts: &Facts, reader: &Reader<'_>) -> Vec<String> {
    let (create, again) = (command(facts, reader, "key create NAME"), command(facts, reader, "key open-again"));
    let listed = |show: fn(&Door) -> String| {
        let shown: Vec<String> = doors.iter().take(DOORS_SHOWN_MAX).map(|door| show(door)).collect();
        let more = doors.len().saturating_sub(DOORS_SHOWN_MAX);
        if more == 0 { shown.join(" and ") } else { format!("{} and {more} more", shown.join(", ")) }
    };
    let (bases, addresses) = (listed(|door| door.base.clone()), listed(|door| door.address.to_string()));
    let (title, what, remedy) = match access {
        Access::Keys => return Vec::new(),
        Access::OpenOnLoopback => (
            "THE HTTP API IS OPEN",
            format!("every program of this machine can read and write at {bases}."),
            format!("To have it ask for keys, make one:  {create}"),
        ),
        Access::OpenToAll => (
            "THE HTTP API IS OPEN TO THE NETWORK",
            format!("whoever reaches {addresses} can read and write (--insecure-open)."),
            format!("To have it ask for keys, make one:  {create}"),
        ),
        Access::NoKeysLeft => (
            "NO KEY IS LEFT",
            format!("every request to {bases} needs one, and all are revoked or lost."),
            format!("Make one:  {create}  or ask for none again:  {again}"),
        ),
        Access::NoKeysYet => (
            "NO KEY WAS MADE YET",
            format!("not on loopback: {addresses} answers 401 to everyone."),
            format!("Make one:  {create}"),
        ),
    };
    vec![format!("{}: {what}", reader.marks.loud(title)), format!("  {remedy}")]
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use expect_test::expect_file;

    use super::super::tests::{door, facts};
    use super::*;
    use crate::output::Marks;

    fn screen(doors: Vec<Door>) -> String {
        let link = Some("http://127.0.0.1:8080/portal/sign-in?token=TOKEN");
        render(
            &facts(Path::new("/data"), doors),
            &Reader { program: "headwater", portal_link: link, marks: Marks::none() },
        )
    }

    #[test]
    fn a_first_start_is_as_it_was_agreed() {
        let open = door("http://127.0.0.1:8080", "127.0.0.1:8080", Access::OpenOnLoopback);
        expect_file!["../../tests/golden/start-screen-terminal.txt"].assert_eq(&screen(vec![open]));
    }

    #[test]
    fn it_has_at_most_25_lines_and_no_secret_but_the_link() {
        let http = |access| door("http://0.0.0.0:8080", "0.0.0.0:8080", access);
        let https = |access| door("https://localhost:8443", "127.0.0.1:8443", access);
        let kinds = [Access::OpenOnLoopback, Access::OpenToAll, Access::Keys, Access::NoKeysYet, Access::NoKeysLeft];
        for (one, other) in kinds.iter().flat_map(|one| kinds.iter().map(move |other| (*one, *other))) {
            let screen = screen(vec![http(one), https(other)]);
            assert!(screen.lines().count() <= 25, "{one:?} {other:?}: {screen}");
            assert!(!screen.contains("secret") && screen.contains("live-query-settings.json"), "{screen}");
            let place = |part: &str| screen.find(part).unwrap_or_else(|| panic!("{part:?} is not in {screen}"));
            assert!(place("1. Open") < place("2. See") && place("2. See") < place("3. Make"), "{screen}");
            assert!(place("3. Make") < place("HTTP API  "), "what to do comes before where things are: {screen}");
        }
    }
}
