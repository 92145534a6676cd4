//! Sessions of an app that are behind wait here, and are served by one pass over the events.
//!
//! Invariants: one pass an app at a time, of at most [`SCANNED_TOGETHER_MAX`] sessions, in the order
//! in which they came; one whose turn has not come when a pass is over is among those of the next.
//! Not here: a pass (`changes`).

use std::{
    collections::{HashMap, VecDeque, hash_map::Entry},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use store::App;
use tokio::sync::oneshot;

use crate::{
    changes::{self, ChangesError, Page, Question},
    endpoint::Shared,
    limits::SCANNED_TOGETHER_MAX,
};

/// Those who wait, by app. One that is named is read for.
#[derive(Debug, Default)]
pub(crate) struct Scans(Mutex<HashMap<String, VecDeque<Waiting>>>);

#[derive(Debug)]
struct Waiting {
    question: Question,
    answer: oneshot::Sender<Result<Page, ChangesError>>,
}

/// Reads for a session, with others that wait.
pub(crate) async fn read(shared: &Arc<Shared>, app: &Arc<App>, question: Question) -> Result<Page, ChangesError> {
    let (answer, answered) = oneshot::channel();
    let waiting = Waiting { question, answer };
    match shared.scans.waiting().entry(app.name().as_str().to_owned()) {
        Entry::Occupied(known) => known.into_mut().push_back(waiting),
        Entry::Vacant(place) => {
            place.insert(VecDeque::from([waiting]));
            tokio::spawn(serve(shared.clone(), app.clone()));
        }
    }
    answered.await.unwrap_or_else(|_| Err(ChangesError::Event("a pass over them broke off".to_owned())))
}

impl Scans {
    fn waiting(&self) -> MutexGuard<'_, HashMap<String, VecDeque<Waiting>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The next that are served together; none if nobody waits any more.
    fn next(&self, name: &str) -> Option<Vec<Waiting>> {
        let mut all = self.waiting();
        let waiting = all.get_mut(name)?;
        waiting.retain(|it| !it.answer.is_closed());
        let count = waiting.len().min(SCANNED_TOGETHER_MAX);
        if count == 0 {
            all.remove(name);
            return None;
        }
        Some(waiting.drain(..count).collect())
    }
}

/// Serves who waits until nobody does.
async fn serve(shared: Arc<Shared>, app: Arc<App>) {
    let name = app.name().as_str().to_owned();
    loop {
        let turn = shared.reads.acquire().await.expect("it is never closed");
        let Some(together) = shared.scans.next(&name) else { return };
        let of_app = app.clone();
        let read = move || {
            let questions: Vec<&Question> = together.iter().map(|it| &it.question).collect();
            let answers = changes::pass(&of_app, &questions);
            (together, answers)
        };
        let Ok((together, answers)) = tokio::task::spawn_blocking(read).await else {
            // Whoever waits is told by that nobody will answer.
            shared.scans.waiting().remove(&name);
            return;
        };
        drop(turn);
        let mut left = Vec::new();
        for (waiting, answer) in together.into_iter().zip(answers) {
            match answer {
                Some(answer) => drop(waiting.answer.send(answer)),
                None => left.push(waiting),
            }
        }
        if let Some(waiting) = shared.scans.waiting().get_mut(&name) {
            left.into_iter().rev().for_each(|it| waiting.push_front(it));
        }
    }
}
