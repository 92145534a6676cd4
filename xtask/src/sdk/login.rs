//! One test for all languages: each logs in through an app's login hook, is refused, writes, and logs in again when the
//! token ends.
//!
//! Invariant: the server takes nothing without a login, so what it has is what they wrote with theirs.
//! Not here: the programs, which are examples of each SDK; what a login is refused for (`crates/http-api`).

use std::{
    io::{BufRead as _, BufReader, Read as _, Write as _},
    net::{Ipv4Addr, TcpListener, TcpStream},
    path::Path,
    process::Stdio,
    sync::mpsc::Receiver,
    thread,
    time::Instant,
};

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};

use super::{
    languages::Ran,
    page::{Killed, PATIENCE, lines},
};
use crate::{build, compat::Server, step};

/// By which the programs log in.
const PROVIDER: &str = "own";

/// A token that the hook knows nobody by.
const NOBODY: &str = "nobody";

/// How long a login counts: an SDK asks for the next one when half of it is over.
const LOGIN_SECONDS: u64 = 3;

/// Bytes of a request to the hook.
const REQUEST_BYTES_MAX: u64 = 64 * 1024;

pub(super) fn test(root: &Path, ran: &mut [(&str, Ran)]) -> Result<()> {
    build::package(root, "the server", "server")?;
    step::say("a login through an app's hook in all languages");
    let began = Instant::now();
    let folders = tempfile::tempdir().context("cannot make a folder")?;
    let server = Server::start(root)?;
    server.output(&["login-hook", "set", "default", "--url", &start_hook()?], "")?;
    server.output(&["key", "create", "closes-the-server"], "")?;
    let url = server.http()?;
    let mut running = Vec::new();
    // One begins after another: an address may try ten logins a second. Then all wait for their tokens' ends at once.
    for (number, (name, ran)) in ran.iter_mut().enumerate() {
        let login = ran.login.arg(folders.path().join(number.to_string())).args([&url, PROVIDER, NOBODY, &user(name)]);
        let login = login.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn();
        let mut program = Killed(login.with_context(|| format!("the login in {name} cannot be run"))?);
        let lines = lines(&mut program.0)?;
        let id = log_in(&lines).with_context(|| format!("a login in {name}"))?;
        running.push((*name, program, lines, id));
    }
    for (name, _program, lines, _id) in &running {
        // The second one is asked for when the first of these ends.
        for _ in 0..2 {
            expect(lines, "again: logged in").with_context(|| format!("another login in {name}"))?;
        }
    }
    check_events(&server, running.iter().map(|(name, .., id)| (*name, &**id)))?;
    eprintln!("    {} languages: done in {:.1} s", ran.len(), began.elapsed().as_secs_f32());
    Ok(())
}

/// The user of a language, who is their token too.
fn user(language: &str) -> String {
    language.replace(|letter: char| !letter.is_ascii_alphanumeric(), "-")
}

/// What a program begins with: the id that it wrote.
fn log_in(lines: &Receiver<String>) -> Result<String> {
    expect(lines, "rejected")?;
    expect(lines, "logged in")?;
    let id = lines.recv_timeout(PATIENCE).context("it prints no id")?;
    ensure!(!id.is_empty() && !id.contains(['"', '{', ' ', ':']), "{id:?} is no id");
    Ok(id)
}

fn expect(lines: &Receiver<String>, wanted: &str) -> Result<()> {
    let line = lines.recv_timeout(PATIENCE).with_context(|| format!("it does not print {wanted:?}"))?;
    ensure!(line == wanted, "it prints {line:?}, and not {wanted:?}");
    Ok(())
}

/// The server has what each of them wrote.
fn check_events<'a>(server: &Server, written: impl ExactSizeIterator<Item = (&'a str, &'a str)>) -> Result<()> {
    let count = written.len().to_string();
    let events = server.output(&["events", "--from-beginning", "--max", &count], "")?;
    for (name, id) in written {
        let is_there = events.lines().any(|event| event.contains(&format!(r#""_id":"{id}""#)));
        ensure!(is_there, "the server does not have what was written in {name}: {events}");
    }
    Ok(())
}

/// An app's login hook, which ends with this process: where it is.
fn start_hook() -> Result<String> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).context("cannot listen as a login hook")?;
    let url = format!("http://{}/", listener.local_addr()?);
    thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            // Whoever asks too long is not answered, which the server says in its log.
            let _ = stream.set_read_timeout(Some(PATIENCE)).is_ok() && answer(stream).is_some();
        }
    });
    Ok(url)
}

/// `None` for what is no request of the server's.
fn answer(mut stream: TcpStream) -> Option<()> {
    let mut request = BufReader::new(stream.try_clone().ok()?.take(REQUEST_BYTES_MAX));
    let mut length = 0;
    loop {
        let mut line = String::new();
        request.read_line(&mut line).ok()?;
        let line = line.trim();
        if let Some(value) = line.to_ascii_lowercase().strip_prefix("content-length:") {
            length = value.trim().parse().ok()?;
        }
        if line.is_empty() {
            break;
        }
    }
    let mut body = vec![0; length];
    request.read_exact(&mut body).ok()?;
    let said = said(&serde_json::from_slice(&body).ok()?).to_string();
    let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\nConnection: close\r\n\r\n", said.len());
    stream.write_all(format!("{head}{said}").as_bytes()).ok()
}

/// Lets in whoever is named by their token.
fn said(asked: &Value) -> Value {
    let user = asked["token"].as_str().filter(|token| *token != NOBODY && asked["provider"] == PROVIDER);
    match user {
        None => json!({"authenticate": false}),
        Some(user) => {
            let all = json!({"everything": true, "queriesByCollection": {}});
            json!({"authenticate": true, "userID": user, "expirationSeconds": LOGIN_SECONDS,
                "permissions": {"read": all, "write": all}})
        }
    }
}
