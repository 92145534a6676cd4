//! The place of one registered app: whether it is open, and why it cannot be.
//!
//! Invariants: one opening or closing at a time; what is open is found without waiting for either.
//! Not here: which apps there are (`register`), who may have it closed (`data_dir`).

use std::{
    path::PathBuf,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError, RwLock,
        atomic::{AtomicBool, Ordering::SeqCst},
    },
};

use crate::{app::App, app_name::AppName, position::TxnId, register::Instance};

#[derive(Debug)]
pub(crate) struct Slot {
    pub(crate) name: AppName,
    /// The app's folder.
    pub(crate) dir: PathBuf,
    /// What the register says; `None` until the app has one.
    pub(crate) instance: RwLock<Option<Instance>>,
    turn: Mutex<()>,
    open: RwLock<Option<Arc<App>>>,
    damage: RwLock<Option<String>>,
    /// The newest transaction when the app was closed, or made.
    newest_txn: RwLock<Option<TxnId>>,
    /// The app is being deleted: it is not opened any more.
    is_deleted: AtomicBool,
}

/// The right to open or close the app.
pub(crate) struct Turn<'s> {
    slot: &'s Slot,
    _turn: MutexGuard<'s, ()>,
}

impl Slot {
    pub(crate) fn new(name: AppName, dir: PathBuf, instance: Option<Instance>) -> Arc<Self> {
        let (turn, open) = (Mutex::default(), RwLock::default());
        let (damage, newest_txn) = (RwLock::default(), RwLock::default());
        let is_deleted = AtomicBool::new(false);
        Arc::new(Self { name, dir, instance: instance.into(), turn, open, damage, newest_txn, is_deleted })
    }

    /// The app, if it is open.
    pub(crate) fn opened(&self) -> Option<Arc<App>> {
        self.open.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Why it cannot be opened, as far as that is known.
    pub(crate) fn damage(&self) -> Option<String> {
        self.damage.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(crate) fn set_damage(&self, reason: Option<String>) {
        let mut damage = self.damage.write().unwrap_or_else(PoisonError::into_inner);
        if let (Some(reason), true) = (&reason, *damage != reason) {
            tracing::error!(app = self.name.as_str(), reason, "the app cannot be opened");
        }
        *damage = reason;
    }

    /// The newest transaction, if the app is open or was.
    pub(crate) fn newest_txn(&self) -> Option<TxnId> {
        let remembered = || *self.newest_txn.read().unwrap_or_else(PoisonError::into_inner);
        self.opened().map(|app| app.newest_txn()).or_else(remembered)
    }

    pub(crate) fn remember_txn(&self, newest: TxnId) {
        *self.newest_txn.write().unwrap_or_else(PoisonError::into_inner) = Some(newest);
    }

    /// Whether the app is being deleted.
    pub(crate) fn is_deleted(&self) -> bool {
        self.is_deleted.load(SeqCst)
    }

    /// Waits until nobody opens or closes it.
    pub(crate) fn turn(&self) -> Turn<'_> {
        // Whoever panicked within left the app closed.
        Turn { slot: self, _turn: self.turn.lock().unwrap_or_else(PoisonError::into_inner) }
    }
}

impl Turn<'_> {
    /// The app is open now, and whole.
    pub(crate) fn put(&self, app: Arc<App>) {
        self.slot.set_damage(None);
        *self.slot.open.write().unwrap_or_else(PoisonError::into_inner) = Some(app);
    }

    /// Nobody opens the app from here on.
    pub(crate) fn delete(&self) {
        self.slot.is_deleted.store(true, SeqCst);
    }

    /// Nobody finds the app from here on.
    pub(crate) fn take(&self) -> Option<Arc<App>> {
        self.slot.open.write().unwrap_or_else(PoisonError::into_inner).take()
    }
}
