//! The server's host: a journal, its documents, the site's table, and sessions.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use sync_protocol::{
    Authorised, ChangesPage, Item, ItemKind, Push, ResyncReason, Seq, ServerMachine, ServerOutput, SessionState,
    SnapshotItem, SnapshotPage, TxnId,
};

use super::peer::Verdict;
use super::{Seen, Wire, check_is_no_fault};
use crate::random::Random;
use crate::samples;

const INCARNATION: [u8; 16] = [3; 16];
const DOCUMENTS_OF_PAGE: usize = 3;

/// A transaction: a document, what it is now (none: it left), and whose push it was.
#[derive(Debug)]
struct Entry {
    id: String,
    state: Option<Vec<u8>>,
    seq: Option<u64>,
}

#[derive(Default)]
pub(crate) struct ServerHost {
    pub(crate) documents: BTreeMap<String, Vec<u8>>,
    /// Transaction n stands at n - 1.
    journal: Vec<Entry>,
    window_start: u64,
    /// The site's last sequence number that has a verdict, and those of them that were refused and
    /// that the peer has not settled.
    site_seq: u64,
    refused: BTreeSet<u64>,
    sessions: BTreeMap<u64, ServerMachine>,
    /// Pushes that are to be applied, in the order in which they came.
    queue: VecDeque<(u64, Push)>,
    last_session: u64,
    resumed_snapshots: u64,
    repeated_pushes: u64,
}

/// Some pushes are not taken.
fn is_refused(seq: u64) -> bool {
    seq % 7 == 3
}

impl ServerHost {
    pub(crate) fn connect(&mut self, now_ms: u64) -> u64 {
        self.last_session += 1;
        self.sessions.insert(self.last_session, ServerMachine::new(self.last_session, now_ms));
        self.last_session
    }

    pub(crate) fn journal_len(&self) -> u64 {
        self.journal.len() as u64
    }

    pub(crate) fn wants_frames(&self, session: u64) -> bool {
        self.sessions[&session].wants_frames() || self.sessions[&session].state() == SessionState::Closed
    }

    pub(crate) fn handle_frame(&mut self, session: u64, frame: &[u8], now_ms: u64) {
        self.session(session).handle_frame(frame, now_ms);
    }

    pub(crate) fn disconnected(&mut self, session: u64) {
        self.session(session).disconnected();
        self.sessions.remove(&session);
    }

    pub(crate) fn tick(&mut self, now_ms: u64) {
        for session in self.sessions.values_mut() {
            session.heard(now_ms); // pongs: silence has tests of its own
            session.tick(now_ms);
        }
    }

    pub(crate) fn write_of_another(&mut self, random: &mut Random) {
        let id = random.below(20).to_string();
        let is_removed = random.once_in(3) && self.documents.contains_key(&id);
        let state = [&random.next().to_be_bytes()[..], &vec![1; random.below(60_000) as usize]].concat();
        self.commit(id, (!is_removed).then_some(state), None);
    }

    pub(crate) fn trim(&mut self, random: &mut Random) {
        self.window_start += random.below(self.journal_len() - self.window_start + 1);
    }

    fn commit(&mut self, id: String, state: Option<Vec<u8>>, seq: Option<u64>) -> TxnId {
        match &state {
            Some(state) => drop(self.documents.insert(id.clone(), state.clone())),
            None => drop(self.documents.remove(&id)),
        }
        self.journal.push(Entry { id, state, seq });
        self.sessions.values_mut().for_each(ServerMachine::changes_available);
        TxnId(self.journal_len())
    }

    /// The oldest push that came is applied, whether its session is still there or not.
    pub(crate) fn apply_one(&mut self) {
        let Some((session, push)) = self.queue.pop_front() else { return };
        let seq = push.seq.0;
        if seq > self.site_seq {
            self.site_seq = seq;
            if is_refused(seq) {
                self.refused.insert(seq);
            } else {
                let operation = push.operations.into_iter().next().expect("each has one");
                let id = operation.id.as_json().to_owned();
                self.commit(id, Some(operation.delta), Some(seq));
            }
        } else {
            self.repeated_pushes += 1;
        }
        let newest = TxnId(self.journal_len());
        let is_refused = self.refused.contains(&seq);
        let is_last = self.site_seq == seq;
        let Some(session) = self.sessions.get_mut(&session) else { return };
        if is_refused {
            session.rejected(Seq(seq), vec![], newest);
        } else {
            // Only of the last one is the transaction known for ever.
            session.applied(Seq(seq), if is_last { newest } else { TxnId(0) });
        }
    }

    pub(crate) fn poll(&mut self, session: u64, wire: &mut Wire, now_ms: u64) {
        while let Some(output) = self.session(session).poll_output() {
            match output {
                ServerOutput::Authorise(hello) => {
                    self.resumed_snapshots += u64::from(hello.subs[0].page.is_some());
                    self.refused = self.refused.split_off(&(hello.settled.0 + 1));
                    let authorised = Authorised {
                        incarnation: INCARNATION,
                        newest: TxnId(self.journal_len()),
                        window_start: TxnId(self.window_start),
                        site_seq: Seq(self.site_seq),
                        permission: 5,
                        ..Authorised::default()
                    };
                    self.session(session).authorised(authorised, now_ms);
                }
                ServerOutput::Send(frame) if !wire.is_left => {
                    check_is_no_fault(&frame);
                    wire.to_peer.push_back(frame);
                }
                ServerOutput::Close => wire.is_closed = true,
                ServerOutput::WantChanges { request, after, bytes_max } => {
                    self.answer_changes(session, request, after, bytes_max);
                }
                ServerOutput::WantSnapshot { request, page, .. } => self.answer_snapshot(session, request, page),
                ServerOutput::Apply(push) => self.queue.push_back((session, push)),
                ServerOutput::Send(_)
                | ServerOutput::Reauthorise { .. }
                | ServerOutput::Ping
                | ServerOutput::Subscribed(_)
                | ServerOutput::Unsubscribed(_)
                | ServerOutput::Applied { .. }
                | ServerOutput::WantDigest { .. }
                | ServerOutput::DigestReply(_)
                | ServerOutput::Ignored { .. } => {}
            }
        }
    }

    fn answer_changes(&mut self, session: u64, request: u64, after: TxnId, bytes_max: u64) {
        let newest = self.journal_len();
        if after.0 < self.window_start {
            let reason = "what happened since was trimmed".to_owned();
            return self.session(session).resync_all(TxnId(newest), ResyncReason::Trimmed, reason);
        }
        let mut items = Vec::new();
        let (mut bytes, mut through) = (0, after.0);
        for entry in &self.journal[through as usize..] {
            let kind = if entry.state.is_some() { ItemKind::State } else { ItemKind::Leave };
            bytes += entry.state.as_ref().map_or(0, |it| it.len() as u64) + 40;
            if bytes > bytes_max && !items.is_empty() {
                break;
            }
            items.push(Item { id: samples::id(&entry.id), ..samples::item(kind, entry.state.clone()) });
            through += 1;
        }
        let caught_up = through == newest;
        self.session(session).handle_changes(ChangesPage { request, items, through: TxnId(through), caught_up });
    }

    pub(crate) fn tell(&self, seen: &mut Seen) {
        seen.connections += self.last_session;
        seen.resumed_snapshots += self.resumed_snapshots;
        seen.repeated_pushes += self.repeated_pushes;
    }

    fn answer_snapshot(&mut self, session: u64, request: u64, page: Option<Vec<u8>>) {
        let after = page.map(|page| String::from_utf8(page).expect("it is an id")).unwrap_or_default();
        let later: Vec<_> = self.documents.range(after.clone()..).filter(|(id, _)| **id > after).collect();
        let items: Vec<_> = later
            .iter()
            .take(DOCUMENTS_OF_PAGE)
            .map(|(id, state)| SnapshotItem { id: samples::id(id), state: (*state).clone(), rest: Default::default() })
            .collect();
        let next =
            (later.len() > items.len()).then(|| items.last().expect("a page has one").id.as_json().as_bytes().to_vec());
        let at = TxnId(self.journal_len());
        self.session(session).handle_snapshot(SnapshotPage { request, items, next, at });
    }

    /// Every push that has a verdict is in the journal as the verdict says, once and in order.
    pub(crate) fn check_journal(&self, verdicts: &BTreeMap<u64, Verdict>) {
        let taken: Vec<u64> = self.journal.iter().filter_map(|entry| entry.seq).collect();
        let expected: Vec<u64> = (1..=verdicts.len() as u64).filter(|seq| !is_refused(*seq)).collect();
        assert_eq!(taken, expected);
        for (seq, verdict) in verdicts {
            match verdict {
                Verdict::Rejected => assert!(is_refused(*seq)),
                Verdict::Acked(None) => {}
                Verdict::Acked(Some(txn)) => {
                    let at = usize::try_from(txn.0).expect("the journal is short");
                    let is_its_own = self.journal[..at].iter().any(|entry| entry.seq == Some(*seq));
                    assert!(is_its_own, "{seq} is acked by {txn:?}");
                }
            }
        }
    }

    fn session(&mut self, session: u64) -> &mut ServerMachine {
        self.sessions.get_mut(&session).expect("it lives as long as its wire")
    }
}
