//! A peer that is called by messages, in a folder of its own, and what it is told.
//!
//! Not here: what is asked and expected (`script`, `messages`, `queries`).

use std::collections::BTreeMap;
use std::sync::mpsc::{Receiver, sync_channel};
use std::time::Duration;

use anyhow::{Context, Result, anyhow};
use headwater_sdk::bindings::Binding;
use tempfile::TempDir;

use crate::notation::Json;

/// How long an event is waited for.
const EVENT_WAIT: Duration = Duration::from_secs(20);

/// How many events wait for a look; then the callback does.
const EVENTS_MAX: usize = 1_024;

/// A peer; closed, it can be opened again on the same folder.
pub(crate) struct Peer {
    folder: TempDir,
    binding: Binding,
    watches: BTreeMap<String, Watched>,
}

struct Watched {
    number: u64,
    events: Receiver<Vec<u8>>,
}

impl Peer {
    /// Opens a new one, with what a vector says beside `abi` and `dir`.
    ///
    /// # Errors
    /// It cannot be opened.
    pub(crate) fn open(config: Option<&Json>) -> Result<Self> {
        let folder = tempfile::tempdir()?;
        let binding =
            binding(&folder, config.map_or(&[][..], Json::fields)).map_err(|answer| anyhow!("{}", text(&answer)))?;
        Ok(Self { folder, binding, watches: BTreeMap::new() })
    }

    /// Opens it again, beside itself if it was not closed.
    pub(crate) fn open_again(&mut self, config: &Json) -> Result<Json> {
        match binding(&self.folder, config.fields()) {
            Ok(binding) => {
                self.binding = binding;
                Ok(Json::Object(Vec::new()))
            }
            Err(answer) => Json::parse(&text(&answer)),
        }
    }

    pub(crate) fn close(&mut self) {
        self.binding.close();
    }

    /// A message in its bytes.
    pub(crate) fn call(&self, request: &[u8]) -> Vec<u8> {
        self.binding.call(request)
    }

    /// A message in JSON.
    pub(crate) fn ask(&self, request: &Json) -> Result<Json> {
        Json::parse(&text(&self.call(request.to_line().as_bytes())))
    }

    /// Watches under a name; the answer if it is refused.
    pub(crate) fn watch(&mut self, name: &str, request: &Json) -> Result<Option<Json>> {
        let (sender, events) = sync_channel(EVENTS_MAX);
        let on_event = move |event: &[u8]| drop(sender.send(event.to_vec()));
        match self.binding.subscribe(request.to_line().as_bytes(), on_event) {
            Ok(number) => {
                self.watches.insert(name.to_owned(), Watched { number, events });
                Ok(None)
            }
            Err(answer) => Ok(Some(Json::parse(&text(&answer))?)),
        }
    }

    /// The next event; nothing if none comes for long.
    pub(crate) fn event(&self, name: &str) -> Result<Option<Json>> {
        let watched = self.watches.get(name).with_context(|| format!("nothing is watched as {name}"))?;
        let event = watched.events.recv_timeout(EVENT_WAIT).ok();
        event.map(|event| Json::parse(&text(&event))).transpose()
    }

    /// Ends a watch, and gives what it told that nobody looked at.
    pub(crate) fn unwatch(&mut self, name: &str) -> Result<Vec<Json>> {
        let watched = self.watches.remove(name).with_context(|| format!("nothing is watched as {name}"))?;
        self.binding.unsubscribe(watched.number);
        watched.events.try_iter().map(|event| Json::parse(&text(&event))).collect()
    }

    /// The names of what is watched.
    pub(crate) fn watched(&self) -> Vec<String> {
        self.watches.keys().cloned().collect()
    }
}

fn binding(folder: &TempDir, config: &[(String, Json)]) -> Result<Binding, Vec<u8>> {
    let dir = folder.path().join("peer").to_string_lossy().into_owned();
    let mut message =
        Json::Object(vec![("abi".to_owned(), Json::Number(1.into())), ("dir".to_owned(), Json::text(dir))]);
    config.iter().for_each(|(name, value)| message.put(name, value.clone()));
    Binding::open(message.to_line().as_bytes())
}

/// An answer in JSON, as text.
pub(crate) fn text(answer: &[u8]) -> String {
    String::from_utf8_lossy(answer).into_owned()
}
