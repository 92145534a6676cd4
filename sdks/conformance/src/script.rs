//! Scripts: what an app asks of a peer, step by step, what it is answered, and what its watches tell.
//!
//! ```text
//! {"call": {…}, "gives": {…}}
//! {"until": {…}, "gives": {…}}                   the same, again and again until it gives this
//! {"watch": {…}, "as": "name", "event": {…}}     or "gives" if it is refused; no "event" if none comes at once
//! {"of": "name", "event": {…}}                   the next event
//! {"unwatch": "name"}                            there was no other event
//! {"close": true}   {"open": {…}, "gives": {}}   on the same folder, with this configuration
//! ```
//!
//! Invariants: an event that nobody expects is a fault, unless it is the one before once more.
//! Not here: what stands for what is left to chance (`matching`).

use std::collections::BTreeMap;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};

use crate::calls::Listed;
use crate::matching::Names;
use crate::notation::Json;
use crate::peers::Peer;

/// The steps of a case, with what came of those that do not say it yet.
///
/// # Errors
/// Something else came.
pub(crate) fn outputs(case: &Json) -> Result<Vec<(&'static str, Json)>> {
    let mut run = Run {
        peer: Peer::open(case.field("config"))?,
        names: Names::default(),
        listed: Listed::read()?,
        last: BTreeMap::new(),
    };
    let mut steps = Vec::new();
    for (n, step) in case.field("steps").context("it has no steps")?.elements().iter().enumerate() {
        steps.push(run.step(step).with_context(|| format!("step {}, {}", n + 1, step.to_line()))?);
    }
    for name in run.peer.watched() {
        run.unwatch(&name)?;
    }
    Ok(vec![("steps", Json::List(steps))])
}

/// How long `until` asks, and how often.
const UNTIL_WAIT: Duration = Duration::from_secs(20);
const UNTIL_PAUSE: Duration = Duration::from_millis(5);

struct Run {
    peer: Peer,
    names: Names,
    listed: Listed,
    /// The last event of each watch.
    last: BTreeMap<String, Json>,
}

impl Run {
    fn step(&mut self, step: &Json) -> Result<Json> {
        if let Some(call) = step.field("call") {
            let answer = self.peer.ask(&self.names.fill(call)?)?;
            self.listed.check(call.text_of("call").unwrap_or_default(), &answer)?;
            return self.is(step, "gives", answer);
        }
        if let Some(call) = step.field("until") {
            return self.until(step, &self.names.fill(call)?);
        }
        if let Some(watch) = step.field("watch") {
            return self.watch(step, &self.names.fill(watch)?);
        }
        if let Some(name) = step.field("of") {
            let event = self.event(name.as_text().context("a watch has a name")?)?;
            return self.is(step, "event", event);
        }
        if let Some(name) = step.field("unwatch") {
            self.unwatch(name.as_text().context("a watch has a name")?)?;
        } else if step.field("close").is_some() {
            self.peer.close();
        } else if let Some(config) = step.field("open") {
            let answer = self.peer.open_again(config)?;
            return self.is(step, "gives", answer);
        } else {
            bail!("it is no step");
        }
        Ok(step.clone())
    }

    /// Asks until the answer is what is expected.
    fn until(&mut self, step: &Json, request: &Json) -> Result<Json> {
        let expected = step.field("gives").context("what it is asked for until")?;
        let began = Instant::now();
        loop {
            let answer = self.peer.ask(request)?;
            match self.names.clone().check(expected, &answer) {
                Ok(()) => return self.is(step, "gives", answer),
                Err(error) if began.elapsed() > UNTIL_WAIT => return Err(error),
                Err(_) => thread::sleep(UNTIL_PAUSE),
            }
        }
    }

    fn watch(&mut self, step: &Json, request: &Json) -> Result<Json> {
        let name = step.field("as").and_then(Json::as_text).unwrap_or("it");
        if let Some(answer) = self.peer.watch(name, request)? {
            return self.is(step, "gives", answer);
        }
        ensure!(step.field("gives").is_none(), "it is not refused");
        if step.field("event").is_none() {
            return Ok(step.clone()); // of some nothing is told at once
        }
        let event = self.event(name)?;
        self.is(step, "event", event)
    }

    /// The next event that is another than the one before.
    fn event(&mut self, name: &str) -> Result<Json> {
        loop {
            let event = self.peer.event(name)?.with_context(|| format!("{name} tells nothing"))?;
            if self.last.insert(name.to_owned(), event.clone()).as_ref() != Some(&event) {
                return Ok(event);
            }
        }
    }

    fn unwatch(&mut self, name: &str) -> Result<()> {
        let last = self.last.remove(name);
        match self.peer.unwatch(name)?.into_iter().find(|event| Some(event) != last.as_ref()) {
            Some(event) => bail!("{name} tells {}, which nobody expects", event.to_line()),
            None => Ok(()),
        }
    }

    /// The step, which says that this came.
    fn is(&mut self, step: &Json, name: &str, actual: Json) -> Result<Json> {
        let mut step = step.clone();
        match step.field(name) {
            Some(expected) => self.names.check(expected, &actual)?,
            None => step.put(name, without_message(actual)),
        }
        Ok(step)
    }
}

/// Of an error the code alone: what it says to people may change.
pub(crate) fn without_message(mut answer: Json) -> Json {
    if let Some(Ok(code)) = answer.field("error").map(|error| error.text_of("code")) {
        let code = vec![("code".to_owned(), Json::text(code))];
        answer.put("error", Json::Object(code));
    }
    answer
}
