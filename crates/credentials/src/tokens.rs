//! Tokens: what a user of an app holds who has logged in, until it ends or is withdrawn.
//!
//! ```text
//! <data-dir>/tokens.log    see token_log
//! hwt_<id>_<secret>        what the user holds: 16 public characters, by which it is found and listed, and 43 secret ones
//! ```
//! Invariants: a token's secret is nowhere but with its holder (its SHA-256 is kept, and compared in constant time);
//! a token counts until its end and never beyond, whatever becomes of the file; one that is withdrawn counts no more
//! at once, even where the disk refuses. Tokens are bounded: of a user the oldest goes, of an app no more are given
//! out. Not here: who is given one (the edge that logs in), what it may do (`PermissionDocument`).

use std::{
    collections::{BTreeMap, HashMap, HashSet},
    path::{Path, PathBuf},
    sync::{
        Arc, Mutex, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard,
        atomic::{AtomicU64, Ordering},
    },
};

use files::PRIVATE_FILE;
use serde::{Deserialize, Serialize};
use subtle::ConstantTimeEq as _;

use crate::{
    CredentialsError, PermissionDocument, disk,
    key_ring::SecretDigest,
    limits::{
        PROVIDER_BYTES_MAX, SECRET_CHARACTERS, TOKEN_MS_MAX, TOKEN_PERMISSIONS_BYTES_MAX, TOKENS_PER_APP_MAX,
        TOKENS_PER_USER_MAX, USER_ID_BYTES_MAX,
    },
    random,
    token_log::{self, TokenLog},
};

/// The file's name.
pub(crate) const TOKENS: &str = "tokens.log";

/// How every token begins; no key does.
pub const TOKEN_PREFIX: &str = "hwt_";

const ID_CHARACTERS: usize = 16;

/// How often what has ended is looked for, in milliseconds.
const PURGE_MS: u64 = 60_000;

/// A user who has logged in.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct UserToken {
    /// The app; the token opens no other.
    pub app: String,
    /// Who it is, as the app's login hook says.
    pub user: String,
    /// By which it is listed and withdrawn; not secret.
    pub id: String,
    /// The provider by which the user logged in.
    pub provider: String,
    /// When it was given out, ms since the epoch.
    pub created_ms: u64,
    /// From when on it counts no more, ms since the epoch.
    pub expires_ms: u64,
    /// Which documents its user may read and write.
    #[serde(with = "crate::permission_document::held")]
    pub permission: Arc<PermissionDocument>,
}

/// A token to be given out.
#[derive(Debug, Clone)]
pub struct NewToken {
    /// The app.
    pub app: String,
    /// Who it is for: 1 to 256 bytes without control characters.
    pub user: String,
    /// The provider by which the user logged in.
    pub provider: String,
    /// How long it is to count, in milliseconds; never longer than [`crate::limits::TOKEN_MS_MAX`].
    pub life_ms: u64,
    /// Which documents its user may read and write.
    pub permission: PermissionDocument,
}

/// A token as it is listed.
#[derive(Debug, Clone)]
pub struct ListedToken {
    /// The token.
    pub token: Arc<UserToken>,
    /// When it was last presented, ms since the epoch; `None`: not since the server's start.
    pub last_used_ms: Option<u64>,
}

/// Why a token is not given out.
#[derive(Debug, thiserror::Error)]
pub enum NoToken {
    /// The user, the provider or the permission cannot be kept.
    #[error("{0}")]
    Bad(String),
    /// So many are given out.
    #[error("{0}; they end by themselves, or are revoked by `headwater token revoke`")]
    TooMany(String),
    /// It cannot be kept.
    #[error(transparent)]
    Disk(#[from] CredentialsError),
}

/// As it is stored.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct StoredToken {
    #[serde(with = "held")]
    pub(crate) token: Arc<UserToken>,
    pub(crate) sha256: SecretDigest,
}

/// How a token that requests share is kept in the file.
mod held {
    use std::sync::Arc;

    use serde::{Deserialize as _, Deserializer, Serialize as _, Serializer};

    use super::UserToken;

    pub(super) fn serialize<S: Serializer>(token: &Arc<UserToken>, serializer: S) -> Result<S::Ok, S::Error> {
        token.as_ref().serialize(serializer)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Arc<UserToken>, D::Error> {
        UserToken::deserialize(deserializer).map(Arc::new)
    }
}

#[derive(Debug)]
struct Held {
    stored: StoredToken,
    /// 0: not since the server's start.
    last_used_ms: AtomicU64,
}

/// Tokens by their ids, and what bounds them.
#[derive(Debug, Default)]
struct Known {
    by_id: HashMap<String, Held>,
    /// Ids by app and user, the oldest first.
    of_user: BTreeMap<(String, String), Vec<String>>,
    of_app: HashMap<String, usize>,
    /// Each once, however many hold it.
    permissions: HashSet<Arc<PermissionDocument>>,
    permissions_bytes: usize,
    purged_ms: u64,
}

/// See the module.
#[derive(Debug)]
pub(crate) struct Tokens {
    known: RwLock<Known>,
    /// Taken before `known`, by whoever changes something.
    log: Mutex<TokenLog>,
}

impl Tokens {
    pub(crate) fn open(data_dir: &Path, now_ms: u64) -> Result<Self, CredentialsError> {
        let path = data_dir.join(TOKENS);
        disk::tighten(&path, PRIVATE_FILE)?;
        let mut known = Known::default();
        for stored in Self::look(data_dir)?.into_iter().filter(|stored| stored.token.expires_ms > now_ms) {
            known.add(stored);
        }
        Ok(Self { known: RwLock::new(known), log: Mutex::new(TokenLog::new(&path)) })
    }

    /// Reads the file and changes nothing.
    pub(crate) fn look(data_dir: &Path) -> Result<Vec<StoredToken>, CredentialsError> {
        let path: PathBuf = data_dir.join(TOKENS);
        token_log::read(&path)
    }

    /// Gives a token out; the second value is what its holder presents.
    pub(crate) fn create(&self, new: NewToken, now_ms: u64) -> Result<(Arc<UserToken>, String), NoToken> {
        check(&new)?;
        let mut log = self.log.lock().unwrap_or_else(PoisonError::into_inner);
        if self.write().purge(now_ms) {
            log.write_anew();
        }
        let (of_user, permission) = self.read().room_for(&new)?;
        let id = random::letters_and_digits(ID_CHARACTERS);
        let secret = format!("{TOKEN_PREFIX}{id}_{}", random::letters_and_digits(SECRET_CHARACTERS));
        let token = Arc::new(UserToken {
            app: new.app,
            user: new.user,
            id,
            provider: new.provider,
            created_ms: now_ms,
            expires_ms: now_ms.saturating_add(new.life_ms.min(TOKEN_MS_MAX)),
            permission,
        });
        let stored = StoredToken { token: token.clone(), sha256: SecretDigest::of(&secret) };
        if let Some(oldest) = of_user {
            self.withdraw(&mut log, &[oldest])?;
        }
        {
            let known = self.read();
            log.login(&stored, known.stored().chain([&stored]))?;
        }
        self.write().add(stored);
        tracing::info!(app = token.app, user = token.user, token = token.id, "gave out a token");
        Ok((token, secret))
    }

    /// Whose token this is, if it counts.
    pub(crate) fn identify(&self, secret: &str, now_ms: u64) -> Option<Arc<UserToken>> {
        let (id, _) = secret.strip_prefix(TOKEN_PREFIX)?.split_once('_')?;
        let known = self.read();
        let held = known.by_id.get(id)?;
        let is_right = bool::from(SecretDigest::of(secret).ct_eq(&held.stored.sha256));
        if !is_right || held.stored.token.expires_ms <= now_ms {
            return None;
        }
        held.last_used_ms.fetch_max(now_ms, Ordering::Relaxed);
        Some(held.stored.token.clone())
    }

    /// Those of an app that count, of one user or of all, the newest first; at most `most`.
    pub(crate) fn list(&self, app: &str, user: Option<&str>, most: usize, now_ms: u64) -> Vec<ListedToken> {
        let known = self.read();
        let is_meant = |token: &UserToken| {
            token.app == app && token.expires_ms > now_ms && user.is_none_or(|user| token.user == user)
        };
        let listed = |held: &Held| ListedToken {
            token: held.stored.token.clone(),
            last_used_ms: Some(held.last_used_ms.load(Ordering::Relaxed)).filter(|ms| *ms > 0),
        };
        let mut found: Vec<_> = known.by_id.values().filter(|held| is_meant(&held.stored.token)).map(listed).collect();
        found.sort_by(|a, b| (b.token.created_ms, &b.token.id).cmp(&(a.token.created_ms, &a.token.id)));
        found.truncate(most);
        found
    }

    /// How many of an app count, or ended within the last minute.
    pub(crate) fn count(&self, app: &str) -> usize {
        self.read().of_app.get(app).copied().unwrap_or(0)
    }

    /// Withdraws those of an app that `is_meant`; gives how many they were.
    pub(crate) fn revoke(&self, app: &str, is_meant: impl Fn(&UserToken) -> bool) -> Result<usize, CredentialsError> {
        let mut log = self.log.lock().unwrap_or_else(PoisonError::into_inner);
        let is_meant = |token: &UserToken| token.app == app && is_meant(token);
        let ids: Vec<_> = self.read().stored().filter(|it| is_meant(&it.token)).map(|it| it.token.id.clone()).collect();
        if ids.is_empty() {
            return Ok(0);
        }
        self.withdraw(&mut log, &ids)?;
        tracing::info!(app, tokens = ids.len(), "revoked tokens");
        Ok(ids.len())
    }

    fn withdraw(&self, log: &mut TokenLog, ids: &[String]) -> Result<(), CredentialsError> {
        ids.iter().for_each(|id| self.write().remove(id));
        let known = self.read();
        log.revoked(ids, known.stored()).map_err(|error| match error {
            CredentialsError::Io { path, source, .. } => {
                CredentialsError::Io { act: "revoked, but a restart would undo it: cannot write", path, source }
            }
            other => other,
        })
    }

    fn read(&self) -> RwLockReadGuard<'_, Known> {
        self.known.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> RwLockWriteGuard<'_, Known> {
        self.known.write().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Known {
    fn stored(&self) -> impl Iterator<Item = &StoredToken> {
        self.by_id.values().map(|held| &held.stored)
    }

    /// The user's oldest token, if it must go, and the permission as it is held already.
    fn room_for(&self, new: &NewToken) -> Result<(Option<String>, Arc<PermissionDocument>), NoToken> {
        if self.of_app.get(&new.app).is_some_and(|count| *count >= TOKENS_PER_APP_MAX) {
            let message = format!("app {:?} has {TOKENS_PER_APP_MAX} tokens already", new.app);
            return Err(NoToken::TooMany(message));
        }
        let permission = match self.permissions.get(&new.permission) {
            Some(held) => held.clone(),
            None if self.permissions_bytes + new.permission.size_bytes() > TOKEN_PERMISSIONS_BYTES_MAX => {
                let message = format!("the permissions of tokens are {} bytes already", self.permissions_bytes);
                return Err(NoToken::TooMany(message));
            }
            None => Arc::new(new.permission.clone()),
        };
        let of_user = self.of_user.get(&(new.app.clone(), new.user.clone()));
        let oldest = of_user.filter(|ids| ids.len() >= TOKENS_PER_USER_MAX).and_then(|ids| ids.first().cloned());
        Ok((oldest, permission))
    }

    fn add(&mut self, mut stored: StoredToken) {
        let UserToken { app, user, id, permission, .. } = &*stored.token;
        self.of_user.entry((app.clone(), user.clone())).or_default().push(id.clone());
        *self.of_app.entry(app.clone()).or_default() += 1;
        match self.permissions.get(permission) {
            Some(held) if !Arc::ptr_eq(held, permission) => {
                stored.token = Arc::new(UserToken { permission: held.clone(), ..UserToken::clone(&stored.token) });
            }
            Some(_) => {}
            None => {
                self.permissions_bytes += permission.size_bytes();
                self.permissions.insert(permission.clone());
            }
        }
        self.by_id.insert(stored.token.id.clone(), Held { stored, last_used_ms: AtomicU64::new(0) });
    }

    fn remove(&mut self, id: &str) {
        let Some(Held { stored, .. }) = self.by_id.remove(id) else { return };
        let UserToken { app, user, .. } = &*stored.token;
        let of_user = (app.clone(), user.clone());
        if let Some(ids) = self.of_user.get_mut(&of_user) {
            ids.retain(|it| it != id);
            if ids.is_empty() {
                self.of_user.remove(&of_user);
            }
        }
        if let Some(count) = self.of_app.get_mut(app) {
            *count -= 1;
            if *count == 0 {
                self.of_app.remove(app);
            }
        }
    }

    /// Forgets what has ended, and permissions that nobody holds any more; at most once a minute. Says whether that was
    /// the greater part.
    fn purge(&mut self, now_ms: u64) -> bool {
        if now_ms < self.purged_ms.saturating_add(PURGE_MS) && now_ms >= self.purged_ms {
            return false;
        }
        self.purged_ms = now_ms;
        let ended = self.stored().filter(|stored| stored.token.expires_ms <= now_ms);
        let ended: Vec<_> = ended.map(|stored| stored.token.id.clone()).collect();
        ended.iter().for_each(|id| self.remove(id));
        self.permissions.retain(|permission| Arc::strong_count(permission) > 1);
        self.permissions_bytes = self.permissions.iter().map(|permission| permission.size_bytes()).sum();
        ended.len() > self.by_id.len()
    }
}

fn check(new: &NewToken) -> Result<(), NoToken> {
    let is_text = |text: &str, most: usize| text.len() <= most && !text.chars().any(char::is_control);
    if new.user.is_empty() || !is_text(&new.user, USER_ID_BYTES_MAX) {
        return Err(NoToken::Bad(format!(
            "a userID is 1 to {USER_ID_BYTES_MAX} bytes without control characters, this one is {} bytes",
            new.user.len()
        )));
    }
    if new.user == "admin" {
        return Err(NoToken::Bad("a userID cannot be \"admin\": events name the admin key so".to_owned()));
    }
    if !is_text(&new.provider, PROVIDER_BYTES_MAX) {
        return Err(NoToken::Bad(format!(
            "a provider is at most {PROVIDER_BYTES_MAX} bytes without control characters"
        )));
    }
    new.permission.check_size().map_err(NoToken::Bad)
}
