//! The events of a live query's partition, copied out of the stored batches under the partition's
//! own offsets.
//!
//! Blocks on disk. Not here: what stands for trimmed events (`gap`), what readers call (`topic`).

use kafka_wire::record_batch::{self, Record};
use store::{App, Piece};

use crate::{
    counts::Spot,
    gap::Batches,
    matcher::Event,
    topic::{TopicError, failed},
    view::View,
};

/// Bytes of events that are looked at in one read.
const READ_BYTES: usize = 1 << 20;

/// A partition of a live query's topic, to read its events.
pub(crate) struct Reading<'a> {
    pub(crate) app: &'a App,
    pub(crate) view: &'a View,
    pub(crate) partition: u16,
}

/// Events of the journal to look at.
struct Stretch {
    from: u64,
    /// Behind the last.
    to: u64,
    /// Events of the partition before `from`.
    rank: u64,
}

impl Reading<'_> {
    /// The events at `offset`, which is not trimmed, and behind it: as many as fit in `bytes_max`,
    /// but at least one if there is any.
    pub(crate) fn events(&self, offset: u64, bytes_max: usize) -> Result<Vec<Piece>, TopicError> {
        self.collect(offset, |found| found.bytes() < bytes_max).map(Batches::finish)
    }

    /// The events at `offset`, which is not trimmed, and behind it, while `wants_more` of what was
    /// found; it is asked after each event, and may take closed batches away.
    pub(crate) fn collect(
        &self,
        offset: u64,
        mut wants_more: impl FnMut(&mut Batches) -> bool,
    ) -> Result<Batches, TopicError> {
        let (app, view) = (self.app, self.view);
        // Before the counts: those are whole up to there.
        let scanned_to = view.scanned_to();
        let numbering = view.numbering(self.partition);
        let journal_start = app.events().log_start();
        let (log_start, before) = view.start(app, journal_start).map_err(failed)?;
        let before = before[usize::from(self.partition)];
        let wanted = numbering.rank(offset);
        // Who goes on where somebody left off need not look for it.
        let resumed = wanted.and_then(|rank| view.resumed(self.partition, rank)).filter(|event| *event >= log_start);
        let mut spot = match (resumed, wanted) {
            (Some(event), _) => view.find_from(app, self.partition, event),
            (None, Some(rank)) => view.find(app, self.partition, rank),
            (None, None) => view.find_from(app, self.partition, offset),
        };
        let mut found = Batches::default();
        let mut next_event = None;
        // How far it has looked, and how many of the partition's events come before.
        let mut looked_to = resumed.zip(wanted);
        while let Some(next) = spot.map_err(failed)?
            && wants_more(&mut found)
        {
            let stretch = Stretch::of(next, log_start, before, scanned_to).behind(looked_to);
            let looked = self.for_each(&stretch, |rank, record, leader_epoch| {
                let event = record.offset as u64;
                if wanted.map_or(event >= offset, |wanted| rank >= wanted) {
                    found.of_epoch(leader_epoch);
                    found.push(&Record { offset: numbering.offset(rank, event) as i64, ..record.clone() });
                    next_event = Some((rank + 1, event + 1));
                }
                wants_more(&mut found)
            });
            let rank = match looked {
                // What lies before the damage comes first.
                Err(_) if next_event.is_some() => break,
                looked => looked?,
            };
            if stretch.to >= scanned_to {
                break;
            }
            looked_to = Some((stretch.to, rank));
            spot = view.find_from(app, self.partition, stretch.to);
        }
        // Ranks are wrong where events were trimmed meanwhile; the caller begins again then.
        if let Some((rank, event)) = next_event
            && app.events().log_start() == journal_start
        {
            view.left_off(self.partition, rank, event);
        }
        Ok(found)
    }

    /// Where in the journal the event at `offset` is, or the first behind it; `None` at the end.
    pub(crate) fn event_at(&self, offset: u64) -> Result<Option<u64>, TopicError> {
        let (app, view) = (self.app, self.view);
        let scanned_to = view.scanned_to();
        let Some(wanted) = view.numbering(self.partition).rank(offset) else {
            return Ok(self.rank_at(offset)?.1);
        };
        let (log_start, before) = view.start(app, app.events().log_start()).map_err(failed)?;
        let before = before[usize::from(self.partition)];
        let Some(spot) = view.find(app, self.partition, wanted).map_err(failed)? else { return Ok(None) };
        let mut found = None;
        self.for_each(&Stretch::of(spot, log_start, before, scanned_to), |rank, record, _| {
            found = (rank >= wanted).then_some(record.offset as u64);
            found.is_none()
        })?;
        Ok(found)
    }

    /// How many events of the partition come before `event` of the journal, which is not trimmed;
    /// and that of the first which does not.
    pub(crate) fn rank_at(&self, event: u64) -> Result<(u64, Option<u64>), TopicError> {
        let (app, view) = (self.app, self.view);
        let scanned_to = view.scanned_to();
        let (log_start, before) = view.start(app, app.events().log_start()).map_err(failed)?;
        let before = before[usize::from(self.partition)];
        let mut total = before;
        let mut spot = view.find_from(app, self.partition, event.max(log_start)).map_err(failed)?;
        while let Some(next) = spot {
            let stretch = Stretch::of(next, log_start, before, scanned_to);
            let mut first = None;
            total = stretch.rank;
            self.for_each(&stretch, |rank, record, _| {
                let at = record.offset as u64;
                total = rank + u64::from(at < event);
                first = (at >= event).then_some(at);
                first.is_none()
            })?;
            if first.is_some() || stretch.to >= scanned_to {
                return Ok((total, first));
            }
            spot = view.find_from(app, self.partition, stretch.to).map_err(failed)?;
        }
        Ok((total, None))
    }

    /// Calls `each` with the partition's events of the stretch, their ranks and leader epochs,
    /// while it says `true`. Gives how many of the partition's events come before where it ended.
    fn for_each(
        &self,
        stretch: &Stretch,
        mut each: impl FnMut(u64, &Record<'_>, i32) -> bool,
    ) -> Result<u64, TopicError> {
        let (mut next, mut rank) = (stretch.from, stretch.rank);
        while next < stretch.to {
            let wanted = if stretch.to - next == 1 { 1 } else { READ_BYTES };
            let before = next;
            for piece in self.app.events().read_blocking(next, wanted).map_err(failed)? {
                for batch in record_batch::batches(&piece) {
                    if next >= stretch.to {
                        break;
                    }
                    let (header, batch) = batch.map_err(failed)?;
                    for record in record_batch::decode_records(batch).map_err(failed)? {
                        let at = record.offset as u64;
                        if at < next || at >= stretch.to {
                            continue;
                        }
                        next = at + 1;
                        let event = Event::new(&record);
                        if self.view.matcher.partition(event.key()) == self.partition
                            && self.view.matcher.carries(&event)
                        {
                            rank += 1;
                            if !each(rank - 1, &record, header.leader_epoch) {
                                return Ok(rank);
                            }
                        }
                    }
                    next = next.max(header.last_offset as u64 + 1);
                }
            }
            if next == before {
                // All that was to be looked at has been trimmed meanwhile: the caller begins again.
                break;
            }
        }
        Ok(rank)
    }
}

impl Stretch {
    /// The rest of it, where some was looked at.
    fn behind(self, looked_to: Option<(u64, u64)>) -> Self {
        match looked_to {
            Some((from, rank)) if self.from < from => Self { from, rank, ..self },
            _ => self,
        }
    }

    /// Of a block that holds the begin of what is kept, at which the partition has had `before`
    /// events, what lies behind it.
    fn of(spot: Spot, log_start: u64, before: u64, scanned_to: u64) -> Self {
        match spot {
            Spot::Place { offset, rank } => Self { from: offset, to: offset + 1, rank },
            Spot::Block { from, to, rank } => {
                let (from, rank) = if from < log_start { (log_start, before) } else { (from, rank) };
                Self { from, to: to.min(scanned_to), rank }
            }
        }
    }
}
