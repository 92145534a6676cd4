//! New certificates and a new certificate authority, while stock clients read: Kafka's console
//! consumer of 4.3.1 and kcat, with files of before and of after.

use std::{path::Path, process::Command};

use super::{
    client::Client,
    clients::{KAFKA_OF_TODAY, TOPIC, fast_start, kcat_all, kcat_group, plain_kcat, tool},
    events::{numbers, write_numbered},
};
use crate::support::{TestServer, only_line, wait_until};

/// The files of the default app's own user, as a consumer elsewhere has them.
struct OldFiles(tempfile::TempDir);

impl OldFiles {
    fn copy(server: &TestServer) -> Self {
        let (bundle, directory) = (server.data_dir().join("credentials/default"), tempfile::tempdir().unwrap());
        for entry in std::fs::read_dir(&bundle).unwrap().map(Result::unwrap) {
            let to = directory.path().join(entry.file_name());
            if !entry.file_name().to_string_lossy().ends_with(".properties") {
                std::fs::copy(entry.path(), to).unwrap();
                continue;
            }
            let text = std::fs::read_to_string(entry.path()).unwrap();
            let here = bundle.canonicalize().unwrap();
            let moved = text.replace(here.to_str().unwrap(), directory.path().to_str().unwrap());
            assert_ne!(moved, text);
            std::fs::write(to, moved).unwrap();
        }
        Self(directory)
    }

    fn path(&self) -> &Path {
        self.0.path()
    }

    fn kcat(&self, server: &TestServer, arguments: &[&str]) -> Command {
        let mut kcat = plain_kcat();
        kcat.arg("-F").arg(self.path().join("librdkafka.properties"));
        kcat.args(["-b", server.run["kafka"].as_str().unwrap(), "-q", "-u"]).args(arguments);
        kcat
    }
}

/// Kafka's console consumer with the files in a directory, as a group of its own.
fn java(server: &TestServer, files: &Path, group: &str) -> Client {
    let mut command = Command::new(tool(KAFKA_OF_TODAY).join("bin/kafka-console-consumer.sh"));
    fast_start(&mut command);
    command.args(["--bootstrap-server", server.run["kafka"].as_str().unwrap(), "--command-config"]);
    command.arg(files.join("client.properties"));
    command.args(["--topic", TOPIC, "--group", group, "--from-beginning"]);
    Client::start(command)
}

fn rotate(server: &TestServer, arguments: &[&str]) -> String {
    let done = server.run(&[&["credentials", "rotate"], arguments].concat());
    assert_eq!(done.code(), Some(0), "{arguments:?}: {done:?}");
    done.stdout
}

#[test]
fn consumers_read_on_through_new_certificates_and_a_new_authority() {
    let server = TestServer::start();
    let old = OldFiles::copy(&server);
    let in_place = server.data_dir().join("credentials/default");
    let kcat_with_old = ["-E", "-X", "auto.offset.reset=earliest", "-f", "%s\n", "-G", "kcat-old", TOPIC];
    let mut before = vec![java(&server, old.path(), "java-old"), Client::start(old.kcat(&server, &kcat_with_old))];
    write_numbered(&server, 0..5);
    let all_have = |clients: &[Client], count: u64| {
        let lines = clients.iter().map(|client| client.wait_for(count as usize));
        lines.for_each(|lines| assert_eq!(numbers(&lines), (0..count).collect::<Vec<_>>()));
    };
    all_have(&before, 5);
    let reads_all = |mut kcat: Command, count: usize| {
        let output = kcat.args(["-C", "-t", TOPIC, "-o", "beginning", "-e"]).output().unwrap();
        assert_eq!(String::from_utf8_lossy(&output.stdout).lines().count(), count, "{output:?}");
    };

    assert!(rotate(&server, &[]).contains("open connections stay"));
    write_numbered(&server, 5..10);
    all_have(&before, 10);
    reads_all(old.kcat(&server, &[]), 10);

    let began = rotate(&server, &["--ca"]);
    assert!(began.contains("two authorities are trusted now") && began.contains("new files for consumer"), "{began}");
    let mut after = vec![java(&server, &in_place, "java-new"), Client::start(kcat_group(&server, "kcat-new"))];
    write_numbered(&server, 10..15);
    all_have(&before, 15);
    all_have(&after, 15);
    reads_all(old.kcat(&server, &[]), 15);
    assert_eq!(kcat_all(&server, "%o\n").len(), 15);
    for files in [old.path(), &in_place] {
        https_works(&server, files);
    }

    let refused = server.run(&["credentials", "rotate", "--finish"]);
    let why = only_line(&refused.stderr);
    assert!(refused.code() == Some(1) && why.contains("consumer@default (serial ") && why.contains("now)"), "{why}");
    let status = |part: &str| server.run(&["credentials", "status"]).stdout.contains(part);
    assert!(status("NEEDED"), "{}", server.run(&["credentials", "status"]).stdout);
    before.iter_mut().for_each(|client| assert!(client.is_running()));
    before.drain(..).for_each(Client::kill);
    wait_until("both have changed over", || status("changed over"));

    let finished = rotate(&server, &["--finish"]);
    assert!(finished.contains("refused from now on:\n  consumer@default "), "{finished}");
    write_numbered(&server, 15..20);
    all_have(&after, 20);
    after.iter_mut().for_each(|client| assert!(client.is_running()));
    assert_eq!(kcat_all(&server, "%o\n").len(), 20);
    https_works(&server, &in_place);
    let refused = Client::start(old.kcat(&server, &["-L", "-m", "60"]));
    wait_until("the log says what the old files lack", || {
        let log = server.stderr();
        log.lines().any(|line| line.contains("UnknownCA") && line.contains("an older copy may hold an authority"))
    });
    drop(refused);
    let audit = std::fs::read_to_string(server.data_dir().join("audit.log")).unwrap();
    for action in ["serverCertificate.renew", "authority.rotate", "user.renew", "authority.finishRotation"] {
        assert!(audit.contains(&format!("\"action\":\"{action}\"")), "{action}: {audit}");
    }
}

/// HTTP on the Kafka endpoint's port, checked against the files' `ca.pem`.
fn https_works(server: &TestServer, files: &Path) {
    let url = format!("https://{}/health/live", server.run["kafka"].as_str().unwrap());
    let curl = Command::new("curl").args(["-sS", "--fail", "--cacert"]).arg(files.join("ca.pem")).arg(url).output();
    let curl = curl.unwrap();
    assert!(curl.status.success(), "{curl:?}");
}
