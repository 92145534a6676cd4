//! The rows of a SELECT, for a table or as JSON.
//!
//! Invariant: columns are in the order in which the rows first have them.

use query::dql::{Row, Select};

use crate::{
    clip::Clipper,
    event_row::document_path,
    figures, json_text,
    limits::{
        CELL_SHOWN_BYTES, COLUMNS_COUNTED_MAX, COLUMNS_MAX, DOCUMENTS_HTML_BYTES, JSON_SHOWN_BYTES, NAME_SHOWN_BYTES,
        ROW_COLUMNS_MAX,
    },
    shown_value::ShownValue,
    statement::{Extent, RowsSeen},
};

/// What is shown of a SELECT's answer.
#[derive(Debug)]
pub(super) struct Results {
    pub(super) columns: Vec<String>,
    pub(super) more_columns: usize,
    pub(super) rows: Vec<ResultRow>,
    /// Whether there are more rows.
    pub(super) more: bool,
    pub(super) looked_at: String,
    /// Whether that is how many documents there were.
    pub(super) is_exact: bool,
    pub(super) extent: Extent,
}

/// A row.
#[derive(Debug)]
pub(super) struct ResultRow {
    /// Its document's page, where it is of one.
    pub(super) path: Option<String>,
    /// The document's id, or which row it is.
    pub(super) name: String,
    /// One for each column.
    pub(super) cells: Vec<Cell>,
    /// Where rows are shown as JSON.
    pub(super) json: String,
}

/// What a row has in a column.
#[derive(Debug)]
pub(super) struct Cell {
    /// `None`: nothing.
    pub(super) value: Option<ShownValue>,
    /// Whether it is the id of the row's document.
    pub(super) is_id: bool,
}

impl Results {
    pub(super) fn of(app: &str, select: &Select, seen: RowsSeen, is_json: bool) -> Self {
        let RowsSeen { rows, more, looked_at, is_gradual, extent } = seen;
        let columns_max = if select.field_names().is_none() { COLUMNS_MAX } else { ROW_COLUMNS_MAX };
        let columns = if is_json { Vec::new() } else { columns(&rows) };
        let more_columns = columns.len().saturating_sub(columns_max);
        let columns: Vec<&str> = columns.into_iter().take(columns_max).collect();
        let is_of_documents = !select.is_grouped() && !select.collection().starts_with(executor::system::PREFIX);
        let collection = is_of_documents.then(|| select.collection());
        let mut clipper = Clipper::new(DOCUMENTS_HTML_BYTES);
        let shown = rows.iter().enumerate();
        let shown = shown.map(|(at, row)| shown_row(app, collection, at, row, &columns, is_json, &mut clipper));
        let shown = shown.collect();
        Self {
            columns: columns.iter().map(|column| clipper.clip(column, NAME_SHOWN_BYTES)).collect(),
            more_columns,
            rows: shown,
            more,
            looked_at: figures::count(looked_at as u64),
            is_exact: is_gradual,
            extent,
        }
    }
}

fn shown_row(
    app: &str,
    collection: Option<&str>,
    at: usize,
    row: &Row,
    columns: &[&str],
    is_json: bool,
    clipper: &mut Clipper,
) -> ResultRow {
    let value = |name: &str| row.fields.iter().find(|(known, _)| known == name).map(|(_, value)| value);
    let document = collection.zip(value("_id").map(json_text::line));
    let cell = |column: &&str| Cell {
        value: value(column).map(|value| ShownValue::of(value, clipper, CELL_SHOWN_BYTES)),
        is_id: document.is_some() && *column == "_id",
    };
    let cells = columns.iter().map(cell).collect();
    ResultRow {
        path: document.as_ref().map(|(collection, id)| document_path(app, collection, id)),
        name: match &document {
            Some((_, id)) => clipper.clip(id, NAME_SHOWN_BYTES),
            None => format!("Row {}", at + 1),
        },
        cells,
        json: match is_json {
            true => clipper.clip(&json_text::pretty_row(&row.fields), JSON_SHOWN_BYTES),
            false => String::new(),
        },
    }
}

fn columns(rows: &[Row]) -> Vec<&str> {
    let mut columns: Vec<&str> = Vec::new();
    for (name, _) in rows.iter().flat_map(|row| &row.fields) {
        if columns.len() < COLUMNS_COUNTED_MAX && !columns.contains(&name.as_str()) {
            columns.push(name);
        }
    }
    columns
}
