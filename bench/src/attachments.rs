//! Attachments over HTTP: bytes a second up and down, beside what the disk does alone with the same bytes, by turns;
//! and what a hundred transfers at once take of the server's memory.
//!
//! Every file is another one: its first bytes are a number. Each round has a key of its own, since a key may only have
//! so much that no document holds.

use std::{
    fs::File,
    io::{Read as _, Write as _},
    net::{SocketAddr, TcpStream},
    path::Path,
    sync::atomic::{AtomicU64, AtomicUsize, Ordering},
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail, ensure};
use clap::Args;
use serde_json::Value;

use crate::{
    Place,
    machine::{self, Noise},
    report::{Goal, Report},
    restricted::key,
    server::Server,
};

/// What the disk alone is measured with, and what a client reads at once.
const PIECE_BYTES: usize = 1 << 20;

/// Uploads of one key: together less than a key may have.
const UPLOADS_OF_KEY: usize = 25;

/// What the rates should reach, if the disk does more.
const RATE_GOAL: f64 = 500.0;

#[derive(Args)]
pub(crate) struct Options {
    /// Length of a file, where bytes a second are measured.
    #[arg(long, default_value_t = 64)]
    mib: usize,
    /// How often that is done.
    #[arg(long, default_value_t = 7)]
    rounds: usize,
    /// Connections that do so at once, beside one alone.
    #[arg(long, default_value_t = 4)]
    connections: usize,
    /// Transfers at once, where memory is measured.
    #[arg(long, default_value_t = 100)]
    transfers: usize,
    /// Length of a file there.
    #[arg(long, default_value_t = 16)]
    transfer_mib: usize,
    #[command(flatten)]
    place: Place,
}

/// How long transfers wait for each other.
const GATHERING_TIME_MAX: Duration = Duration::from_secs(25);

/// Where transfers wait in their middle until all of them are there.
struct Gathering {
    count: usize,
    arrived: AtomicUsize,
}

/// What files are made of.
struct Content {
    bytes: Vec<u8>,
    next: AtomicU64,
}

pub(crate) fn run(options: &Options) -> Result<()> {
    let longest = options.mib.max(options.transfer_mib) << 20;
    let mut place = options.place.clone();
    place.serve.push(format!("--max-attachment-bytes={longest}"));
    let server = Server::start(&place)?;
    let folder = tempfile::tempdir_in(&options.place.dir)?;
    let mut content = Content { bytes: vec![0; longest], next: AtomicU64::new(0) };
    rand::fill(&mut content.bytes[..]);
    let disk = machine::file_system(folder.path());
    let mut report = Report::new(format!("attachments: files of {} MiB over HTTP, {disk}", options.mib));
    let noise = Noise::begin();
    memory(&server, &content, options, &mut report)?;
    for connections in [1, options.connections] {
        rates(&server, &content, folder.path(), options, connections, &mut report)?;
    }
    report.publish(&noise.end())
}

fn new_key(server: &Server) -> Result<String> {
    static NEXT: AtomicU64 = AtomicU64::new(0);
    let admin = std::fs::read_to_string(server.data_dir().join("admin.key"))?;
    key(server, &admin, &format!("uploads-{}", NEXT.fetch_add(1, Ordering::Relaxed)), Value::Null)
}

fn memory(server: &Server, content: &Content, options: &Options, report: &mut Report) -> Result<()> {
    let count = options.transfers;
    eprintln!("    {count} transfers at once");
    let keys = (0..count.div_ceil(UPLOADS_OF_KEY)).map(|_| new_key(server)).collect::<Result<Vec<_>>>()?;
    let len = options.transfer_mib << 20;
    // What the first transfer makes is there for all.
    let first = Client::open(server.http(), &keys[0])?.upload(content, len, None)?;
    Client::open(server.http(), &keys[0])?.fetch(&first, None)?;
    let idle = machine::memory(server.pid())?.resident_mib;
    report.figure("resident, idle", idle, "MiB");
    machine::begin_peak(server.pid())?;
    let others = Gathering::of(count);
    let one = |n: usize| Client::open(server.http(), &keys[n / UPLOADS_OF_KEY])?.upload(content, len, Some(&others));
    let (ids, took) = at_once(count, one)?;
    let each = |peak: f64| (peak - idle).max(0.0) / count as f64;
    let mib = (count * options.transfer_mib) as f64;
    report.goal(
        format!("{count} uploads of {} MiB at once: memory of each", options.transfer_mib),
        each(machine::peak_mib(server.pid())?),
        "MiB",
        Goal::AtMost(16.0),
    );
    report.figure("… together", mib * 1.048_576 / took.as_secs_f64(), "MB/s");
    machine::begin_peak(server.pid())?;
    let others = Gathering::of(count);
    let one = |n: usize| Client::open(server.http(), &keys[n / UPLOADS_OF_KEY])?.fetch(&ids[n], Some(&others));
    let (_, took) = at_once(count, one)?;
    let peak = each(machine::peak_mib(server.pid())?);
    report.goal(format!("{count} fetches of them at once: memory of each"), peak, "MiB", Goal::AtMost(16.0));
    report.figure("… together", mib * 1.048_576 / took.as_secs_f64(), "MB/s");
    Ok(())
}

impl Gathering {
    fn of(count: usize) -> Self {
        Self { count, arrived: AtomicUsize::new(0) }
    }

    /// Until all are there; an error if one of them does not come.
    fn wait(&self) -> Result<()> {
        self.arrived.fetch_add(1, Ordering::AcqRel);
        let began = Instant::now();
        while self.arrived.load(Ordering::Acquire) < self.count {
            ensure!(began.elapsed() < GATHERING_TIME_MAX, "the transfers are not all under way");
            thread::sleep(Duration::from_millis(1));
        }
        Ok(())
    }
}

/// Bytes a second in MB/s, of each round.
#[derive(Default)]
struct Rates {
    disk_write: Vec<f64>,
    upload: Vec<f64>,
    disk_read: Vec<f64>,
    fetch: Vec<f64>,
}

fn rates(
    server: &Server,
    content: &Content,
    folder: &Path,
    options: &Options,
    connections: usize,
    report: &mut Report,
) -> Result<()> {
    eprintln!("    {connections} at once, {} rounds", options.rounds);
    let len = options.mib << 20;
    let mut rates = Rates::default();
    let rate = |took: Duration| (connections * len) as f64 / took.as_secs_f64() / 1e6;
    let cpu_before = machine::cpu_seconds(server.pid());
    let mut moved = 0;
    for _ in 0..options.rounds {
        let key = new_key(server)?;
        let path = |n: usize| folder.join(format!("disk-{n}"));
        let (_, took) = at_once(connections, |n| write(&path(n), content, len))?;
        rates.disk_write.push(rate(took));
        let clients =
            || (0..connections).map(|_| Ok(Some(Client::open(server.http(), &key)?))).collect::<Result<Vec<_>>>();
        let (ids, took) = with_clients(clients()?, |client, _| client.upload(content, len, None))?;
        rates.upload.push(rate(took));
        let (_, took) = at_once(connections, |n| read(&path(n)))?;
        rates.disk_read.push(rate(took));
        let (_, took) = with_clients(clients()?, |client, n| client.fetch(&ids[n], None))?;
        rates.fetch.push(rate(took));
        (0..connections).try_for_each(|n| std::fs::remove_file(path(n)))?;
        moved += 2 * connections * len;
    }
    let cpu = machine::cpu_seconds(server.pid()) - cpu_before;
    let named = |what: &str| if connections == 1 { what.to_owned() } else { format!("{what}, {connections} at once") };
    let (disk, up) = (median(rates.disk_write), median(rates.upload));
    report.figure(named("the disk alone: written and synced"), disk, "MB/s");
    report.goal(named("upload"), up, "MB/s", Goal::AtLeast(RATE_GOAL.min(disk)));
    let (disk, down) = (median(rates.disk_read), median(rates.fetch));
    report.figure(named("the file alone: read"), disk, "MB/s");
    report.goal(named("fetch"), down, "MB/s", Goal::AtLeast(RATE_GOAL.min(disk)));
    report.figure(named("server CPU for a GB, up and down"), cpu / (moved as f64 / 1e9), "s");
    Ok(())
}

fn median(mut rates: Vec<f64>) -> f64 {
    rates.sort_by(f64::total_cmp);
    rates.get(rates.len() / 2).copied().unwrap_or(f64::NAN)
}

/// Does so often the same at once, each on a thread; what came of it, and how long it took.
fn at_once<T: Send>(count: usize, one: impl Fn(usize) -> Result<T> + Sync) -> Result<(Vec<T>, Duration)> {
    let began = Instant::now();
    let done = thread::scope(|scope| {
        let one = &one;
        let all: Vec<_> = (0..count).map(|n| scope.spawn(move || one(n))).collect();
        all.into_iter().map(|it| it.join().map_err(|_| anyhow::anyhow!("a client panicked"))?).collect::<Result<_>>()
    })?;
    Ok((done, began.elapsed()))
}

/// The same with connections that are open before.
fn with_clients<T: Send>(
    clients: Vec<Option<Client>>,
    one: impl Fn(&mut Client, usize) -> Result<T> + Sync,
) -> Result<(Vec<T>, Duration)> {
    let count = clients.len();
    let clients = std::sync::Mutex::new(clients);
    at_once(count, |n| {
        let client = clients.lock().map_err(|_| anyhow::anyhow!("a client panicked"))?[n].take();
        one(&mut client.context("each is used once")?, n)
    })
}

fn write(path: &Path, content: &Content, len: usize) -> Result<()> {
    let mut file = File::create(path)?;
    for piece in content.bytes[..len].chunks(PIECE_BYTES) {
        file.write_all(piece)?;
    }
    Ok(file.sync_all()?)
}

fn read(path: &Path) -> Result<()> {
    let (mut file, mut piece) = (File::open(path)?, vec![0; PIECE_BYTES]);
    while file.read(&mut piece)? > 0 {}
    Ok(())
}

/// A kept-alive connection that moves files.
struct Client {
    stream: TcpStream,
    key: String,
}

impl Client {
    fn open(address: SocketAddr, key: &str) -> Result<Self> {
        let stream = TcpStream::connect(address).context("cannot connect to the server")?;
        stream.set_nodelay(true)?;
        Ok(Self { stream, key: key.to_owned() })
    }

    /// Uploads a file that there was not before; its id. In the middle it waits for the others.
    fn upload(&mut self, content: &Content, len: usize, others: Option<&Gathering>) -> Result<String> {
        const BEGIN: &str = "--b\r\nContent-Disposition: form-data; name=\"file\"\r\n\r\n";
        const END: &str = "\r\n--b--\r\n";
        let number = content.next.fetch_add(1, Ordering::Relaxed).to_be_bytes();
        let form_len = BEGIN.len() + len + END.len();
        write!(
            self.stream,
            "POST /api/v4/attachments/upload HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {}\r\n\
             Content-Type: multipart/form-data; boundary=b\r\nContent-Length: {form_len}\r\n\r\n{BEGIN}",
            self.key
        )?;
        self.stream.write_all(&number)?;
        let (first, second) = content.bytes[number.len()..len].split_at(len / 2);
        self.stream.write_all(first)?;
        if let Some(others) = others {
            others.wait()?;
        }
        self.stream.write_all(second)?;
        self.stream.write_all(END.as_bytes())?;
        let (body_len, mut body) = self.head()?;
        while body.len() < body_len {
            self.more(&mut body)?;
        }
        let stored: Value = serde_json::from_slice(&body)?;
        ensure!(stored["len"] == len, "the server kept {stored}");
        Ok(stored["id"].as_str().context("the reply has no id")?.to_owned())
    }

    /// Fetches a file, and forgets it.
    fn fetch(&mut self, id: &str, others: Option<&Gathering>) -> Result<()> {
        let head = "HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer";
        write!(self.stream, "GET /api/v4/attachments/{id} {head} {}\r\n\r\n", self.key)?;
        let (body_len, begun) = self.head()?;
        if let Some(others) = others {
            others.wait()?;
        }
        let (mut left, mut piece) = (body_len - begun.len(), vec![0; PIECE_BYTES]);
        while left > 0 {
            match self.stream.read(&mut piece)? {
                0 => bail!("the server closed the connection"),
                more => left = left.checked_sub(more).context("the reply is too long")?,
            }
        }
        Ok(())
    }

    /// The length of the reply's body, and what of it has come.
    fn head(&mut self) -> Result<(usize, Vec<u8>)> {
        let mut reply = Vec::new();
        let end = loop {
            self.more(&mut reply)?;
            if let Some(at) = reply.windows(4).position(|it| it == b"\r\n\r\n") {
                break at;
            }
        };
        let head = String::from_utf8_lossy(&reply[..end]).to_ascii_lowercase();
        ensure!(head.starts_with("http/1.1 200 "), "the server answered {}", String::from_utf8_lossy(&reply));
        let length = head.lines().find_map(|line| line.strip_prefix("content-length:"));
        let length = length.context("the reply has no length")?.trim().parse()?;
        Ok((length, reply.split_off(end + 4)))
    }

    fn more(&mut self, reply: &mut Vec<u8>) -> Result<()> {
        let mut piece = [0; 4096];
        match self.stream.read(&mut piece)? {
            0 => bail!("the server closed the connection; it said {}", String::from_utf8_lossy(reply)),
            more => reply.extend_from_slice(&piece[..more]),
        }
        Ok(())
    }
}
