//! Proof that what is noted of live queries is what the events and the documents say
//! (`store::verify` proves those first).
//!
//! The events that are kept are counted once more, from the mark at the oldest; what stands for
//! trimmed ones must be in order, below it, and name every document that a live query carries and
//! whose last event was trimmed. What was trimmed itself is not there to be counted.

use std::{
    collections::{HashMap, HashSet},
    path::Path,
    sync::Arc,
};

use document::DocumentId;
use store::{
    DefinitionKind, Examined, OpenError, SnapshotError, VerifyProgress, VerifyReport, ViewId, ViewLeave,
    split_document_key,
};
use wire::event;

use crate::{
    counts::{Span, span_of},
    definition::{Defined, DefinedQuery},
    head::Head,
    leaves::in_leaves,
    matcher::{Event, Matcher, Seen},
    murmur2,
};

/// At most so many findings of one live query are listed.
const FINDINGS_MAX: usize = 10;

/// As [`store::verify`], what is noted of live queries included.
///
/// # Errors
/// As there.
pub fn verify(path: &Path, progress: &mut dyn FnMut(VerifyProgress<'_>)) -> Result<VerifyReport, OpenError> {
    store::verify_with(path, progress, &mut |app| examine(app))
}

fn examine(app: &Examined<'_>) -> Result<Vec<String>, SnapshotError> {
    let damaged = |message: String| SnapshotError { message };
    let defined = Defined::of(&app.definitions(DefinitionKind::LiveQuery)?).map_err(damaged)?;
    let mut recounts = Vec::new();
    let mut findings = Vec::new();
    for (number, head) in app.view_heads()? {
        let Some(head) = Head::decode(&head) else {
            findings.push(format!("what is known of the live query {} cannot be read", number.0));
            continue;
        };
        let is_it = |one: &&DefinedQuery| one.query.name == head.name && one.query.created_ms == head.created_ms;
        // Of one that was deleted the next start takes it out.
        let Some(one) = defined.live_queries.iter().find(is_it) else { continue };
        if head.partitions.len() != usize::from(one.query.partitions) {
            findings.push(format!("the live query {:?} is not known with as many partitions as it has", head.name));
            continue;
        }
        let filter = one.query.check().map_err(|error| damaged(error.to_string()))?;
        let collection = one.query.collection.clone();
        let granted = one.query.granted().map_err(|error| damaged(error.to_string()))?;
        let (partitions, given_up) = (one.query.partitions, Arc::default());
        let matcher = Matcher { collection, filter, granted, partitions, given_up };
        match Recount::begin(app, number, head, matcher)? {
            Ok(recount) => recounts.push(recount),
            Err(finding) => findings.push(finding),
        }
    }
    app.for_each_event(|record| {
        let event = Event::new(record);
        recounts.iter_mut().for_each(|recount| recount.take(record.offset as u64, &event));
    })?;
    for recount in &mut recounts {
        recount.compare(app)?;
        recount.check_entries(app)?;
        findings.append(&mut recount.findings);
    }
    Ok(findings)
}

/// One live query, counted once more.
struct Recount {
    number: ViewId,
    head: Head,
    matcher: Matcher,
    log_start: u64,
    /// Of each partition, what comes before the journal's begin, and the counted so far.
    before: Vec<u64>,
    totals: Vec<u64>,
    spans: HashMap<(u16, u64), Span>,
    /// By documents key, of the events that are kept.
    leaves: HashMap<Vec<u8>, ViewLeave>,
    findings: Vec<String>,
}

impl Recount {
    /// A finding where there is nothing to begin with.
    fn begin(
        app: &Examined<'_>,
        number: ViewId,
        head: Head,
        matcher: Matcher,
    ) -> Result<Result<Self, String>, SnapshotError> {
        let log_start = app.log_start().max(head.origin);
        let before: Vec<u64> = if log_start == head.origin {
            head.partitions.iter().map(|partition| partition.seeds).collect()
        } else {
            match app.view_mark(number, log_start)? {
                Some(mark) if mark.len() == head.partitions.len() => mark,
                _ => {
                    let name = &head.name;
                    return Ok(Err(format!(
                        "how many events of the live query {name:?} came before {log_start} is not noted"
                    )));
                }
            }
        };
        let (totals, spans, leaves) = (before.clone(), HashMap::new(), HashMap::new());
        Ok(Ok(Self { number, head, matcher, log_start, before, totals, spans, leaves, findings: Vec::new() }))
    }

    fn take(&mut self, at: u64, event: &Event<'_>) {
        if !(self.log_start..self.head.scanned_to).contains(&at) {
            return;
        }
        let Some(seen) = self.matcher.sees(event) else { return };
        let partition = murmur2::partition(event.key(), self.matcher.partitions);
        let total = &mut self.totals[usize::from(partition)];
        let rank = *total;
        *total += 1;
        self.spans
            .entry((partition, span_of(at)))
            .and_modify(|span| span.add(at))
            .or_insert_with(|| Span::beginning_with(at, rank));
        if seen == Seen::Leave
            && let Some((document, txn_id)) = event.document_key().zip(event.txn_id())
        {
            let offset = self.head.partitions[usize::from(partition)].numbering.offset(rank, at);
            self.leaves.insert(document, ViewLeave { partition, offset, txn_id });
        }
    }

    fn find(&mut self, what: String) {
        if self.findings.len() < FINDINGS_MAX {
            self.findings.push(format!("the live query {:?}: {what}", self.head.name));
        }
    }

    /// Holds what is noted against what was counted.
    fn compare(&mut self, app: &Examined<'_>) -> Result<(), SnapshotError> {
        for partition in 0..self.matcher.partitions {
            let index = usize::from(partition);
            let (noted, counted) = (self.head.partitions[index].total, self.totals[index]);
            if noted != counted {
                self.find(format!("partition {partition} has {counted} events, {noted} are noted"));
            }
            // The begin of the first span may be trimmed.
            let mut number = span_of(self.log_start);
            while let Some((found, bytes)) = app.view_counts(self.number, partition, number)? {
                let is_partly_trimmed = found * crate::counts::SPAN_OFFSETS < self.log_start;
                let expected = self.spans.remove(&(partition, found));
                if !is_partly_trimmed && (expected.is_none() || Span::decode(found, &bytes) != expected) {
                    self.find(format!("partition {partition}: the counts of span {found} are not those of the events"));
                }
                let Some(next) = found.checked_add(1) else { break };
                number = next;
            }
        }
        if let Some((partition, span)) = self.spans.keys().next().copied() {
            self.find(format!("partition {partition}: the counts of span {span} are not noted"));
        }
        for (document, expected) in std::mem::take(&mut self.leaves) {
            // A dropped tombstone takes its leaves with it, and its event was trimmed.
            if in_leaves(&app.leaves_of(&document)?, self.number) != Some(expected) {
                let document = String::from_utf8_lossy(&document).replace('\0', " ");
                self.find(format!("the last leave of {document} is not noted as its event says"));
            }
        }
        Ok(())
    }

    /// What stands for trimmed events.
    fn check_entries(&mut self, app: &Examined<'_>) -> Result<(), SnapshotError> {
        let mut events = HashSet::new();
        for partition in 0..self.matcher.partitions {
            let index = usize::from(partition);
            let first = self.head.partitions[index].numbering.first(self.log_start, self.before[index]);
            let mut last = None;
            for entry in app.view_entries(self.number, partition, first) {
                let (offset, entry) = entry?;
                if last.is_some_and(|last| last >= entry.event) || entry.event >= self.log_start {
                    self.find(format!(
                        "partition {partition}: what stands at {offset} is of the event {}",
                        entry.event
                    ));
                }
                last = Some(entry.event);
                events.insert(entry.event);
            }
        }
        let (matcher, mut missing) = (&self.matcher, Vec::new());
        app.for_each_trimmed(|offset, key, document| {
            let Some((collection, id_json)) = split_document_key(key) else { return };
            // What is below the origin was a seed, if it was carried then, which is not known.
            if offset < self.head.origin || events.contains(&offset) || !matcher.wants_collection(collection) {
                return;
            }
            let matches = || {
                let fields = document.value();
                fields
                    .is_some_and(|fields| DocumentId::from_json(id_json).is_ok_and(|id| matcher.matches(&id, &fields)))
            };
            if matcher.carries_all() || matches() {
                let mut name = Vec::new();
                event::write_key(&mut name, collection, id_json);
                missing.push(String::from_utf8_lossy(&name).into_owned());
            }
        })?;
        missing.into_iter().for_each(|name| self.find(format!("nothing stands for the trimmed event of {name}")));
        Ok(())
    }
}
