//! What `headwater serve` prints once it is ready, where no terminal is: where everything is, and the
//! commands that show it at work, in full. For a person at a terminal there is a shorter one
//! (`on_terminal`).
//!
//! Invariants: what shows events comes before what makes one, since a consumer begins at the end of
//! a topic unless it is told otherwise; every command runs as it is printed, also where the binary
//! is not in `PATH` (`cargo run`); the link that opens the portal is a secret, and stands only on a
//! terminal.

mod commands;
pub(crate) mod on_terminal;

pub(crate) use self::commands::{Reader, program_as_typed};

use std::fmt::Write as _;

use self::commands::{command, curl};
use crate::server::{Access, Door, Facts};

/// The whole screen.
pub(crate) fn render(facts: &Facts, reader: &Reader<'_>) -> String {
    let marks = reader.marks;
    let mut screen = format!("\n{}\n\n", marks.strong(&format!("Headwater {} is ready", facts.run.version)));
    for (name, value, note) in places(facts, reader) {
        let note = if note.is_empty() { String::new() } else { format!("  {}", marks.faint(&note)) };
        writeln!(screen, "  {name:<17}{value}{note}").expect("a string takes all text");
    }
    screen.push('\n');
    screen.push_str(&access(facts, reader));
    write!(
        screen,
        "\n{}\n\n  {}\n\n{}\n\n{}\n\n{}\n\n{}\n\n  {}\n",
        marks.strong("1. See events, in another terminal"),
        command(facts, reader, "events --from-beginning"),
        marks.faint("  or by Kafka's own console consumer, which shows what is written from now on (KAFKA is where Kafka is unpacked):"),
        indented(&script(facts)),
        marks.strong("2. Make an event: a write, in a third terminal"),
        indented(&curl(facts)),
        marks.faint("Ctrl-C stops the server."),
    )
    .expect("a string takes all text");
    screen
}

/// Name, value and a note on it.
fn places(facts: &Facts, reader: &Reader<'_>) -> Vec<(&'static str, String, String)> {
    let directory = facts.bundle.directory.display();
    let apps = match facts.apps.as_slice() {
        [only] => format!("app {only}"),
        many => format!("apps {}", many.join(", ")),
    };
    let fresh = command(facts, reader, "portal");
    let portal = match reader.portal_link {
        Some(link) => ("Portal", link.to_owned(), format!("signs you in, once, for ten minutes; then: {fresh}")),
        None => ("Portal", format!("{}/portal/", facts.run.http), format!("a link that signs you in: {fresh}")),
    };
    let mut places = vec![
        portal,
        ("Data", facts.data_dir.display().to_string(), apps),
        ("HTTP API", format!("{}/api/v4", facts.run.http), String::new()),
    ];
    if let Some(https) = &facts.run.https {
        places.push(("HTTPS", format!("{https}/api/v4"), format!("CA: {directory}/ca.pem")));
    }
    let beside_kafka = format!("on the Kafka endpoint's port; CA: {directory}/ca.pem");
    places.push(("HTTPS", format!("{}/api/v4", facts.kafka_door.base), beside_kafka));
    places.extend([
        ("Kafka endpoint", facts.run.kafka.clone(), "mutual TLS".to_owned()),
        ("Topic and group", facts.bundle.topic.clone(), String::new()),
        ("Certificates", format!("{directory}/"), "cluster.p12, user.p12; the same as PEM".to_owned()),
        ("Passwords", format!("{directory}/live-query-settings.json"), String::new()),
        ("Admin key", facts.data_dir.join("admin.key").display().to_string(), String::new()),
    ]);
    places
}

/// One paragraph for the doors of each kind that do not simply ask for a key.
fn access(facts: &Facts, reader: &Reader<'_>) -> String {
    let kinds = [Access::OpenOnLoopback, Access::OpenToAll, Access::NoKeysLeft, Access::NoKeysYet];
    let paragraphs: Vec<String> = kinds
        .into_iter()
        .filter_map(|access| {
            let doors: Vec<&Door> = facts.all_doors().filter(|door| door.access == access).collect();
            let (title, text) = (!doors.is_empty()).then(|| paragraph(access, &doors, facts, reader))??;
            Some(format!("  {}\n  {text}\n", reader.marks.loud(title)))
        })
        .collect();
    if paragraphs.is_empty() {
        return "  The HTTP API asks for a key: Authorization: Bearer <key>\n".to_owned();
    }
    paragraphs.join("\n")
}

/// What is said of these doors.
fn paragraph(access: Access, doors: &[&Door], facts: &Facts, reader: &Reader<'_>) -> Option<(&'static str, String)> {
    let create = command(facts, reader, "key create NAME");
    let list = |show: fn(&Door) -> String| doors.iter().map(|door| show(door)).collect::<Vec<_>>().join(" and ");
    let (bases, addresses) = (list(|door| door.base.clone()), list(|door| door.address.to_string()));
    match access {
        Access::Keys => None,
        Access::OpenOnLoopback => Some((
            "THE HTTP API IS OPEN",
            format!(
                "Every program of this machine can read and write at {bases}.\n  To have it ask for keys, make one:  {create}"
            ),
        )),
        Access::OpenToAll => Some((
            "THE HTTP API IS OPEN TO THE NETWORK",
            format!(
                "Whoever reaches {addresses} can read and write (--insecure-open).\n  To have it ask for keys, make one:  {create}"
            ),
        )),
        Access::NoKeysLeft => Some((
            "NO KEY IS LEFT",
            format!(
                "A key was made, so every request to {bases} needs one, and all are revoked or lost. Make one:  {create}\n  Or ask for none again:  {}",
                command(facts, reader, "key open-again")
            ),
        )),
        Access::NoKeysYet => Some((
            "NO KEY WAS MADE YET",
            format!("Not on loopback: {addresses}. Every request to {bases} gets 401 until you make one:  {create}"),
        )),
    }
}

/// The page's script as `consume.sh` holds it, without its first line and comments.
fn script(facts: &Facts) -> String {
    let path = facts.bundle.directory.join("consume.sh");
    match std::fs::read_to_string(&path) {
        Ok(text) => {
            // The line that looks whether Kafka is there is not the page's.
            let is_shown = |line: &&str| !line.starts_with('#') && !line.starts_with("[ -x");
            let lines = text.lines().filter(is_shown).collect::<Vec<_>>().join("\n");
            format!("# {}\n{}", path.display(), lines.replace("\n\n\n", "\n\n").trim())
        }
        Err(error) => format!("# {} cannot be read: {error}", path.display()),
    }
}

fn indented(text: &str) -> String {
    text.lines()
        .map(|line| if line.is_empty() { String::new() } else { format!("  {line}") })
        .collect::<Vec<_>>()
        .join("\n")
}

#[cfg(test)]
pub(crate) mod tests {
    use credentials::Bundle;
    use expect_test::expect_file;

    use super::*;
    use crate::{output::Marks, run_file::RunFile};

    pub(super) fn facts(directory: &std::path::Path, doors: Vec<Door>) -> Facts {
        let kafka_door = door("https://localhost:9093", "127.0.0.1:9093", doors[0].access);
        let https = doors.get(1).map(|door| door.base.clone());
        let (http, kafka) = (doors[0].base.clone(), "localhost:9093".to_owned());
        Facts {
            data_dir: directory.to_owned(),
            run: RunFile { pid: 7, http, https, kafka: kafka.clone(), version: "1.2.3".to_owned() },
            apps: vec!["default".to_owned(), "shop".to_owned()],
            bundle: Bundle {
                directory: directory.join("credentials/default"),
                cluster_password: "secret".to_owned(),
                user_password: "secret".to_owned(),
                endpoint: kafka,
                topic: "user-consumable-default".to_owned(),
            },
            doors,
            kafka_door,
        }
    }

    pub(super) fn door(base: &str, address: &str, access: Access) -> Door {
        Door { base: base.to_owned(), address: address.parse().unwrap(), access }
    }

    fn screen(doors: Vec<Door>) -> String {
        let link = Some("http://127.0.0.1:8080/portal/sign-in?token=TOKEN");
        screen_of(doors, &Reader { program: "headwater", portal_link: link, marks: Marks::none() })
    }

    fn screen_of(doors: Vec<Door>, reader: &Reader<'_>) -> String {
        let directory = tempfile::tempdir().unwrap();
        let files = directory.path().join("credentials/default");
        std::fs::create_dir_all(&files).unwrap();
        std::fs::write(
            files.join("consume.sh"),
            "#!/bin/sh\n# a comment\n\nTOPIC=t\n\n$KAFKA/bin/x \\\n --topic $TOPIC\n",
        )
        .unwrap();
        let screen = render(&facts(directory.path(), doors), reader);
        screen.replace(directory.path().to_str().unwrap(), "/data")
    }

    #[test]
    fn a_first_start_is_as_it_was_agreed() {
        let open = door("http://127.0.0.1:8080", "127.0.0.1:8080", Access::OpenOnLoopback);
        expect_file!["../tests/golden/start-screen.txt"].assert_eq(&screen(vec![open]));
    }

    #[test]
    fn without_a_terminal_there_is_no_secret_and_the_program_is_named_as_it_runs() {
        let open = door("http://127.0.0.1:8080", "127.0.0.1:8080", Access::OpenOnLoopback);
        let reader = Reader { program: "target/debug/headwater", portal_link: None, marks: Marks::none() };
        let screen = screen_of(vec![open], &reader);
        assert!(!screen.contains("token="), "{screen}");
        assert!(screen.contains("http://127.0.0.1:8080/portal/  a link that signs you in: target/debug/headwater portal --data-dir /data"), "{screen}");
        let place = |part: &str| screen.find(part).unwrap_or_else(|| panic!("{part:?} is not in {screen}"));
        assert!(place("  target/debug/headwater events --from-beginning --data-dir /data") < place("consume.sh"));
        assert!(place("consume.sh") < place("  curl -X POST"), "whatever consumes is started before the write");
    }

    #[test]
    fn the_curl_is_one_that_works() {
        let http = |access| door("http://127.0.0.1:8080", "127.0.0.1:8080", access);
        let https = |access| door("https://localhost:8443", "0.0.0.0:8443", access);
        let open = screen(vec![http(Access::OpenOnLoopback), https(Access::NoKeysYet)]);
        assert!(open.contains("curl -X POST 'http://127.0.0.1:8080/api/v4/store/write'"), "{open}");
        assert!(open.contains("NO KEY WAS MADE YET") && open.contains("Not on loopback: 0.0.0.0:8443"), "{open}");
        let closed = screen(vec![http(Access::NoKeysLeft)]);
        assert!(closed.contains("NO KEY IS LEFT") && closed.contains("headwater key open-again"), "{closed}");
        assert!(closed.contains("--header 'Authorization: Bearer <key>'"), "{closed}");
        let keys = screen(vec![http(Access::Keys), https(Access::Keys)]);
        assert!(
            keys.contains("curl --cacert '/data/credentials/default/ca.pem' -X POST 'https://localhost:8443/"),
            "{keys}"
        );
        assert!(keys.contains("--header 'Authorization: Bearer <key>'") && !keys.contains("OPEN"), "{keys}");
    }
}
