//! The data directory: its lock, its layout, and the apps in it, which are opened on their first
//! use.
//!
//! Invariants: an app is whole or not there, whenever the process ends; one app's damage keeps no
//! other from being opened; a look-up of an open app waits for nobody's disk.
//! Not here: how long an app stays open (crate `topics`).

pub(crate) mod take_over;

use std::{
    collections::{BTreeMap, BTreeSet},
    fs::{File, OpenOptions, TryLockError},
    io::{Read, Write},
    path::{Path, PathBuf},
    sync::{
        Arc, Mutex, RwLock,
        atomic::{AtomicBool, Ordering::SeqCst},
    },
    time::{Duration, Instant},
};

use files::DirectoryFormat;

use crate::{
    app::{App, STOP_TIMEOUT},
    app_name::AppName,
    deletion::{self, DeleteAppError},
    disk::{self, DiskSpace},
    journal::{self, Journal, segment::SegmentError},
    newest_note::{NEWEST_FILE, NewestNote},
    open::{ATTACHMENTS, JOURNAL, fresh_site},
    open_error::OpenError,
    options::{StoreOptions, WallClock},
    position::TxnId,
    register::{Instance, REGISTER_FILE, Register},
    settings,
    slot::Slot,
    trusted_clock::TrustedClock,
};

/// Why an app cannot be created.
#[derive(Debug, thiserror::Error)]
pub enum CreateAppError {
    /// There is one of that name.
    #[error("there is an app {0:?} already")]
    Exists(String),
    /// One of that name is being deleted, and something still holds its files.
    #[error("an app {0:?} is still being deleted; try again, or restart the server")]
    BeingDeleted(String),
    /// Its files cannot be made.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// It was made, and cannot be opened.
    #[error(transparent)]
    Unavailable(#[from] AppUnavailable),
}

/// Why an app cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AppUnavailable {
    /// There is none of that name.
    #[error("there is no app {app:?}")]
    NotFound {
        /// The name.
        app: String,
    },
    /// Its folder is missing, or it cannot be opened. Other apps are not concerned.
    #[error("app {app:?} cannot be opened: {reason}")]
    Damaged {
        /// Its name.
        app: String,
        /// Why.
        reason: String,
    },
    /// Not now.
    #[error("app {app:?} cannot be opened at the moment: {reason}; try again")]
    Busy {
        /// Its name.
        app: String,
        /// Why.
        reason: String,
    },
    /// The server is about to end.
    #[error("the server is stopping")]
    Stopping,
}

/// The folder with a folder for each app.
pub const APPS: &str = "apps";

/// How the name of a folder begins in which an app is being made; no app's name does.
const HALF_MADE_PREFIX: &str = ".new-";

/// With more apps than this a small one gets fewer threads.
const FEW_APPS: usize = 16;

/// How long the closing of an app waits for those that look at its numbers.
const CLOSING_TIMEOUT: Duration = Duration::from_secs(10);

const LOCK_FILE: &str = "lock";

/// How often the lock is tried before somebody else has the directory, and after which pauses.
const LOCK_TRIES: u32 = 5;
const LOCK_PAUSE: Duration = Duration::from_millis(10);

/// An opened data directory; locked until dropped.
#[derive(Debug)]
pub struct DataDir {
    path: PathBuf,
    options: StoreOptions,
    clock: Arc<TrustedClock>,
    random: fn() -> [u8; 16],
    /// Every registered app. Held for a look-up only.
    slots: RwLock<BTreeMap<String, Arc<Slot>>>,
    /// As it is to be on disk. One app is made at a time.
    register: Mutex<Register>,
    /// The apps whose deletion is not finished, each as it was opened, while somebody holds it.
    deleted: Mutex<BTreeMap<AppName, Option<Arc<App>>>>,
    stopping: AtomicBool,
    all_sealed: bool,
    newest_note: NewestNote,
    /// Held for its lock.
    _lock: File,
}

impl DataDir {
    /// Opens `path` (created 0700 if missing) and reads which apps there are; each is opened on its
    /// first use. Fails only for what concerns all of them. `random` gives fresh random bytes for
    /// instance and site ids.
    pub fn open(
        path: &Path,
        options: StoreOptions,
        clock: Arc<dyn WallClock>,
        random: fn() -> [u8; 16],
    ) -> Result<Arc<Self>, OpenError> {
        let lock = lock(path)?;
        let io = |act, path: &Path| {
            let path = path.to_owned();
            move |source| OpenError::Io { act, path, source }
        };
        let apps_dir = path.join(APPS);
        let registered = Register::read(path)?;
        if registered.is_none()
            && let Some(error) = register_missing(path)?
        {
            return Err(error);
        }
        let clock = Arc::new(TrustedClock::open(path, clock, options.accept_clock)?);
        files::ensure_directory(&apps_dir).map_err(io("cannot create", &apps_dir))?;
        let mut found = Folders::of(path).map_err(io("cannot list", &apps_dir))?;
        found.remove_half_made();
        let register = match &registered {
            Some(registered) => found.taken_into(registered),
            None => found.as_register(),
        };
        if registered.as_ref() != Some(&register)
            && let Err(error) = register.write(path)
        {
            if registered.is_none() {
                // Soon a directory without one is damaged.
                return Err(io("cannot write", &path.join(REGISTER_FILE))(error));
            }
            // A full disk, say. The next start does the same again.
            tracing::warn!(%error, "the register of apps cannot be written");
        }
        let mut all_sealed = true;
        let slot = |(name, instance): (&AppName, &Option<Instance>)| {
            let slot = Slot::new(name.clone(), apps_dir.join(name.as_str()), *instance);
            // Also of one that is not opened for long: soon a file without a checksum is damage.
            let sealed = settings::seal_old(&slot.dir).err().map(|error| error.to_string());
            all_sealed &= sealed.is_none();
            slot.set_damage(folder_damage(&slot.dir, *instance).or(sealed));
            (name.as_str().to_owned(), slot)
        };
        let is_there = |(name, _): &(&AppName, _)| !found.deleted.contains(name);
        let slots = RwLock::new(register.apps.iter().filter(is_there).map(slot).collect());
        let deleted = Mutex::new(found.deleted.iter().map(|name| (name.clone(), None)).collect());
        let (register, stopping) = (Mutex::new(register), AtomicBool::new(false));
        let path = path.to_owned();
        let noted_at = options.newest_note.clone().unwrap_or_else(|| path.join(NEWEST_FILE));
        let newest_note = NewestNote::read(&noted_at);
        Ok(Arc::new(Self {
            path,
            options,
            clock,
            random,
            slots,
            register,
            deleted,
            stopping,
            all_sealed,
            newest_note,
            _lock: lock,
        }))
    }

    /// Whether every small file of every app has its checksum by now: where one could not be
    /// written, a file of the first version is not damage yet.
    pub fn is_sealed(&self) -> bool {
        self.all_sealed
    }

    /// Its path.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Room where the data is. Blocks on disk.
    pub fn space(&self) -> std::io::Result<DiskSpace> {
        let (free_bytes, total_bytes) = disk::space(&self.path)?;
        Ok(DiskSpace { free_bytes, total_bytes })
    }

    /// The clock that it dates by, and whether it is believed.
    pub fn clock(&self) -> &Arc<TrustedClock> {
        &self.clock
    }

    /// The app of that name, which is opened if need be: a torn tail is cut, and what the documents
    /// lack is replayed. Blocks on disk.
    pub fn app(&self, name: &str) -> Result<Arc<App>, AppUnavailable> {
        let slot = self.slot(name).ok_or_else(|| AppUnavailable::NotFound { app: name.to_owned() })?;
        if let Some(app) = slot.opened() {
            return Ok(app);
        }
        let turn = slot.turn();
        // Somebody else may have opened it meanwhile.
        if let Some(app) = slot.opened() {
            return Ok(app);
        }
        if slot.is_deleted() {
            return Err(AppUnavailable::NotFound { app: name.to_owned() });
        }
        if self.stopping.load(SeqCst) {
            return Err(AppUnavailable::Stopping);
        }
        match self.open_app(&slot) {
            Ok(app) => {
                turn.put(app.clone());
                Ok(app)
            }
            Err(reason) => {
                slot.set_damage(Some(reason.clone()));
                Err(AppUnavailable::Damaged { app: name.to_owned(), reason })
            }
        }
    }

    fn open_app(&self, slot: &Slot) -> Result<Arc<App>, String> {
        let known = *slot.instance.read().expect("not poisoned");
        if let Some(damage) = folder_damage(&slot.dir, known) {
            return Err(damage);
        }
        let app = App::open(&slot.dir, slot.name.clone(), &self.options_for(slot), self.clock.clone(), self.random);
        let app = app.map_err(|error| error.to_string())?;
        if let Some(noted) = self.newest_note.of(&slot.name, app.instance()).filter(|noted| *noted > app.newest_txn()) {
            app.note_ahead(|| format!("this server has given out transaction {} before", noted.0));
        }
        if known.is_none() {
            let mut register = self.register.lock().expect("not poisoned");
            register.apps.insert(slot.name.clone(), Some(app.instance()));
            let written = register.write(&self.path);
            written.map_err(|error| format!("it cannot be entered in the register of apps: {error}"))?;
            *slot.instance.write().expect("not poisoned") = Some(app.instance());
        }
        Ok(Arc::new(app))
    }

    /// Of many apps a small one has one thread for its tables.
    fn options_for(&self, slot: &Slot) -> StoreOptions {
        let is_small = journal::is_in_first_segment(&slot.dir.join(JOURNAL)).unwrap_or(false);
        let are_many = self.slots.read().expect("not poisoned").len() > FEW_APPS;
        let engine_threads = if is_small && are_many { 1 } else { self.options.engine_threads };
        StoreOptions { engine_threads, ..self.options.clone() }
    }

    fn slot(&self, name: &str) -> Option<Arc<Slot>> {
        self.slots.read().expect("not poisoned").get(name).cloned()
    }

    /// Whether there is an app of that name, open or not.
    pub fn has_app(&self, name: &str) -> bool {
        self.slots.read().expect("not poisoned").contains_key(name)
    }

    /// The name of every app, open or not, sorted.
    pub fn app_names(&self) -> Vec<AppName> {
        self.slots.read().expect("not poisoned").values().map(|slot| slot.name.clone()).collect()
    }

    /// The app of that name if it is open.
    pub fn opened(&self, name: &str) -> Option<Arc<App>> {
        self.slot(name)?.opened()
    }

    /// The apps that are open, sorted by name. Whoever holds one keeps it from being closed.
    pub fn open_apps(&self) -> Vec<Arc<App>> {
        self.slots.read().expect("not poisoned").values().filter_map(|slot| slot.opened()).collect()
    }

    /// Why the app of that name cannot be opened, as far as that is known.
    pub fn damage(&self, name: &str) -> Option<String> {
        self.slot(name)?.damage()
    }

    /// The apps of which it is known that they cannot be opened, sorted by name, each with the
    /// reason.
    pub fn damaged_apps(&self) -> Vec<(AppName, String)> {
        let slots = self.slots.read().expect("not poisoned");
        slots.values().filter_map(|slot| Some((slot.name.clone(), slot.damage()?))).collect()
    }

    /// The app's newest transaction, if it is open or was since the start.
    pub fn newest_txn(&self, name: &str) -> Option<TxnId> {
        self.slot(name)?.newest_txn()
    }

    /// Notes why an app cannot be served, though its documents and its journal may be whole.
    pub fn note_damage(&self, name: &str, reason: &str) {
        if let Some(slot) = self.slot(name) {
            slot.set_damage(Some(reason.to_owned()));
        }
    }

    /// Whether retention would trim events of an app that is not open. Blocks on disk.
    pub fn has_old_events(&self, name: &str) -> bool {
        let (Some(slot), Some(limit)) = (self.slot(name), self.options.retention_ms) else { return false };
        let Some(now_ms) = self.clock.time().believed_ms() else { return false };
        let oldest_kept_ms = now_ms.saturating_sub(limit);
        // What cannot be read is told by whoever opens the app.
        slot.opened().is_none()
            && journal::oldest_sealed_ms(&slot.dir.join(JOURNAL))
                .is_ok_and(|ms| ms.is_some_and(|ms| ms < oldest_kept_ms))
    }

    /// Whether an app that is not open has an attachment that no document held `grace_ms` ago, as far
    /// as that was noted. Blocks on disk.
    pub fn has_old_attachments(&self, name: &str, grace_ms: u64) -> bool {
        let (Some(slot), Some(now_ms)) = (self.slot(name), self.clock.time().believed_ms()) else { return false };
        slot.opened().is_none()
            && attachments::has_unheld_since(&slot.dir.join(ATTACHMENTS), now_ms.saturating_sub(grace_ms))
    }

    /// Makes an app, and opens it. Blocks on disk.
    pub fn create_app(&self, name: &AppName) -> Result<Arc<App>, CreateAppError> {
        self.make_app(name)?;
        Ok(self.app(name.as_str())?)
    }

    /// Makes an app: elsewhere first, so that a crash or a full disk leaves no half of one. It is
    /// opened on its first use. Blocks on disk; who uses another app does not wait for it.
    pub fn make_app(&self, name: &AppName) -> Result<(), CreateAppError> {
        let mut register = self.register.lock().expect("not poisoned");
        if self.deleted.lock().expect("not poisoned").contains_key(name) {
            return Err(CreateAppError::BeingDeleted(name.as_str().to_owned()));
        }
        if register.apps.contains_key(name) {
            return Err(CreateAppError::Exists(name.as_str().to_owned()));
        }
        let instance = self.make_folder(name)?;
        let mut with_it = register.clone();
        with_it.apps.insert(name.clone(), Some(instance));
        let path = self.path.join(REGISTER_FILE);
        // The folder stays if this fails: nobody knows whether the register on disk has it.
        with_it.write(&self.path).map_err(|source| OpenError::Io { act: "cannot write", path, source })?;
        *register = with_it;
        let slot = Slot::new(name.clone(), self.app_dir(name), Some(instance));
        slot.remember_txn(TxnId(0));
        self.slots.write().expect("not poisoned").insert(name.as_str().to_owned(), slot);
        Ok(())
    }

    /// Makes a whole folder, or finds the one that an earlier attempt left.
    fn make_folder(&self, name: &AppName) -> Result<Instance, OpenError> {
        let dir = self.app_dir(name);
        let io = |act, path: &Path| {
            let path = path.to_owned();
            move |source| OpenError::Io { act, path, source }
        };
        if dir.exists() {
            let apps_dir = self.path.join(APPS);
            files::sync_directory(&apps_dir).map_err(io("cannot sync", &apps_dir))?;
            let nothing = || OpenError::Damaged { path: dir.clone(), at: 0, message: "it is no whole app".into() };
            return journal::identity_in(&dir.join(JOURNAL))?.ok_or_else(nothing);
        }
        let half_made = self.path.join(APPS).join(format!("{HALF_MADE_PREFIX}{}", name.as_str()));
        let instance = (self.random)();
        let made = files::remove_tree(&half_made)
            .and_then(|()| files::ensure_directory(&half_made))
            .map_err(io("cannot create", &dir))
            .and_then(|()| {
                let site = fresh_site(self.random);
                let path = half_made.join(JOURNAL);
                Ok(Journal::create(&path, self.options.segment_bytes, instance, site, self.random)?)
            })
            .and_then(|_| files::move_durably(&half_made, &dir).map_err(io("cannot create", &dir)));
        if let Err(error) = made {
            // It takes up room. Otherwise the next start removes it.
            let _ = files::remove_tree(&half_made);
            return Err(error);
        }
        Ok(instance)
    }

    /// Begins to delete an app: when this returns there is none of that name any more, also after a
    /// crash. Its files stay until [`DataDir::finish_deletion`], and as long no app of that name can
    /// be made. What still holds it can read, and not write. Blocks on disk.
    ///
    /// # Errors
    /// [`DeleteAppError::NotFound`], or what kept it from being noted: then the app is as it was.
    pub fn begin_deletion(&self, name: &str) -> Result<AppName, DeleteAppError> {
        let not_found = || DeleteAppError::NotFound { app: name.to_owned() };
        let slot = self.slot(name).ok_or_else(not_found)?;
        let turn = slot.turn();
        if slot.is_deleted() {
            return Err(not_found());
        }
        deletion::note(&self.path.join(APPS), &slot.name)?;
        turn.delete();
        let app = turn.take();
        self.deleted.lock().expect("not poisoned").insert(slot.name.clone(), app.clone());
        self.slots.write().expect("not poisoned").remove(name);
        drop(turn);
        if let Some(app) = app {
            app.stop(Instant::now() + STOP_TIMEOUT);
        }
        tracing::warn!(app = name, "the app is deleted");
        Ok(slot.name.clone())
    }

    /// The apps whose deletion was begun, perhaps before the last start, and is not finished.
    pub fn unfinished_deletions(&self) -> Vec<AppName> {
        self.deleted.lock().expect("not poisoned").keys().cloned().collect()
    }

    /// Whether nobody holds an app any more whose deletion was begun.
    pub fn is_let_go(&self, name: &AppName) -> bool {
        let mut deleted = self.deleted.lock().expect("not poisoned");
        let Some(app) = deleted.get_mut(name) else { return true };
        let is_let_go = app.as_ref().is_none_or(|app| app.holders() == 0);
        if is_let_go {
            *app = None;
        }
        is_let_go
    }

    /// Removes what is left of an app whose deletion was begun; its name is free then. To be called
    /// once nobody holds it ([`DataDir::is_let_go`]) and nothing beside the store is left of it:
    /// until this has come to its end, the next start finds it among
    /// [`DataDir::unfinished_deletions`]. Can be called again. Blocks on disk.
    pub fn finish_deletion(&self, name: &AppName) -> Result<(), OpenError> {
        let io = |act, path: PathBuf| move |source| OpenError::Io { act, path, source };
        let dir = self.app_dir(name);
        if !self.deleted.lock().expect("not poisoned").contains_key(name) {
            return Ok(());
        }
        files::remove_tree(&dir).map_err(io("cannot remove", dir))?;
        let mut register = self.register.lock().expect("not poisoned");
        let mut without_it = register.clone();
        if without_it.apps.remove(name).is_some() {
            without_it.write(&self.path).map_err(io("cannot write", self.path.join(REGISTER_FILE)))?;
            *register = without_it;
        }
        let apps_dir = self.path.join(APPS);
        deletion::forget(&apps_dir, name).map_err(io("cannot remove a note in", apps_dir))?;
        self.deleted.lock().expect("not poisoned").remove(name);
        tracing::info!(app = name.as_str(), "nothing is left of the deleted app");
        Ok(())
    }

    fn app_dir(&self, name: &AppName) -> PathBuf {
        self.path.join(APPS).join(name.as_str())
    }

    /// Closes an app after its queued writes; `before` is called when it has stopped, to let go of
    /// what else holds it. Nobody else may hold it but for a moment. It is opened again on its next
    /// use. Blocks on disk.
    pub fn close_app(&self, app: Arc<App>, before: impl FnOnce()) {
        let Some(slot) = self.slot(app.name().as_str()) else { return };
        let turn = slot.turn();
        drop(turn.take());
        app.stop(Instant::now() + STOP_TIMEOUT);
        before();
        slot.remember_txn(app.newest_txn());
        let began = Instant::now();
        // Who shows its numbers may have taken it before.
        while app.holders() > 0 {
            if began.elapsed() > CLOSING_TIMEOUT {
                tracing::error!(app = app.name().as_str(), "the app was closed while somebody held it");
                break;
            }
            std::thread::sleep(Duration::from_millis(1));
        }
        drop(app);
    }

    /// Notes the newest transactions of the apps that are open, durably, for the next start. Blocks on
    /// disk.
    pub fn note_newest(&self) -> std::io::Result<()> {
        let apps = self.open_apps().into_iter().map(|app| (app.name().clone(), app.instance(), app.newest_txn()));
        self.newest_note.note(apps)
    }

    /// Finishes queued writes, stops the sequencers, and writes the documents out so that the next
    /// start replays nothing. No app is opened any more.
    pub fn stop(&self) {
        let deadline = Instant::now() + STOP_TIMEOUT;
        self.stopping.store(true, SeqCst);
        let slots: Vec<_> = self.slots.read().expect("not poisoned").values().cloned().collect();
        for slot in slots {
            let _turn = slot.turn();
            if let Some(app) = slot.opened() {
                app.stop(deadline);
            }
        }
        if let Err(error) = self.note_newest() {
            tracing::warn!(%error, "the newest transactions cannot be noted for the next start");
        }
    }
}

/// The folders that are there.
pub(crate) struct Folders {
    path: PathBuf,
    pub(crate) apps: Vec<AppName>,
    /// Of apps that were being made at a crash.
    pub(crate) half_made: Vec<PathBuf>,
    /// Apps that are deleted, whatever is left of them. They are not among the others.
    pub(crate) deleted: BTreeSet<AppName>,
}

impl Folders {
    pub(crate) fn of(data_dir: &Path) -> std::io::Result<Self> {
        let path = data_dir.join(APPS);
        let (mut apps, mut half_made, mut deleted) = (Vec::new(), Vec::new(), BTreeSet::new());
        for entry in std::fs::read_dir(&path)? {
            let dir = entry?.path();
            let name = dir.file_name().and_then(|name| name.to_str()).unwrap_or_default();
            match AppName::new(name) {
                Ok(name) => apps.push(name),
                Err(_) if name.starts_with(HALF_MADE_PREFIX) => half_made.push(dir),
                Err(_) if deletion::noted_in(name).is_some() => deleted.extend(deletion::noted_in(name)),
                Err(_) => tracing::warn!(path = %dir.display(), "not an app's directory; left alone"),
            }
        }
        apps.retain(|name| !deleted.contains(name));
        Ok(Self { path, apps, half_made, deleted })
    }

    /// Nothing was ever put into them.
    fn remove_half_made(&mut self) {
        for dir in self.half_made.drain(..) {
            match files::remove_tree(&dir) {
                Ok(()) => tracing::info!(path = %dir.display(), "removed what was left of an app that was being made"),
                Err(error) => tracing::warn!(path = %dir.display(), %error, "cannot be removed"),
            }
        }
    }

    pub(crate) fn identity(&self, name: &AppName) -> Result<Option<Instance>, SegmentError> {
        journal::identity_in(&self.path.join(name.as_str()).join(JOURNAL))
    }

    /// All of them: the directory is from a version without a register.
    pub(crate) fn as_register(&self) -> Register {
        // What cannot be read is told when the app is opened.
        Register { apps: self.apps.iter().map(|name| (name.clone(), self.identity(name).ok().flatten())).collect() }
    }

    /// The register, with those that were made right before a crash.
    fn taken_into(&self, registered: &Register) -> Register {
        let mut register = registered.clone();
        for name in self.apps.iter().filter(|name| !registered.apps.contains_key(name)) {
            match self.identity(name) {
                Ok(Some(instance)) => {
                    tracing::warn!(app = name.as_str(), "the app was not in the register, and is whole: taken in");
                    register.apps.insert(name.clone(), Some(instance));
                }
                _ => tracing::warn!(app = name.as_str(), "not in the register, and no whole app; left alone"),
            }
        }
        register
    }
}

/// The error, if the directory must have a register of apps: one of the first version had none.
pub(crate) fn register_missing(data_dir: &Path) -> Result<Option<OpenError>, OpenError> {
    let error = |path: PathBuf, message: String| OpenError::Register { path, message };
    let format = DirectoryFormat::of(data_dir).map_err(|e| error(data_dir.to_owned(), e.to_string()))?;
    let message = "it is missing, and without it nobody knows which apps there are: restore it from a backup";
    Ok((!format.may_be_old()).then(|| error(data_dir.join(REGISTER_FILE), message.to_owned())))
}

/// What is wrong with an app's folder, as far as that is seen from outside.
pub(crate) fn folder_damage(dir: &Path, instance: Option<Instance>) -> Option<String> {
    if !dir.is_dir() {
        return Some(format!("{} is missing: the register of apps has it", dir.display()));
    }
    let instance = instance?;
    match journal::identity_in(&dir.join(JOURNAL)) {
        Ok(Some(found)) if found == instance => None,
        Ok(Some(_)) => Some(format!("{} is of another app: its journal has another instance", dir.display())),
        Ok(None) => Some(format!("{} has no journal", dir.display())),
        Err(error) => Some(error.to_string()),
    }
}

/// The apps that the register of a data directory has, which nobody need have open.
///
/// # Errors
/// It has no register, or a damaged one.
pub fn registered_apps(path: &Path) -> Result<Vec<AppName>, OpenError> {
    let missing = || {
        let path = path.join(REGISTER_FILE);
        OpenError::Register { path, message: "it is missing: this is no data directory".into() }
    };
    Ok(Register::read(path)?.ok_or_else(missing)?.apps.into_keys().collect())
}

/// Who has a data directory open.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DataDirUser {
    /// Nobody.
    Nobody,
    /// The process of that number, as itself sees it.
    Process(u32),
    /// It cannot be told, or somebody who is about to say so.
    Unknown,
}

/// Who has the data directory at `path` open. The number of a process alone does not say that: it
/// may be another's by now.
pub fn user_of(path: &Path) -> DataDirUser {
    let mut file = match File::open(path.join(LOCK_FILE)) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return DataDirUser::Nobody,
        Err(_) => return DataDirUser::Unknown,
        Ok(file) => file,
    };
    match file.try_lock() {
        Ok(()) => DataDirUser::Nobody,
        Err(TryLockError::WouldBlock) => noted_pid(&mut file).map_or(DataDirUser::Unknown, DataDirUser::Process),
        Err(TryLockError::Error(_)) => DataDirUser::Unknown,
    }
}

fn noted_pid(file: &mut File) -> Option<u32> {
    let mut pid = String::new();
    file.read_to_string(&mut pid).ok()?;
    pid.trim().parse().ok()
}

/// The lock; [`user_of`] has it for a moment.
fn try_lock(file: &File) -> Result<(), TryLockError> {
    let mut left = LOCK_TRIES;
    loop {
        left -= 1;
        match file.try_lock() {
            Err(TryLockError::WouldBlock) if left > 0 => std::thread::sleep(LOCK_PAUSE),
            tried => return tried,
        }
    }
}

/// Takes the directory for this process, making it if it is missing.
pub(crate) fn lock(path: &Path) -> Result<File, OpenError> {
    let lock_path = path.join(LOCK_FILE);
    let io = |act, path: &Path| {
        let path = path.to_owned();
        move |source| OpenError::Io { act, path, source }
    };
    files::ensure_directory(path).map_err(io("cannot create", path))?;
    let open = OpenOptions::new().read(true).write(true).create(true).truncate(false).open(&lock_path);
    let mut file = open.map_err(io("cannot open", &lock_path))?;
    match try_lock(&file) {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => {
            let pid = noted_pid(&mut file);
            return Err(OpenError::Locked { path: path.to_owned(), pid });
        }
        Err(TryLockError::Error(source)) => return Err(io("cannot lock", &lock_path)(source)),
    }
    let noted = file.set_len(0).and_then(|()| file.write_all(format!("{}\n", std::process::id()).as_bytes()));
    noted.map_err(io("cannot write", &lock_path))?;
    Ok(file)
}
