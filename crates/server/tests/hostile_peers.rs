//! Peers that keep to no rule, at the real server: whatever one sends ends its own session at the
//! worst, what the server holds for it has a bound, and others are served meanwhile.

use std::{
    io::{Read as _, Write as _},
    net::Ipv4Addr,
    sync::atomic::{AtomicBool, Ordering},
    time::{Duration, Instant},
};

use document::SiteId;
use serde_json::json;
use sync_protocol::{Applied, ByeCode, Codec, Hello, Message, Rest, Seq, TxnId, encode_frame, limits};

use crate::support::{
    PATIENCE, TestServer,
    raw_peer::{RawPeer, UPGRADE, hello, push, read_head, sub, tcp, websocket},
    wait_until,
};

/// How long one write may take while peers are hostile, on a loaded machine.
const WRITE_WITHIN: Duration = Duration::from_secs(5);

/// Memory of the server's process, now and at most, in KiB (proc(5)).
fn memory_kib(server: &TestServer, name: &str) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{}/status", server.run["pid"])).unwrap();
    let line = status.lines().find(|line| line.starts_with(name)).unwrap();
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}

fn write(server: &TestServer, id: &str, value: &serde_json::Value) -> u64 {
    let command = json!({"method": "upsert", "collection": "people", "id": id, "value": value});
    let (status, reply) = server.post("/api/v4/store/write", &json!({ "commands": [command] }));
    assert_eq!(status, 200, "{reply}");
    reply["transactionId"].as_u64().or(reply["txnId"].as_u64()).unwrap_or(0)
}

fn name(server: &TestServer, id: &str) -> String {
    let found = server.get(&format!("/api/v4/store/findbyid?collection=people&id={id}"));
    found.1["fields"]["name"].as_str().unwrap_or_default().to_owned()
}

/// How many events there are: the newest one's transaction and the count are the same here.
fn newest(server: &TestServer) -> u64 {
    RawPeer::welcomed(server, hello(999_999, 0)).0.newest.0
}

/// That the server takes a write, and a peer that was there before is served.
#[track_caller]
fn check_others_are_served(server: &TestServer, good: &mut RawPeer, seq: &mut u64, wall_ms: u64) {
    let begun = Instant::now();
    write(server, "other", &json!({"name": "other"}));
    *seq += 1;
    good.send(push(*seq, 42, wall_ms, "good", "{\"name\":\"good\"}"));
    assert!(good.taken(*seq) > 0);
    assert!(begun.elapsed() < WRITE_WITHIN, "others wait {:?}", begun.elapsed());
}

#[test]
fn frames_that_break_the_rules_end_their_own_connection() {
    let server = TestServer::start();
    let (welcome, mut good) = RawPeer::welcomed(&server, hello(42, 1_000_000));
    let mut seq = 0;
    let said = |message: Message| encode_frame(&message, Codec::Plain).0;
    let hello_frame = said(hello(7, 0).into());
    let mut masked_twice = websocket(&hello_frame);
    masked_twice[1] &= 0x7f; // says that it is not masked
    let mut reserved = websocket(&hello_frame);
    reserved[0] |= 0x40;
    let mut text = websocket(&hello_frame);
    text[0] = 0x81;
    let too_large = Hello { sdk: "x".repeat(limits::HELLO_BYTES_MAX), ..hello(7, 0) };
    let broken: [(&str, Vec<u8>, Option<&str>); 10] = [
        ("a text", text, None),
        ("not masked", masked_twice, None),
        ("reserved bits", reserved, None),
        ("a ping in parts", vec![0x09, 0x80, 0, 0, 0, 0], None),
        ("a long ping", [&[0x89, 0xfe, 0, 126, 0, 0, 0, 0][..], &[0; 126]].concat(), None),
        ("a continuation of nothing", vec![0x80, 0x80, 0, 0, 0, 0], None),
        ("a length of 2^63", vec![0x82, 0xff, 0x80, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0], None),
        ("a hello of 64 KiB and more", websocket(&said(too_large.into())), None),
        ("garbage", (0..4000_u32).map(|n| (n.wrapping_mul(2_654_435_761) >> 13) as u8).collect(), None),
        ("no message", websocket(&[0, 0x81]), Some("protocol")),
    ];
    for (what, bytes, code) in broken {
        let mut peer = RawPeer::connect(&server);
        peer.send_raw(&bytes);
        assert_eq!(peer.end().as_deref(), code, "{what}");
    }
    check_others_are_served(&server, &mut good, &mut seq, welcome.wall_ms);

    // A frame may come in parts, one byte of TCP each time.
    let mut peer = RawPeer::connect(&server);
    let (first, rest) = hello_frame.split_at(10);
    for part in [(0x02, first), (0x00, &[][..]), (0x80, rest)] {
        let mut bytes = websocket(part.1);
        bytes[0] = part.0;
        for byte in bytes {
            assert!(peer.send_raw(&[byte]));
        }
    }
    assert!(matches!(peer.receive(), Some(Message::Welcome(_))));

    // More than a frame may hold is refused before it is there, whole or in parts.
    let before = memory_kib(&server, "VmRSS");
    for parts in [1_usize, 9] {
        let (_, mut peer) = RawPeer::welcomed(&server, hello(7, 0));
        let length = limits::FRAME_BYTES_MAX / parts + 1;
        for part in 0..parts {
            let head = [if part == 0 { 0x02 } else { 0 } | if part + 1 == parts { 0x80 } else { 0 }, 0xff];
            let head = [&head[..], &(length as u64).to_be_bytes(), &[0; 4]].concat();
            if !peer.send_raw(&head) || (parts > 1 && !peer.send_raw(&vec![0; length])) {
                break;
            }
        }
        peer.end();
    }
    let grown = memory_kib(&server, "VmHWM").saturating_sub(before);
    assert!(grown < 64 * 1024, "{grown} KiB");
    check_others_are_served(&server, &mut good, &mut seq, welcome.wall_ms);
}

#[test]
fn connections_that_say_nothing_are_few_and_go() {
    let server = TestServer::start();
    let begun = Instant::now();
    let mut silent: Vec<_> = (0..64).map(|_| RawPeer::connect(&server)).collect();
    let (head, _) = RawPeer::connect_from(&server, Ipv4Addr::LOCALHOST);
    assert!(head.starts_with("HTTP/1.1 503 "), "the 65th of one address: {head}");
    let (head, mut other) = RawPeer::connect_from(&server, Ipv4Addr::new(127, 0, 0, 9));
    assert!(head.starts_with("HTTP/1.1 101 "), "another address has room: {head}");
    other.send(hello(7, 0));
    assert!(matches!(other.receive(), Some(Message::Welcome(_))));
    for peer in &mut silent {
        assert_eq!(peer.end().as_deref(), Some("busy"));
    }
    let waited = begun.elapsed();
    assert!((Duration::from_secs(9)..Duration::from_secs(30)).contains(&waited), "{waited:?}");
    let mut late = RawPeer::connect(&server);
    late.send(hello(8, 0));
    assert!(matches!(late.receive(), Some(Message::Welcome(_))));
}

#[test]
fn what_is_forged_is_refused_and_its_owner_not_disturbed() {
    let server = TestServer::start();
    let key = |name: &str| server.run(&["key", "create", name]).stdout.trim().to_owned();
    let (ours, theirs) = (key("ours"), key("theirs"));
    let with = |site, key: &str, instance| Hello { token: Some(key.into()), instance, ..hello(site, 1000) };
    let (welcome, mut owner) = RawPeer::welcomed(&server, with(42, &ours, [1; 16]));
    let now = welcome.wall_ms;
    owner.send(push(1, 42, now, "a", "{\"name\":\"owner\"}"));
    let first = owner.taken(1);

    // Another key, the owner's site: whether the owner is there or not.
    let mut thief = RawPeer::connect(&server);
    thief.send(with(42, &theirs, [2; 16]));
    assert_eq!(thief.end().as_deref(), Some("site_reused"));
    // The owner's key from a copied store: the owner answers the server's ping, and goes on.
    let mut copy = RawPeer::connect(&server);
    copy.send(with(42, &ours, [3; 16]));
    let is_refused = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let owner = &mut owner;
        let listening = scope.spawn(|| owner.answer_pings(|| !is_refused.load(Ordering::Relaxed)));
        assert_eq!(copy.end().as_deref(), Some("site_reused"));
        is_refused.store(true, Ordering::Relaxed);
        assert!(listening.join().unwrap().is_none(), "nothing but pings comes");
    });
    owner.send(push(2, 42, now + 1, "a", "{\"name\":\"owner again\"}"));
    assert_eq!(owner.taken(2), first + 1);

    // Stamps of others, of the server, of nobody, and of 2099.
    let (_, mut peer) = RawPeer::welcomed(&server, with(7, &theirs, [4; 16]));
    for (seq, site) in [(1, 42), (2, 2), (3, u64::MAX - 1), (4, u64::MAX)] {
        if SiteId(site).is_valid_origin() {
            peer.send(push(seq, site, now, "a", "{\"name\":\"forged\"}"));
            assert_eq!(peer.refused(seq), "invalid", "site {site}");
        }
    }
    const IN_2099_MS: u64 = 4_070_908_800_000;
    peer.send(push(10, 7, IN_2099_MS, "a", "{\"name\":\"from 2099\"}"));
    assert_eq!(peer.refused(10), "skew");
    assert_eq!(name_with(&server, "a", &ours), "owner again");
    // The server's own clock is where it was: a later write by a clock that goes right wins.
    let body =
        json!({"commands": [{"method": "upsert", "collection": "people", "id": "a", "value": {"name": "http"}}]});
    assert_eq!(server.post_with_key("/api/v4/store/write", &body, Some(&ours)).0, 200);
    let wall_ms = RawPeer::welcomed(&server, with(8, &theirs, [5; 16])).0.wall_ms;
    assert!(wall_ms < now + 600_000, "the server's clock was dragged to {wall_ms}");
    owner.send(push(3, 42, wall_ms + 60_000, "a", "{\"name\":\"later\"}"));
    owner.taken(3);
    assert_eq!(name_with(&server, "a", &ours), "later");
}

fn name_with(server: &TestServer, id: &str, key: &str) -> String {
    let body = json!({"collection": "people", "id": id});
    let found = server.post_with_key("/api/v4/store/findbyid", &body, Some(key));
    found.1["fields"]["name"].as_str().unwrap_or_default().to_owned()
}

#[test]
fn a_sequence_that_is_sent_again_is_no_second_event() {
    let server = TestServer::start();
    let (welcome, mut peer) = RawPeer::welcomed(&server, hello(42, 1000));
    let now = welcome.wall_ms;
    let pushes: Vec<_> = (1..=40).map(|seq| push(seq, 42, now, &format!("d{seq}"), "{\"name\":\"x\"}")).collect();
    pushes.iter().for_each(|it| peer.send(it.clone()));
    let last = peer.taken(40);
    let before = newest(&server);
    for _ in 0..3 {
        drop(peer);
        let (welcome, again) = RawPeer::welcomed(&server, hello(42, 1000));
        assert_eq!(welcome.site_seq, Seq(40));
        peer = again;
        pushes.iter().for_each(|it| peer.send(it.clone()));
        assert_eq!(peer.taken(40), last);
    }
    assert_eq!(newest(&server), before, "nothing was written again");
    // In one session numbers only grow.
    peer.send(pushes[0].clone());
    assert_eq!(peer.end().as_deref(), Some("protocol"));
    // The same number with something else in it is another peer's.
    let (_, mut peer) = RawPeer::welcomed(&server, hello(42, 1000));
    peer.send(push(40, 42, now, "d40", "{\"name\":\"another\"}"));
    assert_eq!(peer.end().as_deref(), Some("site_reused"));
    // A store that is older than what the server knows of it.
    let mut peer = RawPeer::connect(&server);
    peer.send(hello(42, 39));
    assert_eq!(peer.end().as_deref(), Some("site_reused"));
    assert_eq!(newest(&server), before);
}

#[test]
fn floods_end_at_the_window_and_a_peer_that_never_reads_holds_nobody_up() {
    let server = TestServer::start();
    let (welcome, mut good) = RawPeer::welcomed(&server, hello(42, 1_000_000));
    let (now, mut seq) = (welcome.wall_ms, 0);
    let filler = "x".repeat(100_000);
    for n in 0..200 {
        write(&server, &format!("big{n}"), &json!({ "filler": filler }));
    }
    let before = memory_kib(&server, "VmRSS");
    // Pushes of 100 MB in all, without a look at what is answered.
    let (_, mut flood) = RawPeer::welcomed(&server, hello(7, 1_000_000));
    let json = format!("{{\"filler\":\"{filler}\"}}");
    let mut sent = 0;
    for seq in 1..=1_000 {
        let frame = encode_frame(&push(seq, 7, now, "flood", &json).into(), Codec::Plain).0;
        if !flood.send_raw(&websocket(&frame)) {
            break;
        }
        sent += 1;
    }
    println!("{sent} pushes of 100 KB went out");
    check_others_are_served(&server, &mut good, &mut seq, now);
    // A reset may have taken the bye away; that the session is over is what counts.
    assert!(flood.end().is_none_or(|code| code == "protocol"));

    // Fifty that want 20 MB each, and take nothing.
    let mut deaf: Vec<_> = (0..50).map(|n| RawPeer::welcomed(&server, hello(100 + n, 0)).1).collect();
    deaf.iter_mut().for_each(|peer| peer.send(sub(1, "true")));
    check_others_are_served(&server, &mut good, &mut seq, now);
    let (_, mut reader) = RawPeer::welcomed(&server, hello(300, 0));
    reader.send(sub(1, "true"));
    read_snapshot(&mut reader);
    check_others_are_served(&server, &mut good, &mut seq, now);
    let grown = memory_kib(&server, "VmHWM").saturating_sub(before);
    assert!(grown < 160 * 1024, "{grown} KiB for 50 peers that do not read and one that floods");
    drop(deaf);
}

/// Takes everything until the snapshot is done, and says so.
fn read_snapshot(peer: &mut RawPeer) {
    let mut bytes = 0;
    loop {
        let message = peer.receive().expect("the server has closed");
        let is_done = match &message {
            Message::Snapshot(page) => page.done,
            Message::Changes(_) => false,
            Message::Bye(bye) => panic!("{bye:?}"),
            _ => continue,
        };
        bytes += encode_frame(&message, Codec::Plain).1;
        peer.send(Applied { through: TxnId(0), bytes, rest: Rest::default() });
        if is_done {
            return;
        }
    }
}

#[test]
fn hostile_queries_and_thousands_of_subscriptions_are_refused_or_bounded() {
    let server = TestServer::start();
    for n in 0..200 {
        write(&server, &format!("d{n}"), &json!({ "name": "a".repeat(20_000), "n": n }));
    }
    let (welcome, mut good) = RawPeer::welcomed(&server, hello(42, 1_000_000));
    let (now, mut seq) = (welcome.wall_ms, 0);
    let before = memory_kib(&server, "VmRSS");
    let queries = [
        "regex(name, '(a|aa|aaa|a*)*(a+)+b$')".to_owned(),
        format!("regex(name, '{}')", "(a?){50}".repeat(100)),
        "regex(name, '((((((a{100}){100}){100}){100}){100}){100})')".to_owned(),
        "regex(name, '(?i)[\\p{L}\\p{N}]{1,500}[\\p{L}]{1,500}x')".to_owned(),
        format!("regex(name, '{}')", "(".repeat(30_000)),
        format!("{}n == 1{}", "(".repeat(30_000), ")".repeat(30_000)),
        format!("{}n == 1", "!".repeat(60_000)),
        format!("n == 1{}", " || n == 1".repeat(6_000)),
        format!("name == '{}'", "x".repeat(60_000)),
        format!("SELECT * FROM people WHERE n IN [{}1]", "1,".repeat(20_000)),
        "SELECT * FROM people WHERE name LIKE '%a%a%a%a%a%a%a%a%a%a%a%a%a%a%b'".to_owned(),
        "SELECT * FROM people WHERE ANY i IN split(name, '') SATISFIES repeat(i, 1000000) = 'x' END".to_owned(),
        "SELECT * FROM people p JOIN people q ON p.n = q.n".to_owned(),
        "SELECT COUNT(*) FROM people".to_owned(),
        "SELECT * FROM people LIMIT 3".to_owned(),
    ];
    let mut refused = 0;
    for query in &queries {
        let (_, mut peer) = RawPeer::welcomed(&server, hello(7, 0));
        peer.send(sub(1, query));
        // Refused, or a snapshot.
        let is_refused = peer.until(|message| match message {
            Message::Resync(resync) => Some(resync.reason.as_str() == "refused"),
            Message::Snapshot(_) => Some(false),
            Message::Bye(bye) => panic!("{}: {bye:?}", &query[..50.min(query.len())]),
            _ => None,
        });
        refused += u32::from(is_refused);
        check_others_are_served(&server, &mut good, &mut seq, now);
    }
    assert!(refused >= 5, "only {refused} were refused");

    let (_, mut many) = RawPeer::welcomed(&server, hello(8, 0));
    for number in 1..=10_000 {
        let frame = encode_frame(&sub(number, "regex(name, 'b+')").into(), Codec::Plain).0;
        if !many.send_raw(&websocket(&frame)) {
            break;
        }
    }
    assert!(many.end().is_none_or(|code| code == "protocol"));
    // As many as are allowed, of which none matches, while documents change.
    let (_, mut many) = RawPeer::welcomed(&server, hello(9, 0));
    for number in 1..=limits::SUBSCRIPTIONS_MAX as u64 {
        many.send(sub(number, &format!("regex(name, '^b{number}$')")));
    }
    check_others_are_served(&server, &mut good, &mut seq, now);
    let grown = memory_kib(&server, "VmHWM").saturating_sub(before);
    assert!(grown < 256 * 1024, "{grown} KiB");
}

/// What a power cut of a whole town brings: all come at once, from many addresses.
#[test]
fn hundreds_of_reconnects_at_once_are_let_in_and_hold_nobody_up() {
    const PEERS: u64 = 600;
    let server = TestServer::start();
    write(&server, "d", &json!({"name": "x"}));
    let before = memory_kib(&server, "VmRSS");
    let begun = Instant::now();
    let mut streams: Vec<_> = (0..PEERS)
        .map(|n| {
            let mut stream = tcp(&server, Ipv4Addr::new(127, 0, 1, 1 + (n / 40) as u8));
            stream.write_all(UPGRADE.as_bytes()).unwrap();
            let hello = Hello { subs: vec![sub(1, "true").subscription], ..hello(1_000 + n, 0) };
            stream.write_all(&websocket(&encode_frame(&hello.into(), Codec::Plain).0)).unwrap();
            stream
        })
        .collect();
    let asked = Instant::now();
    write(&server, "while", &json!({"name": "they come"}));
    let write_took = asked.elapsed();
    assert!(write_took < WRITE_WITHIN, "a write takes {write_took:?}");
    let let_in = streams.iter_mut().filter_map(|stream| read_head(stream).starts_with("HTTP/1.1 101 ").then_some(()));
    assert_eq!(let_in.count() as u64, PEERS);
    wait_until("all are in session", || sessions(&server) == PEERS);
    let took = begun.elapsed();
    let grown = memory_kib(&server, "VmHWM").saturating_sub(before);
    let held = memory_kib(&server, "VmRSS").saturating_sub(before);
    println!("{PEERS} peers in {took:?}, {grown} KiB at most, {held} KiB then, a write meanwhile {write_took:?}");
    assert!(grown < PEERS * 96 + 32 * 1024, "{grown} KiB for {PEERS} peers");
    assert!(took < PATIENCE, "{took:?}");
    drop(streams);
    wait_until("all are gone", || sessions(&server) == 0);
}

fn sessions(server: &TestServer) -> u64 {
    let (_, metrics) = server.get("/metrics");
    let text = metrics.as_str().unwrap().to_owned();
    let line = text.lines().find_map(|line| line.strip_prefix("headwater_sync_sessions "));
    line.unwrap().parse().unwrap()
}

/// A connection that ends in the middle of anything, thousands of bytes or none.
#[test]
fn connections_that_break_off_leave_nothing() {
    let server = TestServer::start();
    let all_of = |site| {
        let pushed = push(1, site, 1_700_000_000_000, "a", "{\"name\":\"x\"}");
        [
            UPGRADE.as_bytes().to_vec(),
            websocket(&encode_frame(&hello(site, 5).into(), Codec::Plain).0),
            websocket(&encode_frame(&pushed.into(), Codec::Plain).0),
        ]
        .concat()
    };
    // Of another site than the whole one: a site's newest session ends those before it, and the server may get to
    // one that broke off last of all.
    let cut = all_of(8);
    for end in (0..cut.len()).step_by(7) {
        let mut stream = tcp(&server, Ipv4Addr::LOCALHOST);
        stream.write_all(&cut[..end]).unwrap();
        drop(stream);
    }
    let whole = all_of(7);
    let mut stream = tcp(&server, Ipv4Addr::LOCALHOST);
    stream.write_all(&whole).unwrap();
    let mut answer = [0; 64];
    stream.read_exact(&mut answer).unwrap();
    wait_until("the push is an event", || name(&server, "a") == "x");
    drop(stream);
    wait_until("no session is left", || sessions(&server) == 0);
    let mut peer = RawPeer::welcomed(&server, hello(7, 5)).1;
    assert_eq!(server.terminate().code(), Some(0));
    assert_eq!(peer.end().as_deref(), Some(ByeCode::Draining.as_str()));
}
