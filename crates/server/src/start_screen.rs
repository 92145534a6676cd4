//! What `headwater serve` prints once it is ready: where everything is, and the two commands that show it at work.

use std::fmt::Write as _;

use crate::{
    output::Marks,
    server::{Access, Facts},
};

/// The whole screen.
pub(crate) fn render(facts: &Facts, marks: Marks) -> String {
    let mut screen = format!("\n{}\n\n", marks.strong(&format!("Headwater {} is ready", facts.run.version)));
    for (name, value, note) in places(facts) {
        let note = if note.is_empty() { String::new() } else { format!("  {}", marks.faint(&note)) };
        writeln!(screen, "  {name:<16}{value}{note}").expect("a string takes all text");
    }
    screen.push('\n');
    screen.push_str(&access(facts, marks));
    write!(
        screen,
        "\n{}\n\n{}\n\n{}\n\n{}\n\n{}\n",
        marks.strong("See events: Kafka's own console consumer (this is consume.sh; KAFKA is where Kafka is unpacked)"),
        indented(&script(facts)),
        marks.strong("Make one: in another terminal"),
        indented(&curl(facts)),
        marks.faint("Without Kafka: headwater events --from-beginning.  Ctrl-C stops the server."),
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

/// One paragraph for each address that is not simply asking for keys.
fn access(facts: &Facts, marks: Marks) -> String {
    let create = format!("headwater key create NAME{}", data_dir_flag(facts));
    let paragraph = |(base, access): &(String, Access)| match access {
        Access::Keys => None,
        Access::OpenOnLoopback => Some(format!(
            "  {}\n  Every program of this machine can read and write at {base}.\n  Make a key, and it is asked for from then on:  {create}\n",
            marks.loud("THE HTTP API IS OPEN"),
        )),
        Access::OpenToAll => Some(format!(
            "  {}\n  Whoever reaches {base} can read and write (--insecure-open).\n  Make a key, and it is asked for from then on:  {create}\n",
            marks.loud("THE HTTP API IS OPEN TO THE NETWORK"),
        )),
        Access::NoKeysYet => Some(format!(
            "  {}\n  {base} is not on loopback: every request gets 401 until you make a key:  {create}\n",
            marks.loud("NO KEY WAS MADE YET"),
        )),
    };
    let paragraphs: Vec<String> = facts.access.iter().filter_map(paragraph).collect();
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

/// The page's cURL, ready to paste.
fn curl(facts: &Facts) -> String {
    let (base, tls) = match &facts.run.https {
        Some(https) => (https, format!(" --cacert '{}/ca.pem'", facts.bundle.directory.display())),
        None => (&facts.run.http, String::new()),
    };
    let access = facts.access.iter().find(|(of, _)| of == base).map(|(_, access)| *access);
    let key = match access {
        Some(Access::OpenOnLoopback | Access::OpenToAll) => "",
        Some(Access::Keys | Access::NoKeysYet) | None => "\n  --header 'Authorization: Bearer <key>' \\",
    };
    format!(
        r#"curl{tls} -X POST '{base}/api/v4/store/write' \{key}
  --header 'Content-Type: application/json' \
  --data-raw '{{
      "commands": [{{
        "method": "upsert",
        "collection": "people",
        "id": "abc123",
        "value": {{
          "name": "Susan", "age": 31
        }}
      }}]
  }}'"#
    )
}

fn indented(text: &str) -> String {
    text.lines()
        .map(|line| if line.is_empty() { String::new() } else { format!("  {line}") })
        .collect::<Vec<_>>()
        .join("\n")
}
