//! What is known of a live query's topic: how far the events were counted, and where they are.
//!
//! What was found lately is here; all of it is noted with the documents now and then, and looked
//! for there. It is counted from the events again if a crash loses what was not noted.
//! Invariants: what was counted never changes; counts, leaves and how far they go are noted
//! together.
//! Not here: who counts (`evaluator`), which documents left it (`leaves`), what is noted when events
//! are trimmed (`trim`).

use std::{
    collections::{BTreeMap, VecDeque},
    sync::{
        Arc, Mutex, RwLock,
        atomic::{
            AtomicBool, AtomicU8, AtomicU64,
            Ordering::{Relaxed, SeqCst},
        },
    },
};

use store::{App, Seam, SnapshotError, TxnId, ViewId, ViewLeave, ViewNotes};
use tokio::sync::watch;
use uuid::Uuid;

use crate::{
    counts::{Span, Spot, span_of},
    head::{Head, PartitionHead},
    leaves::LastLeaves,
    limits::UNNOTED_EVENTS_MAX,
    live_query::{Compression, LiveQuery, OnGap, SharedOnGap},
    matcher::Matcher,
    numbering::{Numbering, Skipped},
    progress::Progress,
};

/// Events of a partition that are found without a look into a block.
const NEWEST_MAX: usize = 16;

/// Readers of one topic that go on without looking for their place.
const LEFT_OFF_MAX: usize = 64;

/// A live query's topic.
#[derive(Debug)]
pub(crate) struct View {
    /// Under which its notes are.
    pub(crate) number: ViewId,
    /// As it was made; what a gap gets now is in `on_gap`, how it is compressed in `compression`.
    pub(crate) query: LiveQuery,
    pub(crate) on_gap: SharedOnGap,
    compression: AtomicU8,
    pub(crate) topic: String,
    pub(crate) id: Uuid,
    pub(crate) matcher: Matcher,
    /// Events below it are not on the topic.
    pub(crate) origin: u64,
    /// The journal's end when it was opened here: what is known is right once it has come so far.
    pub(crate) settled_at: u64,
    /// Those of the app behind the origin: before it nothing was given out.
    pub(crate) seams: Vec<Seam>,
    counted: RwLock<Counted>,
    /// The last mark that was looked up: an offset of the journal, and each partition's events
    /// before it.
    mark: Mutex<Option<(u64, Arc<[u64]>)>>,
    /// Where readers left off lately: partition, rank, and where in the journal what follows is.
    left_off: Mutex<VecDeque<(u16, u64, u64)>>,
    /// Counts the times that a partition has grown.
    grown: watch::Sender<u64>,
    /// Events below it were looked at, and are counted.
    scanned_to: AtomicU64,
    /// Why the events from there on cannot be looked at, if so.
    stopped: Mutex<Option<String>>,
    /// The live query was deleted.
    is_gone: AtomicBool,
    /// Events that were found since the view was made.
    pub(crate) found: AtomicU64,
    /// Entries that trims made since the last sweep, and what that left.
    pub(crate) entries_made: AtomicU64,
    pub(crate) entries_left: AtomicU64,
    pub(crate) progress: Arc<Progress>,
}

/// What is counted, and of that what is not noted yet.
#[derive(Debug)]
struct Counted {
    scanned_to: u64,
    /// As it was noted last, or is to be.
    noted_to: u64,
    partitions: Vec<PartitionCounted>,
    /// Spans that are over, by partition and number.
    closed: BTreeMap<(u16, u64), Span>,
    /// Whether anything is not noted, but for how far it has come.
    is_changed: bool,
}

#[derive(Debug)]
struct PartitionCounted {
    head: PartitionHead,
    /// The span of the last event.
    open: Option<Span>,
    /// Where the newest events are: who follows them need not look for them.
    newest: VecDeque<u64>,
    is_changed: bool,
}

/// What is noted of a view, as it begins.
pub(crate) struct Noted<'a> {
    pub(crate) number: ViewId,
    pub(crate) head: &'a Head,
    /// Of each partition, the span that `head.scanned_to` lies in.
    pub(crate) open: Vec<Option<Span>>,
    /// The app's.
    pub(crate) seams: &'a [Seam],
    /// See [`View::settled_at`].
    pub(crate) settled_at: u64,
}

/// An event that was found to be on the topic.
#[derive(Debug)]
pub(crate) struct Found {
    pub(crate) partition: u16,
    /// In the journal.
    pub(crate) event: u64,
    /// By it the document of that number (of whoever looked) left the live query.
    pub(crate) left: Option<(u32, TxnId)>,
}

impl View {
    /// The view of which `head` tells, with the counts of its last spans.
    pub(crate) fn load(
        app: &App,
        number: ViewId,
        head: &Head,
        query: LiveQuery,
        matcher: Matcher,
        progress: Arc<Progress>,
    ) -> Result<Self, SnapshotError> {
        let topic = query.topic(app.name());
        // One that is made again under its name is another topic (KIP-516).
        let named = format!("{topic} {}", query.created_ms);
        let id = Uuid::new_v5(&Uuid::from_bytes(app.instance()), named.as_bytes());
        let span = span_of(head.scanned_to);
        let open = |partition: usize| {
            let found = app.view_counts(number, partition as u16, span)?;
            let Some((_, bytes)) = found.filter(|(found, _)| *found == span) else { return Ok(None) };
            decoded(span, &bytes).map(Some)
        };
        let open = (0..head.partitions.len()).map(open).collect::<Result<_, SnapshotError>>()?;
        let settled_at = app.events().high_watermark();
        let noted = Noted { number, head, open, seams: app.seams(), settled_at };
        Ok(Self::new(noted, topic, id, query, matcher, progress))
    }

    pub(crate) fn new(
        noted: Noted<'_>,
        topic: String,
        id: Uuid,
        query: LiveQuery,
        matcher: Matcher,
        progress: Arc<Progress>,
    ) -> Self {
        let Noted { number, head, open, seams, settled_at } = noted;
        let partition = |(head, open): (&PartitionHead, _)| PartitionCounted {
            head: head.clone(),
            open,
            newest: VecDeque::new(),
            is_changed: false,
        };
        let counted = Counted {
            scanned_to: head.scanned_to,
            noted_to: head.scanned_to,
            partitions: head.partitions.iter().zip(open).map(partition).collect(),
            closed: BTreeMap::new(),
            is_changed: false,
        };
        Self {
            number,
            on_gap: SharedOnGap::new(query.on_gap),
            compression: AtomicU8::new(query.compression as u8),
            query,
            topic,
            id,
            matcher,
            origin: head.origin,
            settled_at,
            seams: seams.iter().filter(|seam| seam.first_offset > head.origin).copied().collect(),
            counted: RwLock::new(counted),
            mark: Mutex::default(),
            left_off: Mutex::default(),
            grown: watch::Sender::new(0),
            scanned_to: AtomicU64::new(head.scanned_to),
            stopped: Mutex::default(),
            is_gone: AtomicBool::new(false),
            found: AtomicU64::new(0),
            entries_made: AtomicU64::new(0),
            entries_left: AtomicU64::new(0),
            progress,
        }
    }

    /// Of all live queries of the app.
    pub(crate) fn leaves(&self) -> &LastLeaves {
        &self.progress.leaves
    }

    pub(crate) fn scanned_to(&self) -> u64 {
        self.scanned_to.load(SeqCst)
    }

    /// The live query as it is now.
    pub(crate) fn live_query(&self) -> LiveQuery {
        LiveQuery { on_gap: self.on_gap.get(), compression: self.compression(), ..self.query.clone() }
    }

    pub(crate) fn compression(&self) -> Compression {
        let number = self.compression.load(SeqCst);
        Compression::ALL.into_iter().find(|one| *one as u8 == number).unwrap_or_default()
    }

    pub(crate) fn set_compression(&self, compression: Compression) {
        self.compression.store(compression as u8, SeqCst);
    }

    /// Has readers that wait see what a gap gets from now on.
    pub(crate) fn set_on_gap(&self, on_gap: OnGap) {
        if self.on_gap.get() != on_gap {
            self.on_gap.set(on_gap);
            self.wake();
        }
    }

    /// Why the events from [`View::scanned_to`] on cannot be looked at; `None` while they can.
    pub(crate) fn stopped(&self) -> Option<String> {
        self.stopped.lock().expect("not poisoned").clone()
    }

    /// Tells readers that nothing more comes, and why; `true` if that is news.
    pub(crate) fn stop(&self, why: &str) -> bool {
        let mut stopped = self.stopped.lock().expect("not poisoned");
        if stopped.as_deref() == Some(why) {
            return false;
        }
        *stopped = Some(why.to_owned());
        drop(stopped);
        self.wake();
        true
    }

    /// Tells readers that the live query was deleted.
    pub(crate) fn end(&self) {
        self.is_gone.store(true, SeqCst);
        self.wake();
    }

    pub(crate) fn is_gone(&self) -> bool {
        self.is_gone.load(SeqCst)
    }

    fn wake(&self) {
        self.grown.send_modify(|count| *count += 1);
    }

    /// Returns when the events below `wanted` have been looked at, or cannot be.
    pub(crate) async fn wait_for(&self, wanted: u64) {
        if self.scanned_to() >= wanted {
            return;
        }
        let mut evaluated = self.progress.watch();
        while self.scanned_to() < wanted && self.stopped().is_none() && evaluated.changed().await.is_ok() {}
    }

    /// Changes whenever a partition has grown, and when readers are to be told something else.
    pub(crate) fn watch(&self) -> watch::Receiver<u64> {
        let grown = self.grown.subscribe();
        self.progress.want();
        grown
    }

    /// Whether somebody waits for it to grow.
    pub(crate) fn is_watched(&self) -> bool {
        self.grown.receiver_count() > 0
    }

    /// The offset after the last event that was counted.
    pub(crate) fn high_watermark(&self, partition: u16) -> u64 {
        self.read(|counted| {
            let PartitionHead { total, numbering, .. } = &counted.partitions[usize::from(partition)].head;
            numbering.dense(*total)
        })
    }

    /// Offsets of the partition that restores skipped, in order.
    pub(crate) fn skipped(&self, partition: u16) -> Vec<Skipped> {
        self.read(|counted| counted.partitions[usize::from(partition)].head.numbering.skipped(&self.seams).collect())
    }

    pub(crate) fn numbering(&self, partition: u16) -> Numbering {
        self.read(|counted| counted.partitions[usize::from(partition)].head.numbering.clone())
    }

    /// Counts what was found in the events up to `scanned_to`, in order, and calls `left` with each
    /// leave. Readers see it after [`View::reached`]; nobody notes meanwhile.
    pub(crate) fn count(&self, found: &[Found], scanned_to: u64, mut left: impl FnMut(u32, ViewLeave)) {
        self.found.fetch_add(found.len() as u64, Relaxed);
        let mut counted = self.counted.write().expect("not poisoned");
        for found in found {
            counted.cross(&self.seams, found.event);
            let leave = counted.add(found);
            leave.into_iter().for_each(|(document, leave)| left(document, leave));
        }
        counted.cross(&self.seams, scanned_to);
        counted.scanned_to = scanned_to;
        counted.is_changed |= !found.is_empty();
    }

    /// What was counted up to `scanned_to` is known.
    pub(crate) fn reached(&self, scanned_to: u64, grows: bool) {
        *self.stopped.lock().expect("not poisoned") = None;
        self.scanned_to.fetch_max(scanned_to, SeqCst);
        if grows {
            self.wake();
        }
    }

    /// How many spans are not noted yet.
    pub(crate) fn unnoted(&self) -> usize {
        self.read(|counted| counted.closed.len())
    }

    /// Adds what is to be noted, if anything is. [`View::noted`] says that it was.
    pub(crate) fn to_note(&self, notes: &mut ViewNotes, which: Which) -> Option<NotedSpans> {
        let mut counted = self.counted.write().expect("not poisoned");
        if !counted.is_due(which) {
            return None;
        }
        let Counted { scanned_to, noted_to, partitions, closed, is_changed } = &mut *counted;
        *is_changed = false;
        *noted_to = *scanned_to;
        for (&(partition, number), span) in &*closed {
            notes.counts(self.number, partition, number, span.encode());
        }
        for (index, partition) in partitions.iter_mut().enumerate().filter(|(_, partition)| partition.is_changed) {
            partition.is_changed = false;
            if let Some(open) = &partition.open {
                notes.counts(self.number, index as u16, open.number, open.encode());
            }
        }
        let head = Head {
            name: self.query.name.clone(),
            created_ms: self.query.created_ms,
            origin: self.origin,
            scanned_to: *scanned_to,
            partitions: partitions.iter().map(|partition| partition.head.clone()).collect(),
        };
        notes.head(self.number, head.encode());
        Some(NotedSpans(closed.keys().copied().collect()))
    }

    /// What was to be noted is, or is not and has to be noted again.
    pub(crate) fn noted(&self, closed: &NotedSpans, is_noted: bool) {
        let mut counted = self.counted.write().expect("not poisoned");
        if is_noted {
            closed.0.iter().for_each(|key| drop(counted.closed.remove(key)));
        } else {
            counted.is_changed = true;
            counted.partitions.iter_mut().for_each(|partition| partition.is_changed = true);
        }
    }

    /// Where the journal's first event is that may be on the topic, and how many of each partition
    /// come before it.
    pub(crate) fn start(&self, app: &App, log_start: u64) -> Result<(u64, Arc<[u64]>), SnapshotError> {
        let at = log_start.max(self.origin);
        let mut known = self.mark.lock().expect("not poisoned");
        if let Some((of, counts)) = &*known
            && *of == at
        {
            return Ok((at, counts.clone()));
        }
        let counts: Arc<[u64]> = if at == self.origin {
            self.read(|counted| counted.partitions.iter().map(|partition| partition.head.seeds).collect())
        } else {
            let mark = app.view_mark(self.number, at)?;
            let mark = mark.filter(|mark| mark.len() == usize::from(self.query.partitions));
            let missing = || format!("how many events of {} came before {at} is not noted", self.topic);
            mark.ok_or_else(|| SnapshotError { message: missing() })?.into()
        };
        *known = Some((at, counts.clone()));
        Ok((at, counts))
    }

    /// A reader has read the event before that rank, and what follows is at `event` of the journal
    /// or behind.
    pub(crate) fn left_off(&self, partition: u16, rank: u64, event: u64) {
        let mut known = self.left_off.lock().expect("not poisoned");
        if known.len() >= LEFT_OFF_MAX {
            known.pop_front();
        }
        known.push_back((partition, rank, event));
    }

    /// What [`View::left_off`] said of that rank, if it is still known. It is told once.
    pub(crate) fn resumed(&self, partition: u16, rank: u64) -> Option<u64> {
        let mut known = self.left_off.lock().expect("not poisoned");
        let at = known.iter().rposition(|&(of, at, _)| (of, at) == (partition, rank))?;
        known.remove(at).map(|(_, _, event)| event)
    }

    /// Where the event of that rank is, if it was counted. What it gives may begin before the
    /// journal does.
    pub(crate) fn find(&self, app: &App, partition: u16, rank: u64) -> Result<Option<Spot>, SnapshotError> {
        if let Some(offset) = self.read(|counted| counted.partitions[usize::from(partition)].newest(rank)) {
            return Ok(Some(Spot::Place { offset, rank }));
        }
        let (found, first_here) = self.read(|counted| {
            let here = counted.spans(partition);
            let found = here.clone().take_while(|span| span.first_rank() <= rank).last().cloned();
            let first_here = here.clone().next().map(|span| span.number);
            (found, first_here.unwrap_or_else(|| span_of(counted.scanned_to).saturating_add(1)))
        });
        if let Some(found) = found {
            return Ok(found.find(rank));
        }
        // The last of those before that begins at that rank or before it.
        let (mut low, mut high, mut best) = (span_of(self.origin), first_here, None);
        while low < high {
            let middle = low + (high - low) / 2;
            match self.noted_span(app, partition, middle)?.filter(|span| span.number < high) {
                Some(span) if span.first_rank() <= rank => {
                    low = span.number + 1;
                    best = Some(span);
                }
                _ => high = middle,
            }
        }
        Ok(best.and_then(|span| span.find(rank)))
    }

    /// Where the first event at or behind `event` of the journal may be, of those that were
    /// counted. What it gives may begin before `event`.
    pub(crate) fn find_from(&self, app: &App, partition: u16, event: u64) -> Result<Option<Spot>, SnapshotError> {
        let mut number = span_of(event);
        loop {
            let Some(span) = self.span_from(app, partition, number)? else { return Ok(None) };
            if let Some(spot) = span.from(event) {
                return Ok(Some(spot));
            }
            number = span.number + 1;
        }
    }

    /// The first span at or behind `number` that holds anything.
    pub(crate) fn span_from(&self, app: &App, partition: u16, number: u64) -> Result<Option<Span>, SnapshotError> {
        // First: what is noted meanwhile is found there.
        let here = self.read(|counted| {
            let mut spans = counted.spans(partition);
            let first = spans.clone().next().map(|span| span.number);
            (first, spans.find(|span| span.number >= number).cloned())
        });
        let (first_here, here) = here;
        if first_here.is_some_and(|first| first <= number) {
            return Ok(here);
        }
        let noted = self.noted_span(app, partition, number)?;
        Ok(noted.filter(|noted| first_here.is_none_or(|first| noted.number < first)).or(here))
    }

    fn noted_span(&self, app: &App, partition: u16, number: u64) -> Result<Option<Span>, SnapshotError> {
        let found = app.view_counts(self.number, partition, number)?;
        found.map(|(number, bytes)| decoded(number, &bytes)).transpose()
    }

    fn read<T>(&self, read: impl FnOnce(&Counted) -> T) -> T {
        read(&self.counted.read().expect("not poisoned"))
    }
}

/// Of which views it is noted how far they have come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Which {
    /// Of those that have found something since, or have come [`UNNOTED_EVENTS_MAX`] further: of a
    /// thousand that find nothing, a thousand notes would hold up writers.
    Due,
    /// Of all that have come further.
    Every,
}

/// The spans that a note holds and that were over.
pub(crate) struct NotedSpans(Vec<(u16, u64)>);

impl PartitionCounted {
    /// Where the event of that rank is, if it is one of the newest.
    fn newest(&self, rank: u64) -> Option<u64> {
        let first = self.head.total - self.newest.len() as u64;
        self.newest.get(usize::try_from(rank.checked_sub(first)?).ok()?).copied()
    }
}

impl Counted {
    fn is_due(&self, which: Which) -> bool {
        let further = self.scanned_to - self.noted_to;
        self.is_changed || further >= if which == Which::Every { 1 } else { UNNOTED_EVENTS_MAX }
    }

    fn add(&mut self, found: &Found) -> Option<(u32, ViewLeave)> {
        let Found { partition: index, event, left } = *found;
        let partition = &mut self.partitions[usize::from(index)];
        let rank = partition.head.total;
        partition.is_changed = true;
        partition.head.total += 1;
        if partition.newest.len() >= NEWEST_MAX {
            partition.newest.pop_front();
        }
        partition.newest.push_back(event);
        let offset = partition.head.numbering.offset(rank, event);
        if event < partition.head.numbering.older_to {
            partition.head.numbering.older_count += 1;
        }
        match &mut partition.open {
            Some(open) if open.number == span_of(event) => open.add(event),
            open => {
                if let Some(closed) = open.replace(Span::beginning_with(event, rank)) {
                    self.closed.insert((index, closed.number), closed);
                }
            }
        }
        left.map(|(document, txn_id)| (document, ViewLeave { partition: index, offset, txn_id }))
    }

    /// Crosses the seams that lie before `event` of the journal: all events before them are counted.
    fn cross(&mut self, seams: &[Seam], event: u64) {
        let crossed = self.partitions.first().map_or(0, |first| first.head.numbering.crossed.len());
        for seam in seams.iter().skip(crossed).take_while(|seam| seam.first_offset <= event) {
            for PartitionCounted { head, is_changed, .. } in &mut self.partitions {
                head.numbering.cross(head.total, seam.skipped_offsets());
                *is_changed = true;
            }
            self.is_changed = true;
        }
    }

    /// Those of a partition that are here, in order.
    fn spans(&self, partition: u16) -> impl Iterator<Item = &Span> + Clone {
        let closed = self.closed.range((partition, 0)..=(partition, u64::MAX)).map(|(_, span)| span);
        closed.chain(&self.partitions[usize::from(partition)].open)
    }
}

fn decoded(number: u64, bytes: &[u8]) -> Result<Span, SnapshotError> {
    let unreadable = || SnapshotError { message: format!("the counts of span {number} are damaged") };
    Span::decode(number, bytes).ok_or_else(unreadable)
}
