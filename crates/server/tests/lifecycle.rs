//! A server's start, its end, and what may go wrong between.

use std::{
    io::{Read as _, Write as _},
    net::{TcpListener, TcpStream},
    os::unix::fs::PermissionsExt as _,
    sync::Arc,
};

use rustix::process::Signal;
use serde_json::json;

use crate::{
    real_clients::client::Client,
    support::{PATIENCE, TestServer, only_line, run, wait_until},
};

#[test]
fn a_clean_stop_removes_run_json_and_is_status_0() {
    for signal in [Signal::TERM, Signal::INT, Signal::HUP] {
        let server = TestServer::start();
        let path = server.data_dir().join("run.json");
        let text = std::fs::read_to_string(&path).unwrap();
        assert!(text.starts_with("{\"pid\":") && text.contains("\"https\":null,\"kafka\":\"localhost:"), "{text}");
        let directory = server.directory();
        let finished = server.end_by(signal);
        assert_eq!(finished.code(), Some(0), "{finished:?}");
        assert!(!path.exists());
        drop(directory);
    }
}

#[test]
fn a_second_signal_does_not_wait_for_a_request_that_hangs() {
    let server = TestServer::start();
    let mut hanging = TcpStream::connect(server.run["http"].as_str().unwrap().trim_start_matches("http://")).unwrap();
    let head =
        "POST /api/v4/store/write HTTP/1.1\r\nhost: localhost\r\ncontent-length: 9\r\nexpect: 100-continue\r\n\r\n";
    hanging.write_all(head.as_bytes()).unwrap();
    let mut continues = [0; 12];
    hanging.read_exact(&mut continues).unwrap();
    assert_eq!(&continues, b"HTTP/1.1 100", "the server waits for the body");
    server.signal(Signal::TERM);
    wait_until("it is stopping", || server.stderr().contains("SIGTERM: stopping"));
    assert!(server.data_dir().join("run.json").exists(), "the stop is not done while a request is under way");
    server.signal(Signal::INT);
    let finished = server.finish();
    assert_eq!(finished.code(), Some(1));
    assert!(
        finished.stderr.ends_with("headwater: Ctrl-C while stopping: ended at once, without finishing\n"),
        "{finished:?}"
    );
}

/// Clients that ask for much, and are told when to stop by nobody: neither do they hold others up, nor the server's
/// end.
#[test]
fn expensive_questions_do_not_keep_the_server_from_ending() {
    let server = TestServer::start();
    let text = "a".repeat(20_000);
    let upsert =
        |n: usize| json!({ "method": "upsert", "collection": "c", "id": n.to_string(), "value": { "t": text } });
    for start in (0..400).step_by(50) {
        let commands: Vec<_> = (start..start + 50).map(upsert).collect();
        assert_eq!(server.post("/api/v4/store/write", &json!({ "commands": commands })).0, 200);
    }
    let body = json!({ "collection": "c", "query": "regex(t, '(a|b|c){0,400}d')" }).to_string();
    let address = server.run["http"].as_str().unwrap().trim_start_matches("http://");
    let asked: Vec<TcpStream> = (0..8)
        .map(|_| {
            let mut stream = TcpStream::connect(address).unwrap();
            let head = format!(
                "POST /api/v4/store/count HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n",
                body.len()
            );
            stream.write_all(head.as_bytes()).unwrap();
            stream.write_all(body.as_bytes()).unwrap();
            stream
        })
        .collect();
    let innocent = json!({ "collection": "c", "query": "_id == '1'" });
    assert_eq!(server.post("/api/v4/store/count", &innocent).1["count"], 1);
    let finished = server.terminate();
    assert_eq!(finished.code(), Some(0), "{finished:?}");
    drop(asked);
}

#[test]
fn what_a_kill_left_is_replaced() {
    let server = TestServer::start();
    let directory = server.directory();
    let first = server.run["pid"].clone();
    server.kill();
    assert!(directory.path().join("headwater-data/run.json").exists());
    let gone = run(directory.path(), &["app", "list"]);
    assert!(only_line(&gone.stderr).contains("is gone"), "{gone:?}");
    let second = TestServer::start_in(directory, &[]);
    assert_ne!(second.run["pid"], first);
    assert_eq!(second.terminate().code(), Some(0));
}

#[test]
fn the_data_directory_is_the_owners_alone() {
    let server = TestServer::start();
    let mode = |path: &str| std::fs::metadata(server.data_dir().join(path)).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(""), 0o700);
    assert_eq!(mode("admin.key"), 0o600);
    assert_eq!(mode("credentials/default/live-query-settings.json"), 0o600);
}

#[test]
fn a_second_server_on_the_same_data_names_the_first() {
    let server = TestServer::start();
    let second = server.run(&["serve", "--http-listen", "127.0.0.1:0", "--kafka-listen", "127.0.0.1:0"]);
    assert_eq!(second.code(), Some(1));
    let line = only_line(&second.stderr);
    assert!(line.contains("is in use by another process") && line.contains(&server.run["pid"].to_string()), "{line}");
    assert!(server.data_dir().join("run.json").exists(), "the first one's run.json stays");
}

#[test]
fn a_port_in_use_is_one_line() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    for (flag, other) in [("--http-listen", "--kafka-listen"), ("--kafka-listen", "--http-listen")] {
        let directory = tempfile::tempdir().unwrap();
        let finished = run(directory.path(), &["serve", flag, &address, other, "127.0.0.1:0"]);
        assert_eq!(finished.code(), Some(1));
        let line = only_line(&finished.stderr);
        assert!(line.contains(&format!("cannot listen on {address}: another program has this port")), "{line}");
        assert!(line.contains(flag), "{line}");
        assert!(!directory.path().join("headwater-data/run.json").exists());
    }
}

#[test]
fn all_addresses_need_a_name_for_kafka_clients() {
    let directory = Arc::new(tempfile::tempdir().unwrap());
    let refused = run(directory.path(), &["serve", "--http-listen", "127.0.0.1:0", "--kafka-listen", "0.0.0.0:0"]);
    assert_eq!(refused.code(), Some(2));
    assert!(only_line(&refused.stderr).contains("--kafka-advertise HOST:PORT"), "{refused:?}");
    let server =
        TestServer::start_in(directory, &["--kafka-listen", "0.0.0.0:0", "--kafka-advertise", "db.example.com:9999"]);
    assert_eq!(server.run["kafka"], "db.example.com:9999");
    assert_eq!(server.terminate().code(), Some(0));
}

#[test]
fn the_start_screen_says_where_everything_is() {
    let server = TestServer::start();
    wait_until("the screen is printed", || server.stdout().contains("Ctrl-C stops the server"));
    let screen = server.stdout();
    for words in [
        server.run["http"].as_str().unwrap(),
        server.run["kafka"].as_str().unwrap(),
        "user-consumable-default",
        "THE HTTP API IS OPEN",
        "$KAFKA/bin/kafka-console-consumer.sh",
        "live-query-settings.json",
        "admin.key",
        "curl -X POST 'http://127.0.0.1:",
    ] {
        assert!(screen.contains(words), "{words:?} is not on the screen: {screen}");
    }
}

#[test]
fn the_start_screen_shows_events_before_it_makes_one() {
    let server = TestServer::start();
    wait_until("the screen is printed", || server.stdout().contains("Ctrl-C stops the server"));
    let screen = server.stdout();
    let program = env!("CARGO_BIN_EXE_headwater");
    let place = |part: &str| screen.find(part).unwrap_or_else(|| panic!("{part:?} is not on the screen: {screen}"));
    assert!(
        place(&format!("{program} events --from-beginning\n")) < place("curl -X POST"),
        "run by its path, as cargo does, it says that path"
    );
    assert!(place("kafka-console-consumer.sh") < place("curl -X POST"));
    assert!(!screen.contains("token="), "where nobody reads along there is no way in: {screen}");
    place(&format!("/portal/  a link that signs you in: {program} portal\n"));
}

#[test]
fn a_start_screen_on_a_terminal_has_a_link() {
    let directory = tempfile::tempdir().unwrap();
    let serve = concat!(
        "exec ",
        env!("CARGO_BIN_EXE_headwater"),
        " serve --http-listen 127.0.0.1:0 --kafka-listen 127.0.0.1:0"
    );
    let mut command = std::process::Command::new("script");
    command.args(["-qefc", serve, "/dev/null"]).current_dir(directory.path()).env_remove("HEADWATER_LOG_FORMAT");
    let terminal = Client::start(command);
    terminal.wait_for_line("/portal/sign-in?token=");
    terminal.wait_for_line("signs you in, once, for ten minutes");
    terminal.wait_for_line("Ctrl-C stops the server");
    let shown = terminal.lines();
    assert!(shown.len() <= 25, "{} lines: {shown:#?}", shown.len());
    assert!(!shown.iter().any(|line| line.contains("INFO")), "log lines do not come between: {shown:#?}");
    let password =
        std::fs::read_to_string(directory.path().join("headwater-data/credentials/default/live-query-settings.json"));
    let settings: serde_json::Value = serde_json::from_str(&password.unwrap()).unwrap();
    let admin = std::fs::read_to_string(directory.path().join("headwater-data/admin.key")).unwrap();
    let passwords = ["clusterCertificate", "userCertificate"].map(|name| settings[name]["password"].as_str().unwrap());
    for secret in passwords.into_iter().chain([admin.trim()]) {
        assert!(!shown.iter().any(|line| line.contains(secret)), "{shown:#?}");
    }
}

#[test]
fn a_directory_that_others_may_read_is_warned_about() {
    let directory = Arc::new(tempfile::tempdir().unwrap());
    let path = directory.path().join("headwater-data");
    std::fs::create_dir(&path).unwrap();
    let serve = |mode: u32| {
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).unwrap();
        TestServer::start_in(directory.clone(), &[]).terminate().stderr
    };
    for mode in [0o755, 0o710, 0o704] {
        let said = serve(mode);
        assert!(said.contains(&format!("(mode {mode:04o}); to keep it to yourself: chmod 700 ")), "{said}");
    }
    let said = serve(0o700);
    assert!(!said.contains("chmod"), "{said}");
}

#[test]
fn a_request_waits_for_its_transaction_as_long_as_is_said() {
    let directory = Arc::new(tempfile::tempdir().unwrap());
    let server = TestServer::start_in(directory, &["--request-timeout-ms", "250ms"]);
    let config = ureq::Agent::config_builder().proxy(None).http_status_as_error(false).timeout_global(Some(PATIENCE));
    let request =
        config.build().new_agent().post(format!("{}/api/v4/store/count", server.run["http"].as_str().unwrap()));
    let mut reply = request.header("X-DITTO-TXN-ID", "9").send(r#"{"collection":"people"}"#).unwrap();
    let said = reply.body_mut().read_to_string().unwrap();
    assert!(reply.status() == 404 && said.contains("was not applied within 0.25 s"), "{said}");
}

#[test]
fn a_new_app_is_not_named_as_a_path_of_the_servers() {
    let directory = tempfile::tempdir().unwrap();
    let listen = ["--http-listen", "127.0.0.1:0", "--kafka-listen", "127.0.0.1:0"];
    let refused = run(directory.path(), &[&["serve", "--app", "admin"], &listen[..]].concat());
    assert_eq!(refused.code(), Some(2), "{refused:?}");
    assert!(only_line(&refused.stderr).contains("an app cannot be named \"admin\""), "{refused:?}");
}

#[test]
fn a_json_log_is_all_that_a_machine_reads() {
    let server = TestServer::start_in(Arc::new(tempfile::tempdir().unwrap()), &["--log-format", "json"]);
    let ready = |stderr: &str| stderr.lines().any(|line| line.contains(r#""message":"ready""#));
    wait_until("it says that it is ready", || ready(&server.stderr()));
    let finished = server.terminate();
    assert_eq!(finished.stdout, "");
    for line in finished.stderr.lines() {
        let event: serde_json::Value = serde_json::from_str(line).expect(line);
        assert!(event["timestamp"].is_string() && event["level"].is_string(), "{line}");
    }
    assert!(finished.stderr.contains(r#""message":"stopped""#), "{finished:?}");
}
