//! Logging in through an app's hook: what becomes of a good one, and of every hook that is not.

use std::{
    io::{Read as _, Write as _},
    net::{TcpListener, TcpStream},
    sync::{Arc, Mutex, atomic::Ordering::SeqCst},
    time::Duration,
};

use credentials::Permission;
use serde_json::{Value, json};

use crate::server::{NOW_MS, Reply, TestServer};

const ALL: &str = r#"{"read":{"everything":true},"write":{"everything":true}}"#;

/// A hook that answers what it is told to: bytes on the socket, whatever they are.
struct Hook {
    url: String,
    asked: Arc<Mutex<Vec<String>>>,
    answer: Arc<Mutex<Answer>>,
}

#[derive(Clone)]
enum Answer {
    Bytes(String),
    /// So many bytes of a body, if the other side takes them.
    Endless,
    Never,
}

impl Hook {
    fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}/hook", listener.local_addr().unwrap());
        let (asked, answer) = (Arc::<Mutex<Vec<String>>>::default(), Arc::new(Mutex::new(Answer::Never)));
        let (seen, told) = (asked.clone(), answer.clone());
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let (seen, told) = (seen.clone(), told.clone());
                std::thread::spawn(move || serve(stream.unwrap(), &seen, &told));
            }
        });
        Self { url, asked, answer }
    }

    fn answers(&self, status: &str, body: &str) {
        let head = format!("HTTP/1.1 {status}\r\nLocation: {}\r\nContent-Length: {}\r\n", self.url, body.len());
        *self.answer.lock().unwrap() = Answer::Bytes(format!("{head}\r\n{body}"));
    }
}

fn serve(mut stream: TcpStream, seen: &Mutex<Vec<String>>, told: &Mutex<Answer>) {
    let (mut request, mut chunk) = (Vec::new(), [0; 4096]);
    while !String::from_utf8_lossy(&request).ends_with('}') {
        match stream.read(&mut chunk) {
            Ok(count) if count > 0 => request.extend(&chunk[..count]),
            _ => return,
        }
    }
    seen.lock().unwrap().push(String::from_utf8(request).unwrap());
    let answer = told.lock().unwrap().clone();
    match answer {
        Answer::Bytes(bytes) => drop(stream.write_all(bytes.as_bytes())),
        Answer::Endless => {
            let head = "HTTP/1.1 200 OK\r\nContent-Length: 1000000000\r\n\r\n{\"authenticate\":true,\"x\":\"";
            let mut written = stream.write_all(head.as_bytes());
            while written.is_ok() {
                written = stream.write_all(&[b'x'; 65_536]);
            }
        }
        Answer::Never => drop(stream.read(&mut chunk)),
    }
}

fn good(permissions: &str) -> String {
    format!(r#"{{"authenticate":true,"expirationSeconds":60,"userID":"ann","permissions":{permissions}}}"#)
}

fn log_in(server: &TestServer) -> Reply {
    let form = "appId=default&provider=my%20own&token=a%2Btoken&siteId=7";
    let request = server.request("POST", "/_ditto/auth/login").header("Origin", "https://app.example");
    request.header("Content-Type", "application/x-www-form-urlencoded").body(form).send()
}

fn set_hook(server: &TestServer, url: &str) -> Reply {
    let request = server.request("POST", "/admin/v1/apps/default/login-hook").key(server.credentials.admin_key());
    request.body(json!({ "url": url }).to_string()).send()
}

#[test]
fn whom_the_hook_knows_gets_a_token_that_counts_until_it_ends_or_is_revoked() {
    let (server, hook) = (TestServer::start(), Hook::start());
    assert_eq!(log_in(&server).status, 401, "the app has no hook");
    let set = set_hook(&server, &hook.url);
    let secret = serde_json::from_str::<Value>(&set.body).unwrap()["secret"].as_str().unwrap().to_owned();
    let admin = |method: &str, path: &str| {
        let path = format!("/admin/v1/apps/default/{path}");
        let reply = server.request(method, &path).key(server.credentials.admin_key()).send();
        serde_json::from_str::<Value>(&reply.body).unwrap()
    };
    assert_eq!(
        admin("GET", "login-hook"),
        json!({ "url": hook.url, "setMs": NOW_MS }),
        "its secret is not shown again"
    );
    hook.answers("200 OK", &good(ALL));
    let reply = log_in(&server);
    assert_eq!((reply.status, reply.header("access-control-allow-origin")), (200, Some("*")), "{}", reply.body);
    assert_eq!(reply.header("cross-origin-resource-policy"), None);
    let told: Value = serde_json::from_str(&reply.body).unwrap();
    let token = told["accessToken"].as_str().unwrap().to_owned();
    let expected = format!(
        r#"{{"result":"success","userId":"ann","accessToken":"{token}","accessExpiry":"2023-11-14T22:14:20Z","refreshToken":null,"audiences":["sync"]}}"#
    );
    assert_eq!(reply.body, expected);
    let asked = hook.asked.lock().unwrap().pop().unwrap();
    let (head, body) = asked.split_once("\r\n\r\n").unwrap();
    assert_eq!(body, r#"{"appID":"default","provider":"my own","token":"a+token"}"#);
    let signature = outbound::signature(&[&secret], NOW_MS / 1000, body.as_bytes());
    assert!(head.contains(&format!("ditto-signature: {signature}\r\n")), "{head}");

    // An open server knows whose it is, and so does a closed one; it opens its app and no administration.
    let write = |token: &str| {
        let request = server.request("POST", "/api/v4/store/write").key(token);
        let body = r#"{"commands":[{"method":"upsert","collection":"people","id":"1","value":{}}]}"#;
        request.body(body).send().status
    };
    assert_eq!(write(&token), 200);
    server.key("closes", &[("default", None, &[Permission::Read])]);
    assert_eq!((write(&token), write("hwt_x_y")), (200, 401));
    let other = server.request("POST", "/other/api/v4/store/find").key(&token).body(r#"{"collection":"a"}"#).send();
    assert_eq!(other.message(), r#"the key "ann" may not do anything in app "other""#);
    let administers = server.request("GET", "/admin/v1/apps/default/tokens").key(&token).send();
    assert_eq!(administers.status, 401);

    let listed = admin("GET", "tokens");
    let (count, first) = (&listed["count"], &listed["tokens"][0]);
    assert_eq!((count, &first["user"], &first["lastUsedMs"]), (&json!(1), &json!("ann"), &json!(NOW_MS)));
    assert_eq!((&first["provider"], &first["read"]["everything"]), (&json!("my own"), &json!(true)));
    let metrics = server.request("GET", "/metrics").key(server.credentials.admin_key()).send().body;
    assert!(metrics.contains("headwater_tokens{app=\"default\"} 1"), "{metrics}");
    assert!(metrics.contains("headwater_logins_total{outcome=\"success\"} 1"));

    let again = serde_json::from_str::<Value>(&log_in(&server).body).unwrap();
    let again = again["accessToken"].as_str().unwrap().to_owned();
    let id = again.split('_').nth(1).unwrap();
    assert_eq!(admin("DELETE", &format!("tokens/{id}")), json!({ "revoked": id }));
    assert_eq!((write(&again), write(&token)), (401, 200));
    server.clock.ahead_ms.store(60_000, SeqCst);
    assert_eq!(write(&token), 401, "it has ended");
    server.clock.ahead_ms.store(0, SeqCst);
    assert_eq!(admin("DELETE", "tokens?user=ann"), json!({ "revoked": 1 }));
    assert_eq!(admin("DELETE", "login-hook"), json!({ "deleted": "default" }));
    assert_eq!(log_in(&server).status, 401);
}

#[test]
fn a_hook_that_is_slow_lies_redirects_floods_or_closes_logs_nobody_in() {
    let (server, hook) = (TestServer::start(), Hook::start());
    for url in ["http://10.0.0.1/", "ftp://localhost/", "https://user:pass@example.com/"] {
        assert_eq!(set_hook(&server, url).status, 400, "{url}");
    }
    assert_eq!(set_hook(&server, &hook.url).status, 200);
    // Turns of the address come back with time.
    let pause = || std::thread::park_timeout(Duration::from_millis(110));
    let refused = |case: &str| {
        pause();
        let reply = log_in(&server);
        assert_eq!((reply.status, reply.message().as_str()), (401, "the login is refused"), "{case}");
    };
    let asked = || hook.asked.lock().unwrap().len();
    for (status, body) in [
        ("200 OK", r#"{"authenticate":false}"#),
        ("200 OK", "{"),
        ("200 OK", ""),
        ("200 OK", r#"{"userID":"ann"}"#),
        ("200 OK", &good(r#"{"read":{"everything":false,"queriesByCollection":{"a":["owner == 1"]}}}"#)),
        ("200 OK", &good(ALL).replace("60", "0")),
        ("200 OK", &good(ALL).replace("ann", "admin")),
        ("307 Temporary Redirect", &good(ALL)),
        ("500 Internal Server Error", &good(ALL)),
        ("403 Forbidden", ""),
    ] {
        hook.answers(status, body);
        let before = asked();
        refused(&format!("{status} {body}"));
        assert_eq!(asked(), before + 1, "no redirect is followed");
    }
    *hook.answer.lock().unwrap() = Answer::Bytes(String::new());
    refused("it closes");
    *hook.answer.lock().unwrap() = Answer::Bytes("SSH-2.0-x\r\n".to_owned());
    refused("it speaks no HTTP");
    *hook.answer.lock().unwrap() = Answer::Endless;
    refused("it floods");
    *hook.answer.lock().unwrap() = Answer::Never;
    let begun = std::time::Instant::now();
    refused("it never answers");
    assert!((4..8).contains(&begun.elapsed().as_secs()), "{:?}", begun.elapsed());
    // One that says longer than a day gets a day.
    hook.answers("200 OK", &good(ALL).replace("60", "1e12"));
    let told: Value = serde_json::from_str(&log_in(&server).body).unwrap();
    assert_eq!(told["accessExpiry"], "2023-11-15T22:13:20Z");
    assert_eq!(server.credentials.token_count("default"), 1);
}

#[test]
fn forms_are_bounded_and_attempts_are() {
    let server = TestServer::start();
    let post = |path: &str, body: &str| server.request("POST", path).body(body).send();
    let missing = post("/_ditto/auth/login", r#"{"appId":"default"}"#);
    assert_eq!((missing.status, missing.message().contains("provider is missing")), (400, true));
    assert_eq!(post("/default/_ditto/auth/login", "provider=a&token=b").status, 401, "below the app's path");
    assert_eq!(post("/_ditto/auth/login", &"x".repeat(65 * 1024)).status, 413);
    let statuses: Vec<u16> = (0..20).map(|_| log_in(&server).status).collect();
    assert!(statuses.contains(&429), "{statuses:?}");
    let late = log_in(&server);
    assert_eq!((late.status, late.header("retry-after")), (429, Some("1")));
    let preflight = server.request("OPTIONS", "/_ditto/auth/login").header("Origin", "https://app.example");
    let preflight = preflight.header("Access-Control-Request-Method", "POST").send_head();
    assert_eq!(preflight, 204, "a page of any site may ask");
}
