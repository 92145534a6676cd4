//! Deleting an app: its documents and events, its topics, and everything that opens it.
//!
//! Invariants: once it is begun it comes to its end, here or at the next start, and there is no app
//! of that name meanwhile; whatever opened the app opens no later one of its name; a later one
//! begins empty, with topics of its own.
//! Not here: what makes it whole or not at all on disk (`store`), what is withdrawn
//! (`credentials`).

use std::{sync::Arc, time::Duration};

use credentials::{Credentials, CredentialsError, WithdrawnApp};
use store::{AppName, DataDir, OpenError};
use tokio::{
    task::JoinError,
    time::{Instant, sleep},
};

use crate::{blocking::blocking, operations::Operations};

/// How long whoever asks waits for those that hold the app, such as a request that is answered.
const LET_GO_WAIT: Duration = Duration::from_secs(10);
/// How often it is looked whether they have gone.
const LOOK_EVERY: Duration = Duration::from_millis(10);
/// The same once nobody waits for it.
const LOOK_LATER_EVERY: Duration = Duration::from_secs(1);

/// An app that is deleted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeletedApp {
    /// Its name.
    pub name: AppName,
    /// What opened it, and does no more.
    pub withdrawn: WithdrawnApp,
    /// Whether its files are gone. Where somebody still holds them, such as an open live page, they go
    /// once nobody does, and no app of that name can be made before.
    pub is_finished: bool,
}

/// Why an app is not deleted, or not to its end.
#[derive(Debug, thiserror::Error)]
pub enum DeleteAppError {
    /// It is the default app.
    #[error("the default app {app:?} cannot be deleted: start the server with another --app, then delete it")]
    Default {
        /// Its name.
        app: String,
    },
    /// There is none of that name, or its deletion cannot be noted: then it stays.
    #[error(transparent)]
    Store(#[from] store::DeleteAppError),
    /// It is deleted, and something is left of it.
    #[error("app {app:?} is deleted, but something is left of it until the next start: {why}")]
    Unfinished {
        /// Its name.
        app: String,
        /// What went wrong.
        why: String,
    },
    /// The work broke off.
    #[error(transparent)]
    Panicked(#[from] JoinError),
}

/// What is left of an app that is deleted cannot be removed.
#[derive(Debug, thiserror::Error)]
enum UnfinishedError {
    #[error(transparent)]
    Credentials(#[from] CredentialsError),
    #[error(transparent)]
    Store(#[from] OpenError),
    #[error(transparent)]
    Panicked(#[from] JoinError),
}

impl Operations {
    /// Deletes the app of that name, for good: documents, events, live queries, indexes, the offsets
    /// of its consumer groups; its certificates, what keys may do in it and the keys that may do
    /// nothing else; sessions of small peers end. Its files leave the disk. A consumer is cut off, and
    /// a later app of the same name knows nothing of it.
    ///
    /// From the first moment there is no such app any more, also if the process is killed: the next
    /// start goes on. It goes on too if the future is dropped. Waits at most about ten seconds for
    /// those that still hold the app ([`DeletedApp::is_finished`]).
    ///
    /// # Errors
    /// [`DeleteAppError::Default`], [`DeleteAppError::Store`]: nothing was done.
    /// [`DeleteAppError::Unfinished`]: the app is gone, and the next start, or another call of this
    /// kind, has something left to remove.
    pub async fn delete_app(self: &Arc<Self>, name: &str) -> Result<DeletedApp, DeleteAppError> {
        if name == self.default_app.as_str() {
            return Err(DeleteAppError::Default { app: name.to_owned() });
        }
        let (it, name) = (self.clone(), name.to_owned());
        tokio::spawn(async move { it.delete_whole(&name).await }).await?
    }

    async fn delete_whole(self: Arc<Self>, name: &str) -> Result<DeletedApp, DeleteAppError> {
        let name = self.topics.begin_deletion(name).await?;
        let unfinished = |error: UnfinishedError| {
            tracing::error!(app = name.as_str(), %error, "something is left of a deleted app");
            DeleteAppError::Unfinished { app: name.as_str().to_owned(), why: error.to_string() }
        };
        // This cuts the connections of its consumers, which hold it.
        let withdrawn = self.withdraw(&name).await.map_err(unfinished)?;
        let began = Instant::now();
        while !self.is_let_go(&name) {
            if began.elapsed() > LET_GO_WAIT {
                tracing::warn!(app = name.as_str(), "somebody holds the deleted app: its files stay for now");
                tokio::spawn(self.clone().finish_later(name.clone()));
                return Ok(DeletedApp { name, withdrawn, is_finished: false });
            }
            sleep(LOOK_EVERY).await;
        }
        self.finish(&name).await.map_err(unfinished)?;
        Ok(DeletedApp { name, withdrawn, is_finished: true })
    }

    async fn finish_later(self: Arc<Self>, name: AppName) {
        while !self.is_let_go(&name) {
            sleep(LOOK_LATER_EVERY).await;
        }
        if let Err(error) = self.finish(&name).await {
            tracing::error!(app = name.as_str(), %error, "something is left of a deleted app until the next start");
        }
    }

    fn is_let_go(&self, name: &AppName) -> bool {
        if let Some(peers) = &self.peers {
            peers.forget_app(name.as_str());
        }
        self.data_dir.is_let_go(name)
    }

    async fn withdraw(self: &Arc<Self>, name: &AppName) -> Result<WithdrawnApp, UnfinishedError> {
        let (it, name) = (self.clone(), name.clone());
        blocking(move || it.credentials.withdraw_app(name.as_str(), it.clock.now_ms())).await
    }

    async fn finish(self: &Arc<Self>, name: &AppName) -> Result<(), UnfinishedError> {
        let (it, name) = (self.clone(), name.clone());
        blocking(move || remove_rest(&it.data_dir, &it.credentials, &name, it.clock.now_ms())).await
    }
}

/// Removes what is left of apps whose deletion did not come to its end before the last start. To be
/// called before anything of the directory is served; blocks on disk. What cannot be removed is
/// logged, and keeps only its own name taken.
pub fn finish_deletions(data_dir: &DataDir, credentials: &Credentials, now_ms: u64) {
    for name in data_dir.unfinished_deletions() {
        if let Err(error) = remove_rest(data_dir, credentials, &name, now_ms) {
            let app = name.as_str();
            tracing::error!(app, %error, "something is left of a deleted app; the next start tries again");
        }
    }
}

/// The credentials first, again: one may have been issued at the last moment.
fn remove_rest(
    data_dir: &DataDir,
    credentials: &Credentials,
    name: &AppName,
    now_ms: u64,
) -> Result<(), UnfinishedError> {
    credentials.withdraw_app(name.as_str(), now_ms)?;
    Ok(data_dir.finish_deletion(name)?)
}
