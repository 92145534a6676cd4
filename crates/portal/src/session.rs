//! Sessions: who is signed in, what their next page tells them, and what they typed and did not
//! carry out.
//!
//! Invariants: at most [`SESSIONS_MAX`]; each ends when idle or old, by sign-out, and with the admin
//! key that it was begun under. A session is known by the hash of its secret, so that neither looking
//! one up nor reading the file tells a secret; its CSRF token is made of the secret and kept nowhere.
//! Not here: the file that keeps them over a restart (`session_file`). What pages are told and what
//! was typed is in memory alone.

use std::{
    collections::{HashMap, VecDeque},
    path::Path,
    sync::{Mutex, MutexGuard, PoisonError},
};

use crate::{
    draft::Drafts,
    failure::Told,
    limits::{FLASHES_MAX, PROBLEMS_MAX, SESSION_IDLE, SESSION_LIFE, SESSION_NOTED_EVERY, SESSIONS_MAX},
    secret::{Random, SecretDigest, secret},
    session_file::{SessionFile, Stored},
};

/// What a page tells after something was done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Flash {
    /// Whether it went well.
    pub(crate) good: bool,
    pub(crate) text: String,
}

/// A page that tells of a failure, for whoever reloads it or comes back.
#[derive(Debug, Clone)]
pub(crate) struct Problem {
    pub(crate) status: u16,
    pub(crate) told: Told,
    /// What was asked for.
    pub(crate) path: String,
}

/// The secret of an API key that was made, until it was shown for a while.
#[derive(Debug, Clone)]
pub(crate) struct MadeKey {
    pub(crate) at_ms: u64,
    pub(crate) name: String,
    pub(crate) secret: String,
}

/// A session.
#[derive(Debug)]
pub(crate) struct Session {
    /// The admin key that it was begun under.
    admin: SecretDigest,
    signed_in_ms: u64,
    seen_ms: u64,
    /// What the file says of `seen_ms`.
    noted_ms: u64,
    flashes: VecDeque<Flash>,
    pub(crate) drafts: Drafts,
    problems: VecDeque<(u64, Problem)>,
    problems_kept: u64,
    pub(crate) made_key: Option<MadeKey>,
}

impl Session {
    fn begun(admin: SecretDigest, signed_in_ms: u64, seen_ms: u64) -> Self {
        Self {
            admin,
            signed_in_ms,
            seen_ms,
            noted_ms: seen_ms,
            flashes: VecDeque::new(),
            drafts: Drafts::default(),
            problems: VecDeque::new(),
            problems_kept: 0,
            made_key: None,
        }
    }

    fn is_live(&self, admin: SecretDigest, now_ms: u64) -> bool {
        self.admin == admin
            && now_ms.saturating_sub(self.seen_ms) < SESSION_IDLE.as_millis() as u64
            && now_ms.saturating_sub(self.signed_in_ms) < SESSION_LIFE.as_millis() as u64
    }

    /// Keeps a problem; gives its number.
    pub(crate) fn keep_problem(&mut self, problem: Problem) -> u64 {
        if self.problems.len() >= PROBLEMS_MAX {
            self.problems.pop_front();
        }
        self.problems_kept += 1;
        self.problems.push_back((self.problems_kept, problem));
        self.problems_kept
    }

    pub(crate) fn problem(&self, number: u64) -> Option<Problem> {
        self.problems.iter().find(|(known, _)| *known == number).map(|(_, problem)| problem.clone())
    }
}

/// A session that was found by its secret.
#[derive(Debug)]
pub(crate) struct Resumed {
    pub(crate) key: SecretDigest,
    pub(crate) csrf: String,
    /// Whether the file should learn by and by that it was used.
    pub(crate) is_to_be_noted: bool,
}

/// Every session of one admin key.
#[derive(Debug)]
pub(crate) struct Sessions {
    admin: SecretDigest,
    sessions: Mutex<HashMap<SecretDigest, Session>>,
    file: SessionFile,
}

impl Sessions {
    /// Those that the file at `path` has, as far as they live. A damaged file is put aside, and then
    /// there are none.
    pub(crate) fn open(path: &Path, admin_key: &str, now_ms: u64) -> Self {
        let admin = SecretDigest::of(admin_key);
        let (file, stored) = SessionFile::open(path);
        let session = |it: Stored| (it.key, Session::begun(it.admin, it.signed_in_ms, it.seen_ms));
        let mut sessions: HashMap<_, _> = stored.into_iter().take(SESSIONS_MAX).map(session).collect();
        sessions.retain(|_, session| session.is_live(admin, now_ms));
        Self { admin, sessions: Mutex::new(sessions), file }
    }

    /// The admin key's fingerprint.
    pub(crate) fn admin(&self) -> SecretDigest {
        self.admin
    }

    /// Begins a session; gives its secret, for the cookie. [`Sessions::save`] makes it last.
    pub(crate) fn begin(&self, now_ms: u64, random: Random) -> String {
        let secret_text = secret(random);
        let mut sessions = self.lock();
        sessions.retain(|_, session| session.is_live(self.admin, now_ms));
        if sessions.len() >= SESSIONS_MAX {
            let idle_longest = sessions.iter().min_by_key(|(_, session)| session.seen_ms).map(|(key, _)| *key);
            idle_longest.and_then(|key| sessions.remove(&key));
        }
        sessions.insert(SecretDigest::of(&secret_text), Session::begun(self.admin, now_ms, now_ms));
        secret_text
    }

    /// The session of this secret, if it lives, with its CSRF token. Counts as a use.
    pub(crate) fn resume(&self, secret: &str, now_ms: u64) -> Option<Resumed> {
        let key = SecretDigest::of(secret);
        let mut sessions = self.lock();
        let Some(session) = sessions.get_mut(&key).filter(|session| session.is_live(self.admin, now_ms)) else {
            sessions.remove(&key);
            return None;
        };
        session.seen_ms = session.seen_ms.max(now_ms);
        let is_to_be_noted = session.seen_ms - session.noted_ms >= SESSION_NOTED_EVERY.as_millis() as u64;
        if is_to_be_noted {
            session.noted_ms = session.seen_ms; // one request of those that come now writes it
        }
        Some(Resumed { key, csrf: SecretDigest::of(&format!("csrf {secret}")).hex(), is_to_be_noted })
    }

    /// Whether the session lives; asking is no use of it.
    pub(crate) fn lives(&self, key: SecretDigest, now_ms: u64) -> bool {
        self.lock().get(&key).is_some_and(|session| session.is_live(self.admin, now_ms))
    }

    /// Ends it at once; [`Sessions::save`] makes that last.
    pub(crate) fn end(&self, key: SecretDigest) {
        self.lock().remove(&key);
    }

    /// Writes all of them. Blocks on disk. What cannot be written is logged: whoever signed in stays
    /// so until the server stops.
    pub(crate) fn save(&self) {
        let stored = || {
            let mut sessions = self.lock();
            let of = |(key, session): (&SecretDigest, &mut Session)| {
                session.noted_ms = session.seen_ms;
                let Session { admin, signed_in_ms, seen_ms, .. } = *session;
                Stored { key: *key, admin, signed_in_ms, seen_ms }
            };
            sessions.iter_mut().map(of).collect()
        };
        if let Err(error) = self.file.write(stored) {
            tracing::warn!(%error, "the portal's sessions cannot be kept: a restart may end or revive some");
        }
    }

    /// Looks at a session, or changes what it keeps in memory; `None` if there is none.
    pub(crate) fn with<T>(&self, key: SecretDigest, act: impl FnOnce(&mut Session) -> T) -> Option<T> {
        self.lock().get_mut(&key).map(act)
    }

    /// Leaves a message for the session's next page.
    pub(crate) fn tell(&self, key: SecretDigest, flash: Flash) {
        self.with(key, |session| {
            if session.flashes.len() >= FLASHES_MAX {
                session.flashes.pop_front();
            }
            session.flashes.push_back(flash);
        });
    }

    /// Takes the messages that wait.
    pub(crate) fn take_flashes(&self, key: SecretDigest) -> Vec<Flash> {
        self.with(key, |session| session.flashes.drain(..).collect()).unwrap_or_default()
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<SecretDigest, Session>> {
        self.sessions.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

    use super::*;

    /// Bytes that are different each time, and no secret.
    pub(crate) fn counting() -> [u8; 32] {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        let mut bytes = [0; 32];
        bytes[..8].copy_from_slice(&NEXT.fetch_add(1, Relaxed).to_le_bytes());
        bytes
    }

    fn sessions(directory: &tempfile::TempDir, admin_key: &str, now_ms: u64) -> Sessions {
        Sessions::open(&directory.path().join("portal-sessions.json"), admin_key, now_ms)
    }

    #[test]
    fn a_session_ends_when_idle_and_when_old() {
        let directory = tempfile::tempdir().unwrap();
        let sessions = sessions(&directory, "key", 0);
        let (idle_ms, life_ms) = (SESSION_IDLE.as_millis() as u64, SESSION_LIFE.as_millis() as u64);
        let idle = sessions.begin(0, counting);
        assert!(sessions.resume(&idle, idle_ms - 1).is_some());
        assert!(sessions.resume(&idle, 2 * idle_ms - 1).is_none());
        assert!(sessions.resume(&idle, 0).is_none(), "ended is for good");
        let busy = sessions.begin(0, counting);
        assert!((0..life_ms).step_by(idle_ms as usize / 2).all(|now_ms| sessions.resume(&busy, now_ms).is_some()));
        assert!(sessions.resume(&busy, life_ms).is_none());
    }

    #[test]
    fn sessions_outlive_a_restart_and_no_new_admin_key() {
        let directory = tempfile::tempdir().unwrap();
        let before = sessions(&directory, "key", 0);
        let [kept, ended] = [before.begin(5, counting), before.begin(5, counting)];
        let csrf = before.resume(&kept, 6).unwrap().csrf;
        before.end(before.resume(&ended, 6).unwrap().key);
        before.save();
        let text = std::fs::read_to_string(directory.path().join("portal-sessions.json")).unwrap();
        assert!(!text.contains(&kept) && !text.contains(&csrf), "no secret is in it: {text}");
        let after = sessions(&directory, "key", 7);
        assert_eq!(after.resume(&kept, 8).unwrap().csrf, csrf, "a form that is open goes on");
        assert!(after.resume(&ended, 8).is_none());
        after.save();
        assert!(sessions(&directory, "another", 9).resume(&kept, 9).is_none());
        let late = SESSION_LIFE.as_millis() as u64 + 5;
        assert!(sessions(&directory, "key", late).resume(&kept, late).is_none());
    }

    #[test]
    fn the_file_learns_now_and_then_that_a_session_is_used() {
        let directory = tempfile::tempdir().unwrap();
        let sessions = sessions(&directory, "key", 0);
        let secret = sessions.begin(0, counting);
        let every_ms = SESSION_NOTED_EVERY.as_millis() as u64;
        let noted = [1, every_ms - 1, every_ms, every_ms + 1, 2 * every_ms];
        let noted = noted.map(|now_ms| sessions.resume(&secret, now_ms).unwrap().is_to_be_noted);
        assert_eq!(noted, [false, false, true, false, true]);
    }

    #[test]
    fn sessions_and_their_messages_are_bounded() {
        let directory = tempfile::tempdir().unwrap();
        let sessions = sessions(&directory, "key", 0);
        let first = sessions.begin(1, counting);
        let second = sessions.begin(0, counting);
        let others: Vec<String> = (0..SESSIONS_MAX as u64 - 1).map(|n| sessions.begin(2 + n, counting)).collect();
        assert!(sessions.resume(&second, 100).is_none(), "it was idle longest");
        assert!(sessions.resume(&first, 100).is_some() && sessions.resume(&others[0], 100).is_some());
        let key = sessions.resume(&first, 100).unwrap().key;
        for n in 0..FLASHES_MAX + 3 {
            sessions.tell(key, Flash { good: true, text: n.to_string() });
        }
        let told = sessions.take_flashes(key);
        assert_eq!((told.len(), told[0].text.as_str()), (FLASHES_MAX, "3"));
        assert!(sessions.take_flashes(key).is_empty());
    }
}
