//! A server of transcripts: peers of any language connect to it over a WebSocket, and it says what the
//! transcript says.
//!
//! The app's name says which one: `FILE-CASE-ANYTHING` of `sync` (a case counts from 0), or
//! `merge-FILE-CASE-ORDER-ANYTHING`. `GET /APP/verdict` answers `passed`, or what did not go as it should.
//!
//! Invariants: one dialogue a connection, in their order; a peer that says something else is told `bye`
//! and gets no other connection.
//! Not here: what is said (`dialogue`, `transcripts`).

use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, anyhow, bail};
use tungstenite::handshake::server::{Request, Response};
use tungstenite::http::HeaderValue;
use tungstenite::{Message, WebSocket};

use crate::dialogue::{Act, Dialogue};
use crate::matching::Names;
use crate::notation::Json;
use crate::{frames, transcripts};

/// A server that listens, until the process ends.
#[derive(Clone)]
pub struct Server {
    address: SocketAddr,
    apps: Arc<Mutex<BTreeMap<String, App>>>,
}

/// How far a peer's transcript is.
struct App {
    dialogues: Vec<Json>,
    next: usize,
    /// What the connection before knew.
    names: Names,
    /// Dialogues that are over.
    over: usize,
    fault: Option<String>,
}

/// How long a peer may say nothing that is waited for.
const WAIT: Duration = Duration::from_secs(30);

/// How long a connection may take to end.
const GOODBYE_WAIT: Duration = Duration::from_secs(20);

impl Server {
    /// Listens; on any free port if it is 0.
    ///
    /// # Errors
    /// The port is somebody else's.
    pub fn start(port: u16) -> Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port))?;
        let server = Self { address: listener.local_addr()?, apps: Arc::default() };
        let accepting = server.clone();
        let accept = move || {
            for stream in listener.incoming().flatten() {
                let server = accepting.clone();
                thread::spawn(move || server.take(stream));
            }
        };
        thread::Builder::new().name("server".to_owned()).spawn(accept)?;
        Ok(server)
    }

    /// Where it is.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// What became of a transcript, once the peer has gone.
    pub(crate) fn verdict(&self, app: &str) -> Result<()> {
        let began = Instant::now();
        loop {
            let (over, all) = match self.apps().get(app) {
                None => (0, 1),
                Some(App { fault: Some(fault), .. }) => bail!("{fault}"),
                Some(App { dialogues, over, .. }) => (*over, dialogues.len()),
            };
            if over == all {
                return Ok(());
            }
            if began.elapsed() > GOODBYE_WAIT {
                bail!("{over} of {all} connections went as they should");
            }
            thread::sleep(Duration::from_millis(1)); // it hears of the end from another thread
        }
    }

    fn apps(&self) -> MutexGuard<'_, BTreeMap<String, App>> {
        self.apps.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn take(&self, mut stream: TcpStream) {
        let _ = stream.set_read_timeout(Some(WAIT));
        match verdict_asked(&stream) {
            Some(app) => {
                let verdict = self.verdict(&app).map_or_else(|fault| format!("{fault:#}"), |()| "passed".to_owned());
                let _ = answer(&mut stream, &verdict);
            }
            None => drop(self.session(stream)),
        }
    }

    fn session(&self, stream: TcpStream) -> Result<()> {
        let mut app = String::new();
        #[expect(clippy::result_large_err, reason = "tungstenite wants it so")]
        let upgrade = |request: &Request, mut response: Response| {
            app = request.uri().path().trim_end_matches("/sync/v1").trim_matches('/').to_owned();
            let protocol = HeaderValue::from_static("headwater.sync.1");
            response.headers_mut().insert("Sec-WebSocket-Protocol", protocol);
            Ok(response)
        };
        let mut socket = tungstenite::accept_hdr(stream, upgrade).map_err(|error| anyhow!("{error}"))?;
        let dialogue = self.begin(&app)?;
        let result = talk(&mut socket, dialogue);
        let mut apps = self.apps();
        let it = apps.get_mut(&app).context("it began")?;
        match result {
            Ok(names) => {
                it.names = names;
                it.over += 1;
            }
            Err(error) => {
                let fault = format!("connection {}: {error:#}", it.next);
                let bye = [Json::Number(13.into()), Json::text("protocol"), Json::text(&*fault), Json::Null];
                let _ = socket.send(Message::binary(frames::of_message(&Json::List(bye.into()))?));
                it.fault.get_or_insert(fault);
            }
        }
        drop(apps);
        let _ = socket.close(None);
        while socket.read().is_ok() {} // until the peer closes too
        Ok(())
    }

    /// The next dialogue with a peer.
    fn begin(&self, name: &str) -> Result<Dialogue> {
        let mut apps = self.apps();
        if !apps.contains_key(name) {
            let dialogues = transcripts::dialogues(name)?;
            let app = App { dialogues, next: 0, names: Names::default(), over: 0, fault: None };
            apps.insert(name.to_owned(), app);
        }
        let app = apps.get_mut(name).context("it was put there")?;
        if let Some(fault) = &app.fault {
            bail!("{fault}");
        }
        let dialogue = app.dialogues.get(app.next).context("one connection too many")?;
        app.next += 1;
        Ok(Dialogue::new(dialogue.elements(), std::mem::take(&mut app.names)))
    }
}

/// Until the dialogue is over and the peer has gone, or the server has cut it.
fn talk(socket: &mut WebSocket<TcpStream>, mut dialogue: Dialogue) -> Result<Names> {
    loop {
        for act in dialogue.acts(now_ms())? {
            match act {
                Act::Send(frame) => socket.send(Message::binary(frame))?,
                Act::Cut => {
                    socket.get_ref().shutdown(std::net::Shutdown::Both)?;
                    return dialogue.end();
                }
            }
        }
        match socket.read() {
            Ok(Message::Binary(frame)) => dialogue.got(&frame)?,
            Ok(Message::Ping(_) | Message::Pong(_)) => {}
            Ok(Message::Close(_)) => return dialogue.end(),
            Ok(_) => bail!("a text message"),
            Err(_) if dialogue.is_over() => return dialogue.end(),
            Err(error) => {
                dialogue.end()?;
                bail!("{error}");
            }
        }
    }
}

/// The app, if the request asks what became of it.
fn verdict_asked(stream: &TcpStream) -> Option<String> {
    let mut head = [0; 256];
    let length = stream.peek(&mut head).ok()?;
    let line = std::str::from_utf8(&head[..length]).ok()?.lines().next()?;
    let path = line.strip_prefix("GET ")?.split(' ').next()?;
    Some(path.strip_suffix("/verdict")?.trim_matches('/').to_owned())
}

fn answer(stream: &mut TcpStream, verdict: &str) -> Result<()> {
    let length = verdict.len();
    write!(
        stream,
        "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nAccess-Control-Allow-Origin: *\r\n\
         Content-Length: {length}\r\nConnection: close\r\n\r\n{verdict}"
    )?;
    stream.shutdown(std::net::Shutdown::Write)?;
    let mut rest = Vec::new();
    stream.take(1 << 16).read_to_end(&mut rest)?;
    Ok(())
}

#[expect(clippy::disallowed_methods, reason = "peers have the machine's clock")]
fn now_ms() -> u64 {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}
