//! A peer that is open: its threads, and the way to its parts.

use std::{
    fmt,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    thread::{self, JoinHandle},
};

use crate::{
    Config, Error, Store, Sync,
    attachments::{Attachments, Folder},
    callbacks::{Callback, Callbacks},
    config::{LoginSource, TokenSource},
    connection::Server,
    core::{Core, Parts, token::Remaining},
    login,
    mailbox::{Mailbox, Message},
    opener::Opener,
    readers::Readers,
    tls::Tls,
    watch::{Target, WatchId},
};

/// A small peer that is open. Clones, and what is got from them, are the same peer; it is closed
/// with the last of them, or by [`Headwater::close`].
#[derive(Debug, Clone)]
pub struct Headwater {
    shared: Arc<Shared>,
}

/// What all handles hold.
pub(crate) struct Shared {
    pub(crate) mailbox: Mailbox,
    pub(crate) callbacks: Arc<Callbacks>,
    pub(crate) readers: Arc<Readers>,
    pub(crate) token_remaining: Remaining,
    pub(crate) attachments: Arc<Attachments>,
    watches: AtomicU64,
    threads: Mutex<Vec<JoinHandle<()>>>,
}

impl Headwater {
    /// Opens the peer in the folder, or makes a new one. No network is needed, and sync is stopped at
    /// first.
    ///
    /// # Errors
    /// The URL of the server or a certificate can be none; the folder cannot be made, is another
    /// process's, or is damaged.
    pub fn open(config: Config) -> Result<Self, Error> {
        let server = server(&config)?;
        let opener = Opener::new(&config)?;
        let failed = |why: String| Error::Open { dir: config.dir.clone(), why };
        let peer = opener.open(config.token.clone()).map_err(|error| opener.failed(&error))?;
        let readers = Arc::new(Readers::new(peer.reader()));
        let folder = Folder::open(config.dir.join(ATTACHMENTS_DIR)).map_err(|error| failed(error.to_string()))?;
        let attachments = Attachments::new(folder, server.clone(), config.token.clone(), readers.clone());
        let attachments = Arc::new(attachments);
        let (mailbox, inbox) = Mailbox::new();
        let callbacks = Arc::new(Callbacks::default());
        let token_remaining = Remaining::default();
        let shared = Arc::new(Shared {
            mailbox: mailbox.clone(),
            callbacks: callbacks.clone(),
            readers: readers.clone(),
            token_remaining: token_remaining.clone(),
            attachments: attachments.clone(),
            watches: AtomicU64::new(WatchId::FIRST.0),
            threads: Mutex::default(),
        });
        let token_source = config.login_source.zip(server.clone()).map(|(source, server)| by_login(source, server));
        let token_source = token_source.or(config.token_source).map(|source| {
            let watch = WatchId::TOKEN_SOURCE;
            callbacks.add(watch, ask_for_token(source, mailbox.clone()));
            Target::Callback(callbacks.clone(), watch)
        });
        let is_relaxed = config.relaxed;
        let token = config.token;
        let parts = Parts {
            peer,
            opener,
            readers,
            server,
            attachments,
            token,
            token_source,
            token_remaining,
            is_relaxed,
            mailbox,
        };
        let poster = Callbacks::poster(&callbacks);
        let peer = move || {
            let _poster = poster; // until whoever waits in the inbox is answered
            let inbox = inbox;
            Core::new(parts).run(&inbox);
        };
        shared.spawn("headwater-peer", peer).map_err(failed)?;
        shared.spawn("headwater-call", move || callbacks.run()).map_err(failed)?;
        Ok(Self { shared })
    }

    pub(crate) fn of(shared: Arc<Shared>) -> Self {
        Self { shared }
    }

    #[cfg(feature = "bindings")]
    pub(crate) fn into_shared(self) -> Arc<Shared> {
        self.shared
    }

    /// Its documents.
    pub fn store(&self) -> Store {
        Store::new(self.shared.clone())
    }

    /// Subscriptions, and what became of writes.
    pub fn sync(&self) -> Sync {
        Sync::new(self.shared.clone())
    }

    /// Connects, and connects again whenever the connection is lost, until [`Headwater::stop_sync`].
    /// Returns at once.
    ///
    /// # Errors
    /// No server is named.
    pub fn start_sync(&self) -> Result<(), Error> {
        self.sync().start()
    }

    /// Ends the connection. Local work goes on.
    ///
    /// # Errors
    /// The peer is closed.
    pub fn stop_sync(&self) -> Result<(), Error> {
        self.sync().stop()
    }

    /// Closes the peer, and waits until its files are closed. Whatever is asked of it from then on is
    /// [`Error::Closed`], and streams end. May be called in a callback.
    pub fn close(&self) {
        self.shared.close();
    }
}

/// In the folder of the peer.
const ATTACHMENTS_DIR: &str = "attachments";

pub(crate) fn server(config: &Config) -> Result<Option<Server>, Error> {
    let Some(endpoint) = config.endpoint()? else { return Ok(None) };
    let tls = Tls::new(&config.ca_certificates).ok_or_else(|| Error::Server {
        url: config.server.clone().unwrap_or_default(),
        why: "what was given as a CA's certificate is none",
    })?;
    Ok(Some(Server { endpoint, tls }))
}

/// A source of tokens that logs in.
fn by_login(source: LoginSource, server: Server) -> TokenSource {
    Arc::new(move || {
        let (token, provider) = source()?;
        login::log_in(&server, &token, &provider).ok().map(|login| login.access_token)
    })
}

fn ask_for_token(source: TokenSource, mailbox: Mailbox) -> Callback {
    Box::new(move || {
        if let Some(token) = source() {
            let given = mailbox.start(move |core| {
                core.authenticate(token);
                Ok(())
            });
            drop(given); // nobody waits for it
        }
    })
}

impl Shared {
    /// A number for one who is told what changed.
    pub(crate) fn watch(&self) -> WatchId {
        WatchId(self.watches.fetch_add(1, Relaxed))
    }

    pub(crate) fn callback_target(&self) -> (WatchId, Target) {
        let watch = self.watch();
        (watch, Target::Callback(self.callbacks.clone(), watch))
    }

    /// Nobody is told any more. Waits for nothing.
    pub(crate) fn unwatch(&self, watch: WatchId) {
        let cancelled = self.mailbox.start(move |core| {
            core.watches.cancel(&mut core.peer, watch);
            Ok(())
        });
        drop(cancelled);
    }

    pub(crate) fn spawn(&self, name: &str, run: impl FnOnce() + Send + 'static) -> Result<(), String> {
        let thread = thread::Builder::new().name(name.to_owned()).spawn(run).map_err(|error| error.to_string())?;
        self.threads.lock().unwrap_or_else(PoisonError::into_inner).push(thread);
        Ok(())
    }

    pub(crate) fn close(&self) {
        self.callbacks.close();
        self.attachments.close();
        self.mailbox.post(Message::Close);
        let threads = std::mem::take(&mut *self.threads.lock().unwrap_or_else(PoisonError::into_inner));
        if self.mailbox.is_own_thread() {
            return; // the last handle was a transaction's: they end by themselves
        }
        for thread in threads {
            if thread.thread().id() != thread::current().id() {
                let _ = thread.join(); // one that panicked has ended too
            }
        }
    }
}

impl Drop for Shared {
    fn drop(&mut self) {
        self.close();
    }
}

impl fmt::Debug for Shared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Shared").finish_non_exhaustive()
    }
}
