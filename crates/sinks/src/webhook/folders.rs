//! The folders of the webhooks: `<data-dir>/sinks/<app>/<sink>`.
//!
//! Invariants: what is set aside is open once a sink, whoever asks for it.

use std::{
    collections::HashMap,
    io,
    path::PathBuf,
    sync::{Arc, Mutex, PoisonError},
};

use tokio::task::spawn_blocking;

use super::{kept::app_folder, set_aside::SetAside};

#[derive(Debug)]
pub(crate) struct Folders {
    data_dir: PathBuf,
    /// By app and sink.
    open: Mutex<HashMap<(String, String), Arc<SetAside>>>,
}

impl Folders {
    pub(crate) fn new(data_dir: PathBuf) -> Arc<Self> {
        Arc::new(Self { data_dir, open: Mutex::default() })
    }

    /// The folder of a sink, which may not be there.
    pub(crate) fn folder(&self, app: &str, sink: &str) -> PathBuf {
        app_folder(&self.data_dir, app).join(sink)
    }

    /// What is set aside of a sink.
    pub(crate) async fn set_aside(self: &Arc<Self>, app: &str, sink: &str) -> io::Result<Arc<SetAside>> {
        let (folders, key) = (self.clone(), (app.to_owned(), sink.to_owned()));
        let open = move || {
            let mut open = folders.open.lock().unwrap_or_else(PoisonError::into_inner);
            if let Some(known) = open.get(&key) {
                return Ok(known.clone());
            }
            let opened = Arc::new(SetAside::open(&folders.folder(&key.0, &key.1))?);
            open.insert(key, opened.clone());
            Ok(opened)
        };
        spawn_blocking(open).await.map_err(io::Error::other)?
    }

    /// Removes the folder of a sink; of all sinks of the app if `sink` is `None`.
    pub(crate) async fn remove(self: &Arc<Self>, app: &str, sink: Option<&str>) -> io::Result<()> {
        let (folders, app, sink) = (self.clone(), app.to_owned(), sink.map(str::to_owned));
        let remove = move || {
            let mut open = folders.open.lock().unwrap_or_else(PoisonError::into_inner);
            open.retain(|key, _| key.0 != app || sink.as_ref().is_some_and(|sink| *sink != key.1));
            let folder = app_folder(&folders.data_dir, &app);
            let folder = sink.map_or(folder.clone(), |sink| folder.join(sink));
            files::remove_tree(&folder)
        };
        spawn_blocking(remove).await.map_err(io::Error::other)?
    }
}
