//! The HTTP API on the Kafka endpoint's port, by curl as the page has it: `CLOUD_ENDPOINT` is one
//! string for the script and for cURL.

use std::{
    net::TcpStream,
    process::{Command, Output, Stdio},
    sync::Arc,
};

use serde_json::{Value, json};

use crate::{
    real_clients::{
        client::Client,
        clients::{TOPIC, kcat},
    },
    support::{TestServer, wait_until},
};

const WRITE: &str =
    r#"{"commands":[{"method":"upsert","collection":"people","id":"abc123","value":{"name":"Susan","age":31}}]}"#;

/// curl to `path` of the HTTP API on the Kafka endpoint's port.
fn curl(server: &TestServer, arguments: &[&str], path: &str) -> Command {
    let mut curl = Command::new("curl");
    curl.args(["--silent", "--show-error", "--noproxy", "*", "--max-time", "30"]);
    curl.arg("--cacert").arg(server.data_dir().join("credentials/default/ca.pem")).args(arguments);
    curl.args(["--write-out", "\n%{http_version} %{http_code}"]);
    curl.arg(format!("https://{}{path}", server.run["kafka"].as_str().unwrap()));
    curl
}

/// The reply, and its version and status as curl has them.
fn answer(output: &Output) -> (Value, String) {
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{output:?}");
    let (body, facts) = text.rsplit_once('\n').unwrap();
    (serde_json::from_str(body).unwrap_or_else(|_| Value::String(body.to_owned())), facts.to_owned())
}

fn ask(server: &TestServer, arguments: &[&str], path: &str) -> (Value, String) {
    answer(&curl(server, arguments, path).output().expect("curl is there"))
}

#[test]
fn one_string_serves_curl_and_consumers() {
    let server = TestServer::start();
    let mut consumer = kcat(&server, "default");
    consumer.args(["-C", "-u", "-t", TOPIC, "-o", "beginning"]);
    let consumer = Client::start(consumer);
    let versions = [
        (&[][..], "2"),
        (&["--http2"], "2"),
        (&["--http1.1"], "1.1"),
        (&["--http2", "--tls-max", "1.2"], "2"),
        (&["--http1.1", "--tls-max", "1.2"], "1.1"),
    ];
    for (count, (arguments, version)) in versions.into_iter().enumerate() {
        let arguments =
            [arguments, &["-X", "POST", "-H", "Content-Type: application/json", "--data-raw", WRITE]].concat();
        let (reply, facts) = ask(&server, &arguments, "/api/v4/store/write");
        assert_eq!(facts, format!("{version} 200"), "{reply}");
        assert_eq!(reply["results"][0]["transactionId"], count + 1);
        consumer.wait_for(count + 1);
    }
    for path in ["/health/live", "/health/ready", "/openapi.json"] {
        assert!(ask(&server, &[], path).1.ends_with(" 200"), "{path}");
    }
    let no_body = ask(&server, &["--http1.1"], "/api/v4/store/find?collection=people");
    assert_eq!(no_body.1, "1.1 200", "{}", no_body.0);
    assert_eq!(server.terminate().code(), Some(0));
}

#[test]
fn nobody_administers_there() {
    let server = TestServer::start();
    let key = std::fs::read_to_string(server.data_dir().join("admin.key")).unwrap();
    let authorization = format!("Authorization: Bearer {}", key.trim());
    for path in
        ["/", "/portal", "/portal/", "/portal/apps/default/", "/portal/assets/style.css", "/admin/v1/apps", "/metrics"]
    {
        for arguments in [&["--http2", "-H", &authorization][..], &["--http1.1", "-H", &authorization], &[]] {
            let (reply, facts) = ask(&server, arguments, path);
            assert!(facts.ends_with(" 404") && reply["message"].is_string(), "{path}: {facts} {reply}");
        }
    }
    let made = ask(&server, &["-H", &authorization, "--data-raw", r#"{"name":"k"}"#], "/admin/v1/keys");
    assert!(made.1.ends_with(" 404"), "{made:?}");
}

#[test]
fn off_loopback_it_asks_for_a_key_whatever_the_http_address_is() {
    let directory = Arc::new(tempfile::tempdir().unwrap());
    let off_loopback = ["--kafka-listen", "0.0.0.0:0", "--kafka-advertise", "localhost"];
    let server = TestServer::start_in(directory.clone(), &off_loopback);
    assert_eq!(server.get("/api/v4/store/find?collection=people").0, 200, "HTTP is on loopback, and open");
    let find = "/api/v4/store/find?collection=people";
    for version in ["--http2", "--http1.1"] {
        let (reply, facts) = ask(&server, &[version], find);
        assert!(facts.ends_with(" 401"), "{facts} {reply}");
    }
    assert!(server.stdout().contains("NO KEY WAS MADE YET"), "{}", server.stdout());
    let key = server.run(&["key", "create", "till"]).stdout;
    let authorization = format!("Authorization: Bearer {}", key.trim());
    assert_eq!(ask(&server, &["-H", &authorization], find).1, "2 200");
    assert_eq!(ask(&server, &["-H", "Authorization: Bearer nobody"], find).1, "2 401");
    server.terminate();

    let directory = Arc::new(tempfile::tempdir().unwrap());
    let open = [&off_loopback[..], &["--insecure-open"]].concat();
    let server = TestServer::start_in(directory, &open);
    assert_eq!(ask(&server, &[], find).1, "2 200");
    assert!(server.stdout().contains("OPEN TO THE NETWORK"), "{}", server.stdout());
}

#[test]
fn other_names_and_other_sites_are_kept_out() {
    let server = TestServer::start();
    for (version, name) in [("--http2", "2"), ("--http1.1", "1.1")] {
        for header in ["Host: evil.example", "Origin: https://evil.example", "Sec-Fetch-Site: cross-site"] {
            let (reply, facts) = ask(&server, &[version, "-H", header], "/api/v4/store/find?collection=people");
            assert_eq!(facts, format!("{name} 403"), "{header}: {reply}");
        }
    }
}

#[test]
fn what_speaks_neither_is_refused_and_keeps_nobody_out() {
    let server = TestServer::start();
    let address = server.run["kafka"].as_str().unwrap().replace("localhost", "127.0.0.1");
    let silent: Vec<TcpStream> = (0..300).map(|_| TcpStream::connect(&address).unwrap()).collect();
    for garbage in [&b"GET / HTTP/1.1\r\n\r\n"[..], b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", &[0x16, 3, 1, 0, 0, 0]] {
        let mut socket = TcpStream::connect(&address).unwrap();
        std::io::Write::write_all(&mut socket, garbage).unwrap();
        assert_eq!(ask(&server, &[], "/health/live").1, "2 200");
    }
    // Inside TLS, after HTTP was agreed on.
    let mut garbage = curl(&server, &["--http1.1", "-X", "NO\tTHING"], "/health/live");
    assert!(String::from_utf8_lossy(&garbage.output().unwrap().stdout).ends_with("1.1 400"));
    // Without ALPN it is Kafka, and Kafka asks for a certificate.
    let refused = curl(&server, &["--no-alpn"], "/health/live").output().unwrap();
    assert!(!refused.status.success() && String::from_utf8_lossy(&refused.stderr).contains("certificate required"));
    drop(silent);
}

#[test]
fn a_stop_answers_what_is_under_way() {
    let server = TestServer::start();
    let waiting: Vec<_> = ["--http2", "--http1.1"]
        .into_iter()
        .map(|version| {
            let statement = r#"{"statement":"SELECT * FROM people"}"#;
            let arguments = [version, "-H", "X-DITTO-TXN-ID: 1000", "--data-raw", statement];
            let arguments = [&arguments[..], &["-H", "Content-Type: application/json"]].concat();
            let mut curl = curl(&server, &arguments, "/api/v5/store/execute");
            curl.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("curl is there")
        })
        .collect();
    wait_until("both are under way", || {
        let asked = json!({"statement": "SELECT COUNT(*) AS n FROM system:active_requests"});
        server.post("/api/v5/store/execute", &asked).1["items"][0]["n"] == 3 // and the one that asks
    });
    assert_eq!(server.terminate().code(), Some(0));
    for curl in waiting {
        let (reply, facts) = answer(&curl.wait_with_output().unwrap());
        let told = reply["error"]["description"].as_str().unwrap();
        assert!(facts.ends_with(" 404") && told.contains("1000"), "{facts} {reply}");
    }
}
