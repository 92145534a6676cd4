//! How a live query's topic comes to be: found in the notes, made, or taken over from an older
//! version.
//!
//! One that is made after events were trimmed begins with what is gone: each document that it
//! carries and whose last event was trimmed is a seed, and the seeds of a partition, in the order
//! of those events, have its first offsets. Whatever is counted begins behind them. Documents that
//! left it before it was made are unknown to it.
//!
//! Invariants: a topic is served once its head is durable; without a head nobody was served, and
//! all is done again. Blocks on disk.
//! Not here: when it is done, which is while nothing is trimmed (`app_topics`).

use std::{collections::HashMap, sync::Arc};

use kafka_wire::record_batch;
use store::{
    App, CommittedOffset, Leaves, SnapshotError, TrimmedChange, TxnId, ViewEntry, ViewFloor, ViewId, ViewLeave,
    ViewNotes, raw_document_key,
};
use wire::event;

use crate::{
    app_topics::ChangeError,
    definition::DefinedQuery,
    gap::matches_now,
    head::{Head, PartitionHead},
    limits::{ENTRIES_AT_ONCE, SLICE_BYTES},
    matcher::{Event, Matcher},
    numbering::Numbering,
    older_view::OlderView,
    progress::Progress,
    view::View,
};

/// Those that are defined, as the notes have them; what is not in the notes is made. Notes of
/// others go, and it is said whether there were any: their leaves are left.
pub(crate) fn open(
    app: &App,
    progress: &Arc<Progress>,
    defined: &[DefinedQuery],
) -> Result<(Vec<Arc<View>>, bool), String> {
    let mut heads = HashMap::new();
    for (number, head) in app.view_heads().map_err(|error| error.to_string())? {
        let unreadable = || format!("what is known of the live query {} cannot be read", number.0);
        let head = Head::decode(&head).ok_or_else(unreadable)?;
        heads.insert((head.name.clone(), head.created_ms), (number, head));
    }
    let mut views = Vec::new();
    for one in defined {
        let failed = |error: &dyn std::fmt::Display| format!("live query {:?}: {error}", one.query.name);
        let head = heads.remove(&(one.query.name.clone(), one.query.created_ms));
        let is_whole = |(_, head): &(ViewId, Head)| head.partitions.len() == usize::from(one.query.partitions);
        let view = match head.filter(is_whole) {
            Some((number, head)) => {
                let matcher = matcher(progress, one).map_err(|error| failed(&error))?;
                View::load(app, number, &head, one.query.clone(), matcher, progress.clone())
                    .map_err(|error| failed(&error))?
            }
            None => make(app, progress, one).map_err(|error| failed(&error))?,
        };
        views.push(Arc::new(view));
    }
    let has_rest = !heads.is_empty();
    for (number, _) in heads.into_values() {
        app.forget_view(number).map_err(|error| error.to_string())?;
    }
    Ok((views, has_rest))
}

/// One of which nothing is noted yet.
pub(crate) fn make(app: &App, progress: &Arc<Progress>, defined: &DefinedQuery) -> Result<View, ChangeError> {
    let matcher = matcher(progress, defined)?;
    let number = app.new_view()?;
    let making = Making { app, number, matcher: &matcher, notes: ViewNotes::default(), leaves: HashMap::new() };
    let partitions = if defined.is_sparse { making.take_over(defined)? } else { making.seed(defined.origin)? };
    let origin = if defined.is_sparse { app.events().log_start() } else { defined.origin };
    let query = defined.query.clone();
    let head = Head { name: query.name.clone(), created_ms: query.created_ms, origin, scanned_to: origin, partitions };
    let mut notes = ViewNotes::default();
    notes.head(number, head.encode());
    app.note_views(notes)?;
    app.persist_notes()?;
    if defined.is_sparse {
        app.forget_older_view(&query.name)?;
    }
    Ok(View::load(app, number, &head, query, matcher, progress.clone())?)
}

fn matcher(progress: &Arc<Progress>, defined: &DefinedQuery) -> Result<Matcher, ChangeError> {
    let query = &defined.query;
    Ok(Matcher {
        collection: query.collection.clone(),
        filter: query.check()?,
        granted: query.granted()?,
        partitions: query.partitions,
        given_up: progress.given_up.clone(),
    })
}

struct Making<'a> {
    app: &'a App,
    number: ViewId,
    matcher: &'a Matcher,
    notes: ViewNotes,
    leaves: HashMap<Vec<u8>, Leaves>,
}

impl Making<'_> {
    /// Notes a seed for each document that it carries and whose last event was before `origin`.
    fn seed(mut self, origin: u64) -> Result<Vec<PartitionHead>, SnapshotError> {
        let mut partitions = vec![PartitionHead::default(); self.matcher.partitions.into()];
        if origin > 0 {
            let snapshot = self.app.snapshot()?;
            for change in snapshot.changes_below(origin) {
                let change = change?;
                if !self.carries_now(&change) {
                    continue;
                }
                let partition = self.partition_of(&change);
                let seeds = &mut partitions[usize::from(partition)].seeds;
                let offset = *seeds;
                *seeds += 1;
                let txn_id = change.stored.txn_id;
                self.note(partition, offset, change.offset, txn_id, &change)?;
            }
        }
        self.write()?;
        partitions.iter_mut().for_each(|partition| partition.total = partition.seeds);
        Ok(partitions)
    }

    fn carries_now(&self, change: &TrimmedChange) -> bool {
        self.matcher.wants_collection(&change.collection)
            && (self.matcher.carries_all() || matches_now(self.matcher, &change.id_json, &change.stored))
    }

    fn partition_of(&self, change: &TrimmedChange) -> u16 {
        let mut key = Vec::with_capacity(change.collection.len() + change.id_json.len() + 8);
        event::write_key(&mut key, &change.collection, &change.id_json);
        self.matcher.partition(&key)
    }

    fn note(
        &mut self,
        partition: u16,
        offset: u64,
        event: u64,
        txn_id: TxnId,
        change: &TrimmedChange,
    ) -> Result<(), SnapshotError> {
        let document = raw_document_key(&change.collection, &change.id_json);
        if !self.carries_now(change) || !change.stored.document.exists() {
            let leave = ViewLeave { partition, offset, txn_id };
            self.leaves.insert(document.clone(), vec![(self.number, leave)]);
        }
        self.notes.entry(self.number, partition, offset, &ViewEntry { event, txn_id, document });
        if self.notes.len() >= ENTRIES_AT_ONCE {
            self.write()?;
        }
        Ok(())
    }

    fn write(&mut self) -> Result<(), SnapshotError> {
        let mut notes = std::mem::take(&mut self.notes);
        notes.leaves(Arc::new(std::mem::take(&mut self.leaves)));
        self.app.note_views(notes)
    }

    /// Takes over one whose offsets were the journal's: what is told of what was trimmed stays where
    /// it was, and what was given out ends where it did.
    fn take_over(mut self, defined: &DefinedQuery) -> Result<Vec<PartitionHead>, ChangeError> {
        let app = self.app;
        let query = &defined.query;
        let older_to = app.events().high_watermark();
        let older = app.older_view(&query.name)?;
        let older = older.and_then(|bytes| OlderView::decode(&bytes, query.created_ms, query.partitions));
        let (scanned_to, mut ends) = match older {
            Some(older) => (older.scanned_to, older.high_watermarks),
            None => (0, vec![0; query.partitions.into()]),
        };
        let (told, floor_txn) = self.trimmed_changes(&query.name)?;
        for (partition, offset) in told {
            let end = &mut ends[usize::from(partition)];
            *end = (*end).max(offset + 1);
        }
        self.look_for_ends(scanned_to, &mut ends)?;
        self.note_floors(&ends, floor_txn);
        self.write()?;
        self.move_commits(&query.topic(app.name()), &ends, older_to);
        tracing::info!(
            app = app.name().as_str(),
            name = query.name,
            older_to,
            "a live query's offsets are dense from here on"
        );
        let head = |older_end: u64| PartitionHead {
            numbering: Numbering { older_to, older_end, ..Numbering::default() },
            ..PartitionHead::default()
        };
        Ok(ends.into_iter().map(head).collect())
    }

    /// Below the floor that all topics had in common, each has one.
    fn note_floors(&mut self, ends: &[u64], txn_id: TxnId) {
        let store_floor = self.app.tombstone_floor();
        for (partition, end) in ends.iter().enumerate() {
            let floor = ViewFloor { offset: store_floor.min(*end), txn_id, store_floor };
            if floor.offset > 0 {
                self.notes.floor(self.number, partition as u16, &floor);
            }
        }
    }

    /// Notes what was told of trimmed events; gives where, and the oldest transaction that is known
    /// behind the tombstones' floor.
    fn trimmed_changes(&mut self, name: &str) -> Result<(Vec<(u16, u64)>, TxnId), SnapshotError> {
        let snapshot = self.app.snapshot()?;
        let mut departures: HashMap<u64, Vec<u8>> = self.app.older_departures(name)?.into_iter().collect();
        departures.retain(|offset, _| *offset < snapshot.log_start());
        let mut left: Vec<u64> = departures.keys().copied().collect();
        left.sort_unstable();
        let mut left = left.into_iter().peekable();
        let mut told = Vec::new();
        // The transaction of a departure is not known any more: one of the next that is, which is
        // as new at least.
        let mut waiting = Vec::new();
        let mut floor_txn = None;
        let mut newest = self.oldest_kept_txn().map_or(self.app.newest_txn(), |txn| TxnId(txn.0 - 1));
        for change in snapshot.changes_below(snapshot.log_start()) {
            let change = change?;
            while let Some(offset) = left.next_if(|offset| *offset <= change.offset) {
                waiting.push(offset);
            }
            for offset in std::mem::take(&mut waiting) {
                told.extend(self.note_departure(&snapshot, offset, &departures[&offset], change.stored.txn_id)?);
            }
            if self.carries_now(&change) {
                let partition = self.partition_of(&change);
                self.note(partition, change.offset, change.offset, change.stored.txn_id, &change)?;
                told.push((partition, change.offset));
            }
            newest = newest.max(change.stored.txn_id);
            if change.offset >= self.app.tombstone_floor() {
                floor_txn.get_or_insert(change.stored.txn_id);
            }
        }
        for offset in left {
            told.extend(self.note_departure(&snapshot, offset, &departures[&offset], newest)?);
        }
        Ok((told, floor_txn.unwrap_or(newest)))
    }

    fn note_departure(
        &mut self,
        snapshot: &store::Snapshot,
        offset: u64,
        document: &[u8],
        txn_id: TxnId,
    ) -> Result<Option<(u16, u64)>, SnapshotError> {
        let Some(stored) = snapshot.stored(document)? else { return Ok(None) };
        let Some((collection, id)) = store::split_document_key(document) else { return Ok(None) };
        let (collection, id_json) = (collection.to_owned(), id.to_owned());
        let change = TrimmedChange { offset, collection, id_json, stored };
        if self.matcher.carries_all() || self.carries_now(&change) {
            return Ok(None);
        }
        let partition = self.partition_of(&change);
        self.note(partition, offset, offset, txn_id, &change)?;
        Ok(Some((partition, offset)))
    }

    fn oldest_kept_txn(&self) -> Option<TxnId> {
        let pieces = self.app.events().read_blocking(self.app.events().log_start(), 1).ok()?;
        let records = record_batch::decode_records(pieces.first()?).ok()?;
        Event::new(records.first()?).txn_id()
    }

    /// Looks where each partition ends: at the events that the older version has not looked at.
    fn look_for_ends(&self, scanned_to: u64, ends: &mut [u64]) -> Result<(), ChangeError> {
        let events = self.app.events();
        let unreadable = |error: &dyn std::fmt::Display| SnapshotError { message: error.to_string() };
        let mut next = scanned_to.max(events.log_start());
        while next < events.high_watermark() {
            let before = next;
            for piece in events.read_blocking(next, SLICE_BYTES).map_err(|error| unreadable(&error))? {
                for batch in record_batch::batches(&piece) {
                    let (header, batch) = batch.map_err(|error| unreadable(&error))?;
                    for record in record_batch::decode_records(batch).map_err(|error| unreadable(&error))? {
                        let event = Event::new(&record);
                        if self.matcher.carries(&event) {
                            let end = &mut ends[usize::from(self.matcher.partition(event.key()))];
                            *end = (*end).max(record.offset as u64 + 1);
                        }
                    }
                    next = header.last_offset as u64 + 1;
                }
            }
            if next == before {
                break;
            }
        }
        Ok(())
    }

    /// Groups that have committed an offset behind a partition's last event would miss what comes
    /// next: they stand behind that event.
    fn move_commits(&self, topic: &str, ends: &[u64], older_to: u64) {
        let app = self.app;
        for group in app.groups_with_offsets() {
            let moved: Vec<_> = app
                .committed_offsets(&group)
                .into_iter()
                .filter_map(|(of, partition, at)| {
                    let end = *ends.get(usize::try_from(partition).ok()?)?;
                    let is_behind = of == topic && (end + 1..=older_to).contains(&u64::try_from(at.offset).ok()?);
                    is_behind.then_some((of, partition, CommittedOffset { offset: end as i64, ..at }))
                })
                .collect();
            if moved.is_empty() {
                continue;
            }
            if let Err(error) = app.commit_offsets_blocking(&group, moved) {
                tracing::warn!(app = app.name().as_str(), group, topic, %error, "a group's position stays behind the end");
            }
        }
    }
}
