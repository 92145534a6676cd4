//! A history as data: what happens, step by step.
//!
//! Invariant: a step says by itself what it does, so a history from which steps were taken out does
//! with the others what it did before, as far as that can be.

use std::fmt;

use crate::random::Random;

/// Peers that a history begins with.
pub const PEERS: usize = 3;

/// Copies of a peer's directory that a history may make.
pub(crate) const COPIES_MAX: usize = 2;

/// Documents that everybody writes.
pub(crate) const DOCUMENTS: u64 = 5;

/// A bit for each of them.
pub(crate) const ALL_DOCUMENTS: u8 = (1 << DOCUMENTS) - 1;

/// What histories of a kind do beyond what all do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Kind {
    /// Keys are needed, and their rights change.
    pub rights: bool,
    /// The server is set back to an earlier copy.
    pub restores: bool,
    /// A peer's directory is copied, and both copies write.
    pub copies: bool,
    /// Peers tell the app of a write before it is durable.
    pub relaxed: bool,
    /// Clocks of peers are years off.
    pub clocks: bool,
    /// Very large documents are written.
    pub large: bool,
}

/// What a local transaction does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WriteKind {
    /// Only its mark.
    Mark,
    /// Fields of a document, and its mark.
    Upsert,
    /// Commands on a document, without a mark.
    Update,
    /// A document is removed.
    Remove,
    /// Two documents that are only ever written together.
    Pair,
    /// The counter goes up.
    Increment,
    /// A statement over several documents.
    Statement,
    /// A collection that not everybody may read.
    Secret,
    /// A collection that nobody may write, if rights are looked at.
    Locked,
    /// Initial documents.
    Initial,
    /// More than a document may be.
    Large,
    /// A collection of the system's, which is refused: no history has it, the simulation's own
    /// test does.
    System,
}

/// Where the server's next operations fail.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Failure {
    /// It is killed before its `n`th operation on a file of the journal.
    File(u64),
    /// A write to a file is torn.
    Torn(u64),
    /// The disk is full for one operation.
    Full(u64),
    /// An operation fails.
    Io(u64),
    /// It is killed after its `n`th batch of documents.
    Batch(u64),
}

/// What a peer that means harm does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Harm {
    /// Pushes writes that bear another site's stamps.
    ForeignStamps,
    /// Pushes writes that bear the server's stamps.
    ServerStamps,
    /// Pushes writes of the next century.
    FutureStamps,
    /// Says that it is a peer that is connected.
    StolenSite,
    /// Sends bytes that are no frame.
    Noise,
    /// Pushes on without reading an answer.
    NeverReads,
    /// Reads all that it can get, and never says that it stored it.
    NeverApplies,
}

/// One step.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(missing_docs, reason = "their names and Display say it")]
pub enum Step {
    Write {
        peer: usize,
        kind: WriteKind,
        document: u64,
        number: i64,
    },
    Persist {
        peer: usize,
    },
    Evict {
        peer: usize,
        document: u64,
    },
    Subscribe {
        peer: usize,
        query: usize,
    },
    Unsubscribe {
        peer: usize,
        query: usize,
    },
    /// Frames go to the server, then to the peer.
    Move {
        peer: usize,
        up: usize,
        down: usize,
    },
    /// The connection ends. So many frames of what the peer sent arrive before.
    Cut {
        peer: usize,
        arrive: usize,
        is_noticed: bool,
    },
    Stop {
        peer: usize,
    },
    KillPeer {
        peer: usize,
        power: bool,
    },
    /// After so many batches the peer's disk is full, or it is killed.
    PlanPeer {
        peer: usize,
        batches: u32,
        kills: bool,
    },
    Copy {
        peer: usize,
    },
    Clock {
        peer: usize,
        offset_ms: i64,
    },
    Http {
        kind: WriteKind,
        document: u64,
        number: i64,
    },
    KillServer {
        power: bool,
    },
    PlanServer {
        failure: Failure,
        power: bool,
    },
    Trim,
    Backup,
    Restore,
    Rights {
        peer: usize,
        may_read: bool,
        is_new_key: bool,
    },
    /// The key of a peer has a permission document: of the documents that everybody writes, those of these bits.
    Permit {
        peer: usize,
        documents: u8,
        is_new_key: bool,
    },
    Harm(Harm),
    Wait {
        ms: u64,
    },
}

/// A history: which kind it is, and its steps.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct History {
    /// What chance in it follows.
    pub seed: u64,
    /// What it does beyond what all do.
    pub kind: Kind,
    /// How many steps it had before any was taken out.
    pub steps: Vec<Step>,
}

const STEPS: usize = 400;
const YEAR_MS: u64 = 365 * 24 * 3_600_000;

impl History {
    /// The history of a seed.
    pub fn of(seed: u64) -> Self {
        let mut random = Random(seed.wrapping_mul(0x5851_f42d_4c95_7f2d));
        let kind = Kind {
            rights: seed % 4 == 1,
            restores: seed % 4 == 2,
            copies: seed % 4 == 3,
            relaxed: random.once_in(3),
            clocks: random.once_in(2),
            large: random.once_in(40),
        };
        let mut peers = PEERS;
        let steps = (0..STEPS).map(|_| step(&mut random, kind, &mut peers)).collect();
        Self { seed, kind, steps }
    }
}

fn step(random: &mut Random, kind: Kind, peers: &mut usize) -> Step {
    let peer = random.index(*peers);
    let (document, number) = (random.below(DOCUMENTS), i64::try_from(random.below(4)).expect("it is small"));
    match random.below(100) {
        0..25 => Step::Write { peer, kind: write(random, kind), document, number },
        25..32 => Step::Http { kind: http_write(random), document, number },
        32..37 => Step::Cut { peer, arrive: random.index(4), is_noticed: random.once_in(2) },
        37..39 => Step::KillPeer { peer, power: random.once_in(2) },
        39..42 => {
            Step::PlanPeer { peer, batches: u32::try_from(random.below(8)).unwrap_or(0), kills: random.once_in(2) }
        }
        42..43 => Step::KillServer { power: random.once_in(2) },
        43..46 => Step::PlanServer { failure: failure(random), power: random.once_in(2) },
        46..48 => Step::Trim,
        48..50 => Step::Evict { peer, document },
        50..51 => Step::Subscribe { peer, query: random.index(QUERIES.len()) },
        51..52 => Step::Unsubscribe { peer, query: random.index(QUERIES.len()) },
        52..54 => Step::Persist { peer },
        54 if kind.rights => Step::Rights { peer, may_read: random.once_in(2), is_new_key: random.once_in(5) },
        55 if kind.rights => Step::Permit { peer, documents: documents(random), is_new_key: random.once_in(5) },
        54 if kind.restores => Step::Backup,
        55 if kind.restores && random.once_in(2) => Step::Restore,
        54 if kind.copies && *peers < PEERS + COPIES_MAX => {
            *peers += 1;
            Step::Copy { peer: peer.min(PEERS - 1) }
        }
        56 if kind.clocks => Step::Clock { peer, offset_ms: offset(random) },
        57..59 => Step::Harm(harm(random)),
        59..61 => Step::Wait { ms: [1_000, 5_000, 31_000, 95_000][random.index(4)] },
        61 if random.once_in(3) => Step::Stop { peer },
        _ => Step::Move { peer, up: random.index(6), down: random.index(6) },
    }
}

/// All of them more often than any others.
fn documents(random: &mut Random) -> u8 {
    if random.once_in(4) { ALL_DOCUMENTS } else { u8::try_from(random.below(1 << DOCUMENTS)).unwrap_or(ALL_DOCUMENTS) }
}

/// What may be subscribed to: collection, query, whether it is DQL.
pub(crate) const QUERIES: [(&str, &str, bool); 7] = [
    ("t", "true", false),
    ("log", "true", false),
    ("secret", "true", false),
    ("t", "n != 1", false),
    ("t", "SELECT * FROM t WHERE n = 2", true),
    ("t", "m == 1 || count > 0", false),
    ("secret", "SELECT * FROM secret WHERE n > 1", true),
];

/// What each peer subscribes to at first.
pub(crate) const SUBSCRIBED: [&[usize]; PEERS] = [&[0, 1, 2], &[3, 2], &[4, 5, 6]];

fn write(random: &mut Random, kind: Kind) -> WriteKind {
    match random.below(20) {
        0..2 => WriteKind::Mark,
        2..6 => WriteKind::Upsert,
        6..8 => WriteKind::Update,
        8..10 => WriteKind::Remove,
        10..13 => WriteKind::Pair,
        13..16 => WriteKind::Increment,
        16 => WriteKind::Statement,
        17 => WriteKind::Secret,
        18 if kind.rights => WriteKind::Locked,
        18 => WriteKind::Initial,
        _ if kind.large && random.once_in(2) => WriteKind::Large,
        _ => WriteKind::Upsert,
    }
}

fn http_write(random: &mut Random) -> WriteKind {
    match random.below(8) {
        0..3 => WriteKind::Upsert,
        3 => WriteKind::Remove,
        4 => WriteKind::Pair,
        5 => WriteKind::Increment,
        6 => WriteKind::Secret,
        _ => WriteKind::Mark,
    }
}

fn failure(random: &mut Random) -> Failure {
    let n = 1 + random.below(12);
    match random.below(8) {
        0..3 => Failure::File(n),
        3..6 => Failure::Batch(1 + n / 3),
        6 => Failure::Torn(n),
        _ if random.once_in(2) => Failure::Full(n),
        _ => Failure::Io(n),
    }
}

fn harm(random: &mut Random) -> Harm {
    const ALL: [Harm; 7] = [
        Harm::ForeignStamps,
        Harm::ServerStamps,
        Harm::FutureStamps,
        Harm::StolenSite,
        Harm::Noise,
        Harm::NeverReads,
        Harm::NeverApplies,
    ];
    ALL[random.index(ALL.len())]
}

/// Within ten years either way.
pub(crate) fn offset(random: &mut Random) -> i64 {
    let ms = if random.once_in(3) { random.below(600_000) } else { random.below(10 * YEAR_MS) };
    let ms = i64::try_from(ms).expect("ten years have fewer milliseconds");
    if random.once_in(2) { ms } else { -ms }
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Write { peer, kind, document, number } => {
                write!(f, "peer {peer} writes: {kind:?}, document d{document}, number {number}")
            }
            Self::Persist { peer } => write!(f, "peer {peer} makes its store durable"),
            Self::Evict { peer, document } => write!(f, "peer {peer} evicts d{document}"),
            Self::Subscribe { peer, query } => {
                write!(f, "peer {peer} subscribes to {} where {}", QUERIES[*query].0, QUERIES[*query].1)
            }
            Self::Unsubscribe { peer, query } => {
                write!(f, "peer {peer} unsubscribes from {} where {}", QUERIES[*query].0, QUERIES[*query].1)
            }
            Self::Move { peer, up, down } => {
                write!(f, "up to {up} frames of peer {peer} arrive, then {down} frames for it")
            }
            Self::Cut { peer, arrive, is_noticed } => {
                let noticed = if *is_noticed { "" } else { ", and the server does not notice" };
                write!(f, "the connection of peer {peer} is cut behind {arrive} frames of its own{noticed}")
            }
            Self::Stop { peer } => write!(f, "peer {peer} stops sync, and starts it again"),
            Self::KillPeer { peer, power } => write!(f, "peer {peer} {}", end(*power)),
            Self::PlanPeer { peer, batches, kills: true } => {
                write!(f, "peer {peer} will be killed after {batches} batches")
            }
            Self::PlanPeer { peer, batches, .. } => {
                write!(f, "the disk of peer {peer} will be full after {batches} batches")
            }
            Self::Copy { peer } => write!(f, "the directory of peer {peer} is copied, and the copy opened"),
            Self::Clock { peer, offset_ms } => write!(f, "the clock of peer {peer} is set {offset_ms} ms off"),
            Self::Http { kind, document, number } => {
                write!(f, "the server gets a write: {kind:?}, document d{document}, number {number}")
            }
            Self::KillServer { power } => write!(f, "the server {}", end(*power)),
            Self::PlanServer { failure, power } => {
                write!(f, "the server will fail: {failure:?}; if so it {}", end(*power))
            }
            Self::Trim => write!(f, "retention looks"),
            Self::Backup => write!(f, "the server's directory is backed up"),
            Self::Restore => write!(f, "the server is set back to the backup, as a new incarnation"),
            Self::Rights { peer, may_read, is_new_key } => {
                let what = if *may_read { "may" } else { "may not" };
                let key = if *is_new_key { ", by a key of its own" } else { "" };
                write!(f, "peer {peer} {what} read the collection secret from here on{key}")
            }
            Self::Permit { peer, documents, is_new_key } => {
                let key = if *is_new_key { ", by a key of its own" } else { "" };
                let all = (0..DOCUMENTS).filter(|n| documents >> n & 1 == 1).map(|n| format!("d{n}"));
                write!(f, "peer {peer} may read {:?} of t from here on{key}", all.collect::<Vec<_>>())
            }
            Self::Harm(harm) => write!(f, "somebody means harm: {harm:?}"),
            Self::Wait { ms } => write!(f, "{ms} ms go by"),
        }
    }
}

fn end(power: bool) -> &'static str {
    if power { "loses its power" } else { "is killed" }
}
