//! Rows of documents: projected, gathered, sorted, cut.
//!
//! ```text
//! documents → groups → HAVING → projection → DISTINCT → ORDER BY → OFFSET → LIMIT → rows
//! ```
//!
//! What the statement does not have is left out, and a row that nothing has to wait for goes out at
//! once. Of an order that is not that of the documents only the first OFFSET + LIMIT rows are kept;
//! rows that are equal by it stay in the order in which they came: that of the documents' ids, or
//! of the groups' keys. Where DISTINCT makes one row of several documents, the first of them says
//! where it stands.
//!
//! Invariants: at most [`super::limits::ROWS_BYTES_MAX`] are kept; every unit of work is charged
//! before it is done.
//! Not here: which documents come.

use std::collections::{BinaryHeap, HashSet};

use document::{DocumentId, Map, Value};

use super::group::{Groups, sorting_steps};
use super::key::{append_directed_key, append_fields};
use super::memory::{ENTRY_BYTES, ENTRY_STEPS, Memory};
use super::node::Scope;
use super::select::{BoundSelect, Select};
use crate::budget::{Budget, TooExpensive, VALUE_STEPS};

/// A row of a result: names and values in the order of the projection.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Row {
    /// Each name once; what is MISSING is not there.
    pub fields: Vec<(String, Value)>,
}

/// The rows that a SELECT makes, as it is given documents.
#[derive(Debug)]
pub struct Rows<'s> {
    groups: Option<Groups<'s>>,
    output: Output<'s>,
    memory: Memory,
}

/// Why there are no rows.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum RowsError {
    /// The budget does not suffice.
    #[error(transparent)]
    TooExpensive(#[from] TooExpensive),
    /// More than [`super::limits::ROWS_BYTES_MAX`] would have to be kept.
    #[error(
        "sorting, grouping or DISTINCT would have to keep more than {} MiB: narrow the WHERE, or sort and group by less",
        super::limits::ROWS_BYTES_MAX >> 20
    )]
    TooLarge,
    /// A row would take more than [`super::limits::ROW_BYTES_MAX`].
    #[error("a row would take more than {} MiB: select less of a document", super::limits::ROW_BYTES_MAX >> 20)]
    RowTooLarge,
}

impl Row {
    /// Appends it as a JSON object, `_id` and the others in their order.
    pub fn write_json(&self, out: &mut Vec<u8>) {
        out.push(b'{');
        for (index, (name, value)) in self.fields.iter().enumerate() {
            if index > 0 {
                out.push(b',');
            }
            document::write_json_string(name, out);
            out.push(b':');
            value.write_json(out);
        }
        out.push(b'}');
    }

    /// As an object.
    pub fn into_map(self) -> Map {
        Map::from_fields(self.fields)
    }

    fn memory_bytes(&self) -> usize {
        let field_bytes = |(name, value): &(String, Value)| size_of::<String>() + name.len() + value.memory_bytes();
        size_of::<Self>() + self.fields.iter().map(field_bytes).sum::<usize>()
    }
}

impl<'s> Rows<'s> {
    pub(super) fn new(select: &'s BoundSelect, paged: bool) -> Self {
        Self {
            groups: select.grouping.as_ref().map(Groups::new),
            output: Output::new(select, paged && select.grouping.is_none() && !select.distinct),
            memory: Memory::new(super::limits::ROWS_BYTES_MAX),
        }
    }

    /// Keeps at most `bytes_max` instead of [`super::limits::ROWS_BYTES_MAX`].
    pub fn within_bytes(mut self, bytes_max: usize) -> Self {
        self.memory = Memory::new(bytes_max);
        self
    }

    /// Takes a document that matches; `fields` is without `_id` and has at least those of
    /// [`Select::field_names`]. Rows that are finished by it go to `out`. `false`: no other is
    /// needed.
    ///
    /// Documents that are not paged come in the order of their ids.
    pub fn push(
        &mut self,
        id: &DocumentId,
        fields: &Map,
        budget: &mut Budget,
        out: &mut Vec<Row>,
    ) -> Result<bool, RowsError> {
        let scope = Scope { id: Some(id), fields, slots: &[] };
        budget.within_a_document(|budget| match &mut self.groups {
            Some(groups) => {
                groups.add(&scope, budget, &mut self.memory)?;
                Ok(self.output.is_open())
            }
            None => self.output.take(&scope, budget, &mut self.memory, out),
        })
    }

    /// What is kept in memory, in bytes.
    pub fn kept_bytes(&self) -> usize {
        self.memory.taken()
    }

    /// The other rows, when all documents were given.
    pub fn finish(mut self, budget: &mut Budget) -> Result<Vec<Row>, RowsError> {
        let mut rows = Vec::new();
        if let Some(groups) = self.groups {
            let having = groups.having();
            let mut finished = groups.finish(budget, &mut self.memory)?;
            let nothing = Map::new();
            while let Some(slots) = finished.next_slots(budget)? {
                let scope = Scope { id: None, fields: &nothing, slots: &slots };
                let goes_on = budget.within_a_document(|budget| {
                    let passes = having.map_or(Ok(true), |having| having.holds(&scope, budget))?;
                    Ok::<_, RowsError>(!passes || self.output.take(&scope, budget, &mut self.memory, &mut rows)?)
                })?;
                if !goes_on {
                    break;
                }
            }
        }
        self.output.finish(budget, &mut rows)?;
        Ok(rows)
    }
}

impl Select {
    /// To be given the documents that match, one after the other. `paged`: they come in the order of
    /// [`Select::sort`], and those that OFFSET and LIMIT leave out do not come.
    pub fn rows(&self, paged: bool) -> Rows<'_> {
        Rows::new(self.bound(), paged)
    }
}

/// From projection to LIMIT.
#[derive(Debug)]
struct Output<'s> {
    select: &'s BoundSelect,
    /// The keys of the rows that came, for DISTINCT.
    seen: Option<HashSet<Box<[u8]>>>,
    /// Rows that wait for their order.
    kept: Option<Kept>,
    /// How many rows are still left out.
    offset: usize,
    /// How many rows may still go out.
    left: usize,
    key: Vec<u8>,
}

impl<'s> Output<'s> {
    fn new(select: &'s BoundSelect, paged: bool) -> Self {
        let offset = if paged { 0 } else { select.offset };
        let left = if paged { None } else { select.limit }.unwrap_or(usize::MAX);
        let is_sorted = !paged && !select.order.is_empty();
        Self {
            select,
            seen: select.distinct.then(HashSet::new),
            kept: is_sorted.then(|| Kept::new(offset.saturating_add(left))),
            offset,
            left,
            key: Vec::new(),
        }
    }

    fn is_open(&self) -> bool {
        self.left > 0
    }

    /// Takes a document or a group. `false`: no other is needed.
    fn take(
        &mut self,
        scope: &Scope<'_>,
        budget: &mut Budget,
        memory: &mut Memory,
        out: &mut Vec<Row>,
    ) -> Result<bool, RowsError> {
        if !self.is_open() {
            return Ok(false);
        }
        let mut row = None;
        if self.seen.is_some() {
            let projected = self.select.projection.project(scope, budget)?;
            if !self.is_new(&projected, budget, memory)? {
                return Ok(true);
            }
            row = Some(projected);
        }
        if self.kept.is_some() {
            self.keep(row, scope, budget, memory)?;
            return Ok(true);
        }
        if self.offset > 0 {
            self.offset -= 1;
            return Ok(true);
        }
        out.push(match row {
            Some(row) => row,
            None => self.select.projection.project(scope, budget)?,
        });
        self.left -= 1;
        Ok(self.is_open())
    }

    /// Whether no row was like this one.
    fn is_new(&mut self, row: &Row, budget: &mut Budget, memory: &mut Memory) -> Result<bool, RowsError> {
        let Some(seen) = &mut self.seen else { return Ok(true) };
        self.key.clear();
        append_fields(row.fields.iter().map(|(name, value)| (name.as_str(), value)), &mut self.key, budget)?;
        budget.charge(VALUE_STEPS + self.key.len() as u64)?;
        if seen.contains(self.key.as_slice()) {
            return Ok(false);
        }
        budget.charge(ENTRY_STEPS)?;
        memory.take(ENTRY_BYTES + self.key.len())?;
        seen.insert(self.key.as_slice().into());
        Ok(true)
    }

    /// Keeps a row until all have come, unless it is already clear that LIMIT leaves it out.
    fn keep(
        &mut self,
        row: Option<Row>,
        scope: &Scope<'_>,
        budget: &mut Budget,
        memory: &mut Memory,
    ) -> Result<(), RowsError> {
        let Some(kept) = &mut self.kept else { return Ok(()) };
        self.key.clear();
        for (node, descending) in self.select.order() {
            let value = node.evaluate(scope, budget)?;
            append_directed_key(value.as_deref(), descending, &mut self.key, budget)?;
        }
        if !kept.admits(&self.key, budget)? {
            return Ok(());
        }
        let row = match row {
            Some(row) => row,
            None => self.select.projection.project(scope, budget)?,
        };
        budget.charge(ENTRY_STEPS)?;
        kept.keep(&self.key, row, memory)
    }

    fn finish(self, budget: &mut Budget, rows: &mut Vec<Row>) -> Result<(), RowsError> {
        if let Some(kept) = self.kept {
            rows.extend(kept.sorted(budget)?.into_iter().skip(self.offset));
        }
        Ok(())
    }
}

/// The first rows of an order, at most so many.
#[derive(Debug)]
struct Kept {
    rows: BinaryHeap<KeptRow>,
    rows_max: usize,
    arrivals: u64,
}

#[derive(Debug)]
struct KeptRow {
    key: Box<[u8]>,
    arrival: u64,
    row: Row,
    bytes: usize,
}

impl Kept {
    fn new(rows_max: usize) -> Self {
        Self { rows: BinaryHeap::new(), rows_max, arrivals: 0 }
    }

    /// Whether a row with this key would be among the first.
    fn admits(&self, key: &[u8], budget: &mut Budget) -> Result<bool, TooExpensive> {
        let rounds = u64::from((self.rows.len() as u64 + 1).ilog2()) + 1;
        budget.charge(rounds * (VALUE_STEPS + key.len() as u64 / 16))?;
        Ok(self.rows.len() < self.rows_max || self.rows.peek().is_some_and(|last| *key < *last.key))
    }

    fn keep(&mut self, key: &[u8], row: Row, memory: &mut Memory) -> Result<(), RowsError> {
        if self.rows.len() == self.rows_max
            && let Some(last) = self.rows.pop()
        {
            memory.give_back(last.bytes);
        }
        let bytes = size_of::<KeptRow>() + key.len() + row.memory_bytes();
        memory.take(bytes)?;
        self.rows.push(KeptRow { key: key.into(), arrival: self.arrivals, row, bytes });
        self.arrivals += 1;
        Ok(())
    }

    fn sorted(self, budget: &mut Budget) -> Result<Vec<Row>, RowsError> {
        let mut rows = self.rows.into_vec();
        budget.charge(sorting_steps(rows.iter().map(|row| row.key.len())))?;
        rows.sort_unstable();
        Ok(rows.into_iter().map(|kept| kept.row).collect())
    }
}

impl KeptRow {
    fn place(&self) -> (&[u8], u64) {
        (&self.key, self.arrival)
    }
}

impl Ord for KeptRow {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.place().cmp(&other.place())
    }
}

impl PartialOrd for KeptRow {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for KeptRow {
    fn eq(&self, other: &Self) -> bool {
        self.place() == other.place()
    }
}

impl Eq for KeptRow {}
