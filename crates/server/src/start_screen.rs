//! What `headwater serve` prints once it is ready: where everything is, and the two commands that show it at work.

use std::fmt::Write as _;

use crate::{
    output::Marks,
    server::{Access, Door, Facts},
};

/// The whole screen.
pub(crate) fn render(facts: &Facts, marks: Marks) -> String {
    let mut screen = format!("\n{}\n\n", marks.strong(&format!("Headwater {} is ready", facts.run.version)));
    for (name, value, note) in places(facts) {
        let note = if note.is_empty() { String::new() } else { format!("  {}", marks.faint(&note)) };
        writeln!(screen, "  {name:<17}{value}{note}").expect("a string takes all text");
    }
    screen.push('\n');
    screen.push_str(&access(facts, marks));
    write!(
        screen,
        "\n{}\n\n{}\n\n{}\n\n{}\n\n  {}\n",
        marks.strong("See events: Kafka's own console consumer (this is consume.sh; KAFKA is where Kafka is unpacked)"),
        indented(&script(facts)),
        marks.strong("Make an event: a write, in another terminal"),
        indented(&curl(facts)),
        marks.faint(&format!(
            "Without Kafka: headwater events --from-beginning{}\n  Ctrl-C stops the server.",
            data_dir_flag(facts)
        )),
    )
    .expect("a string takes all text");
    screen
}

/// Name, value and a note on it.
fn places(facts: &Facts) -> Vec<(&'static str, String, String)> {
    let directory = facts.bundle.directory.display();
    let apps = match facts.apps.as_slice() {
        [only] => format!("app {only}"),
        many => format!("apps {}", many.join(", ")),
    };
    let mut places = vec![
        ("Portal", facts.portal_link.clone(), "signs you in, once".to_owned()),
        ("Data", facts.data_dir.display().to_string(), apps),
        ("HTTP API", format!("{}/api/v4", facts.run.http), String::new()),
    ];
    if let Some(https) = &facts.run.https {
        places.push(("HTTPS", format!("{https}/api/v4"), format!("CA: {directory}/ca.pem")));
    }
    places.extend([
        ("Kafka endpoint", facts.run.kafka.clone(), "mutual TLS".to_owned()),
        ("Topic and group", facts.bundle.topic.clone(), String::new()),
        ("Certificates", format!("{directory}/"), "cluster.p12, user.p12; the same as PEM".to_owned()),
        ("Passwords", format!("{directory}/live-query-settings.json"), String::new()),
        ("Admin key", facts.data_dir.join("admin.key").display().to_string(), String::new()),
    ]);
    places
}

/// One paragraph for each door that does not simply ask for a key.
fn access(facts: &Facts, marks: Marks) -> String {
    let create = format!("headwater key create NAME{}", data_dir_flag(facts));
    let paragraph = |door: &Door| {
        let (base, address) = (&door.base, door.address);
        match door.access {
            Access::Keys => None,
            Access::OpenOnLoopback => Some((
                "THE HTTP API IS OPEN",
                format!(
                    "Every program of this machine can read and write at {base}.\n  To have it ask for keys, make one:  {create}"
                ),
            )),
            Access::OpenToAll => Some((
                "THE HTTP API IS OPEN TO THE NETWORK",
                format!(
                    "Whoever reaches {address} can read and write (--insecure-open).\n  To have it ask for keys, make one:  {create}"
                ),
            )),
            Access::NoKeysLeft => Some((
                "NO KEY IS LEFT",
                format!(
                    "A key was made, so every request to {base} needs one, and all are revoked or lost. Make one:  {create}\n  Or ask for none again:  headwater key open-again{}",
                    data_dir_flag(facts)
                ),
            )),
            Access::NoKeysYet => Some((
                "NO KEY WAS MADE YET",
                format!("{address} is not on loopback: every request to {base} gets 401 until you make one:  {create}"),
            )),
        }
    };
    let paragraphs: Vec<String> = facts
        .doors
        .iter()
        .filter_map(paragraph)
        .map(|(title, text)| format!("  {}\n  {text}\n", marks.loud(title)))
        .collect();
    if paragraphs.is_empty() {
        return "  The HTTP API asks for a key: Authorization: Bearer <key>\n".to_owned();
    }
    paragraphs.join("\n")
}

/// Nothing where the server is found without it.
fn data_dir_flag(facts: &Facts) -> String {
    let default = std::path::absolute("headwater-data").ok();
    if default.as_deref() == Some(&facts.data_dir) {
        String::new()
    } else {
        format!(" --data-dir {}", facts.data_dir.display())
    }
}

/// The page's script as `consume.sh` holds it, without its first line and comments.
fn script(facts: &Facts) -> String {
    let path = facts.bundle.directory.join("consume.sh");
    match std::fs::read_to_string(&path) {
        Ok(text) => {
            let lines: Vec<&str> = text.lines().filter(|line| !line.starts_with('#')).collect();
            format!("# {}\n{}", path.display(), lines.join("\n").trim())
        }
        Err(error) => format!("# {} cannot be read: {error}", path.display()),
    }
}

fn curl(facts: &Facts) -> String {
    let is_open = |door: &&Door| matches!(door.access, Access::OpenOnLoopback | Access::OpenToAll);
    // HTTPS as on the page where there is a choice; but what works without a key before what does not.
    let door = facts.doors.iter().rev().find(is_open).or(facts.doors.last()).expect("there is HTTP at least");
    let tls = match door.base.starts_with("https:") {
        true => format!(" --cacert '{}/ca.pem'", facts.bundle.directory.display()),
        false => String::new(),
    };
    portal::write_curl(&tls, &door.base, !is_open(&door))
}

fn indented(text: &str) -> String {
    text.lines()
        .map(|line| if line.is_empty() { String::new() } else { format!("  {line}") })
        .collect::<Vec<_>>()
        .join("\n")
}

#[cfg(test)]
mod tests {
    use credentials::Bundle;
    use expect_test::expect_file;

    use super::*;
    use crate::run_file::RunFile;

    fn facts(directory: &std::path::Path, doors: Vec<Door>) -> Facts {
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
            portal_link: "http://127.0.0.1:8080/portal/sign-in?token=TOKEN".to_owned(),
            doors,
        }
    }

    fn door(base: &str, address: &str, access: Access) -> Door {
        Door { base: base.to_owned(), address: address.parse().unwrap(), access }
    }

    fn screen(doors: Vec<Door>) -> String {
        let directory = tempfile::tempdir().unwrap();
        let files = directory.path().join("credentials/default");
        std::fs::create_dir_all(&files).unwrap();
        std::fs::write(
            files.join("consume.sh"),
            "#!/bin/sh\n# a comment\n\nTOPIC=t\n\n$KAFKA/bin/x \\\n --topic $TOPIC\n",
        )
        .unwrap();
        let screen = render(&facts(directory.path(), doors), Marks::none());
        screen.replace(directory.path().to_str().unwrap(), "/data")
    }

    #[test]
    fn a_first_start_is_as_it_was_agreed() {
        let open = door("http://127.0.0.1:8080", "127.0.0.1:8080", Access::OpenOnLoopback);
        expect_file!["../tests/golden/start-screen.txt"].assert_eq(&screen(vec![open]));
    }

    #[test]
    fn the_curl_is_one_that_works() {
        let http = |access| door("http://127.0.0.1:8080", "127.0.0.1:8080", access);
        let https = |access| door("https://localhost:8443", "0.0.0.0:8443", access);
        let open = screen(vec![http(Access::OpenOnLoopback), https(Access::NoKeysYet)]);
        assert!(open.contains("curl -X POST 'http://127.0.0.1:8080/api/v4/store/write'"), "{open}");
        assert!(open.contains("NO KEY WAS MADE YET") && open.contains("0.0.0.0:8443 is not on loopback"), "{open}");
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
