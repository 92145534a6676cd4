//! A peer that is open: its threads, and the way to its parts.

use std::{
    fmt, fs,
    sync::{Arc, Mutex, PoisonError},
    thread::{self, JoinHandle},
};

use key_values::{DiskOptions, FjallDisk};
use peer_core::{Options, Peer, SPACES};

use crate::{
    Config, Error, Store, Sync,
    callbacks::Callbacks,
    clock,
    core::Core,
    limits::CACHE_BYTES,
    mailbox::{Mailbox, Message},
};

/// The folder of the store below that of the peer.
const STORE_DIR: &str = "store";

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
    threads: Mutex<Vec<JoinHandle<()>>>,
}

impl Headwater {
    /// Opens the peer in the folder, or makes a new one. No network is needed, and sync is stopped at
    /// first.
    ///
    /// # Errors
    /// The URL of the server can be none; the folder cannot be made, is another process's, or is
    /// damaged.
    pub fn open(config: Config) -> Result<Self, Error> {
        let endpoint = config.endpoint()?;
        let failed = |why: String| Error::Open { dir: config.dir.clone(), why };
        fs::create_dir_all(&config.dir).map_err(|error| failed(error.to_string()))?;
        let options = DiskOptions { cache_bytes: CACHE_BYTES, threads: 1, spaces: SPACES };
        let disk = FjallDisk::open(&config.dir.join(STORE_DIR), &options);
        let disk = Box::new(disk.map_err(|error| failed(error.to_string()))?);
        let sdk = concat!("rust/", env!("CARGO_PKG_VERSION")).to_owned();
        let options = Options { sdk, token: config.token.clone(), strict: config.strict };
        let peer = Peer::open(disk, options, clock::seed()).map_err(|error| failed(error.to_string()))?;

        let (mailbox, inbox) = Mailbox::new();
        let callbacks = Arc::new(Callbacks::default());
        let core = Core::new(peer, endpoint, callbacks.clone(), mailbox.clone());
        let shared =
            Arc::new(Shared { mailbox: mailbox.clone(), callbacks: callbacks.clone(), threads: Mutex::default() });
        shared.spawn("headwater-peer", move || core.run(&inbox)).map_err(failed)?;
        shared.spawn("headwater-call", move || callbacks.run(&mailbox)).map_err(failed)?;
        Ok(Self { shared })
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
    /// [`Error::Closed`]. May be called in a callback.
    pub fn close(&self) {
        self.shared.close();
    }
}

impl Shared {
    fn spawn(&self, name: &str, run: impl FnOnce() + Send + 'static) -> Result<(), String> {
        let thread = thread::Builder::new().name(name.to_owned()).spawn(run).map_err(|error| error.to_string())?;
        self.threads.lock().unwrap_or_else(PoisonError::into_inner).push(thread);
        Ok(())
    }

    fn close(&self) {
        self.callbacks.close();
        self.mailbox.tell(Message::Close);
        let threads = std::mem::take(&mut *self.threads.lock().unwrap_or_else(PoisonError::into_inner));
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
