//! The documents that a search found, for a table or as JSON, and what is said of the search.
//!
//! Not here: searching (`scan`), the addresses of pages (`asked`).

use document::{Map, Path, PathSegment, Value};

use crate::{
    clip::Clipper,
    event_row::document_path,
    figures, json_text,
    limits::{
        CELL_SHOWN_BYTES, COLUMNS_COUNTED_MAX, COLUMNS_MAX, DOCUMENTS_HTML_BYTES, JSON_SHOWN_BYTES, NAME_SHOWN_BYTES,
    },
    page::documents::asked::Listing,
    plural,
    scan::{Reach, Search, Seen, Sight},
    shown_value::ShownValue,
};

/// What is shown of a search.
#[derive(Debug)]
pub(super) struct Listed {
    pub(super) columns: Vec<Column>,
    pub(super) more_columns: usize,
    pub(super) rows: Vec<Row>,
    /// Which documents these are, and of how many.
    pub(super) range: String,
    pub(super) reach: Reach,
    /// Documents that were looked at, with those of the pages before.
    pub(super) looked_at: u64,
    pub(super) in_collection: u64,
    pub(super) first: Option<String>,
    pub(super) previous: Option<String>,
    pub(super) next: Option<String>,
    /// By what they are sorted, where that is not the id.
    pub(super) sorted_by: Option<String>,
    pub(super) is_descending: bool,
}

/// The head of a column, which sorts.
#[derive(Debug)]
pub(super) struct Column {
    pub(super) name: String,
    pub(super) address: String,
    /// `ascending` or `descending`.
    pub(super) sorted: Option<&'static str>,
}

/// A document of the page.
#[derive(Debug)]
pub(super) struct Row {
    pub(super) path: String,
    pub(super) id: ShownValue,
    /// One for each column but the id's.
    pub(super) cells: Vec<Option<ShownValue>>,
    pub(super) json: String,
}

impl Listed {
    pub(super) fn of(app: &str, listing: &Listing, search: &Search, sight: &Sight, is_json: bool) -> Self {
        let mut clipper = Clipper::new(DOCUMENTS_HTML_BYTES);
        let names = if is_json { Vec::new() } else { column_names(&sight.found) };
        let more_columns = names.len().saturating_sub(COLUMNS_MAX);
        let names: Vec<String> = names.into_iter().take(COLUMNS_MAX).collect();
        let collection = search.collection.as_str();
        let row = |seen: &Seen, clipper: &mut Clipper| shown_row(app, collection, seen, &names, is_json, clipper);
        let rows = sight.found.iter().map(|seen| row(seen, &mut clipper)).collect();
        let next = sight.next.as_ref();
        Self {
            columns: columns(listing, &names, &mut clipper),
            more_columns,
            rows,
            range: range(listing.before(), sight),
            reach: sight.reach,
            looked_at: listing.looked_at + sight.looked_at as u64,
            in_collection: sight.in_collection,
            first: (!listing.is_first()).then(|| listing.first()),
            previous: listing.previous(),
            next: next.and_then(|next| listing.next(next, search, sight.found.len(), sight.looked_at)),
            is_descending: search.sort.as_ref().is_some_and(|key| key.descending),
            sorted_by: search.sort.as_ref().map(|key| clipper.clip(&key.path.to_string(), NAME_SHOWN_BYTES)),
        }
    }

    pub(super) fn looked_at_words(&self) -> String {
        figures::count(self.looked_at)
    }

    pub(super) fn in_collection_words(&self) -> String {
        figures::count(self.in_collection)
    }

    /// The name of the column of a row's cell.
    pub(super) fn label(&self, cell: &usize) -> &str {
        &self.columns[cell + 1].name
    }

    /// How much of the collection was looked at, of a hundred.
    pub(super) fn percent(&self) -> u64 {
        self.looked_at.min(self.in_collection) * 100 / self.in_collection.max(1)
    }
}

/// As `26–50 of 1 000`; of a page that does not know how many come before, how many it shows.
fn range(before: Option<u64>, sight: &Sight) -> String {
    let shown = sight.found.len() as u64;
    let Some(before) = before else { return plural::counted(shown, "document") };
    let last = before + shown;
    let total = match (sight.matches, sight.next.is_none() && sight.reach == Reach::Whole) {
        (_, true) => figures::count(last),
        (Some(matches), false) => figures::count(matches.max(last)),
        (None, false) => "more".to_owned(),
    };
    match shown {
        0 => String::new(),
        1 => format!("{} of {total}", figures::count(last)),
        _ => format!("{}–{} of {total}", figures::count(before + 1), figures::count(last)),
    }
}

fn columns(listing: &Listing, names: &[String], clipper: &mut Clipper) -> Vec<Column> {
    let head = |name: &String, clipper: &mut Clipper| {
        let path = Path { segments: vec![PathSegment::Field(name.clone())] }.to_string();
        let sorted = match &listing.sort {
            Some((by, descending)) if *by == path => Some(if *descending { "descending" } else { "ascending" }),
            None if name == "_id" => Some("ascending"),
            _ => None,
        };
        Column { name: clipper.clip(name, NAME_SHOWN_BYTES), address: listing.sorted_by(&path), sorted }
    };
    let id = "_id".to_owned();
    std::iter::once(&id).chain(names).map(|name| head(name, clipper)).collect()
}

fn shown_row(app: &str, collection: &str, seen: &Seen, names: &[String], is_json: bool, clipper: &mut Clipper) -> Row {
    let cell = |name: &String, clipper: &mut Clipper| {
        seen.fields.field(name).map(|value| match value {
            Value::Map(token) if seen.tokens.contains(name) => ShownValue::of_token(token, clipper, CELL_SHOWN_BYTES),
            value => ShownValue::of(value, clipper, CELL_SHOWN_BYTES),
        })
    };
    Row {
        path: document_path(app, collection, seen.id.as_json()),
        id: ShownValue::of(&seen.id.to_value(), clipper, NAME_SHOWN_BYTES),
        cells: names.iter().map(|name| cell(name, clipper)).collect(),
        json: match is_json {
            true => clipper.clip(&json_text::pretty(&seen.fields), JSON_SHOWN_BYTES),
            false => String::new(),
        },
    }
}

/// The fields of the documents on the page, those first that most have.
fn column_names(found: &[Seen]) -> Vec<String> {
    let mut columns: Vec<(String, usize)> = Vec::new();
    for seen in found {
        for (name, _) in seen.fields.iter() {
            match columns.iter().position(|(known, _)| known == name) {
                Some(at) => columns[at].1 += 1,
                None if columns.len() < COLUMNS_COUNTED_MAX => columns.push((name.to_owned(), 1)),
                None => {}
            }
        }
    }
    columns.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
    columns.into_iter().map(|(name, _)| name).collect()
}

/// The paths of the fields that documents have, and of those within them, each once, as many as
/// `count_max`.
pub(super) fn field_paths(found: &[Seen], count_max: usize) -> Vec<String> {
    let mut paths = vec!["_id".to_owned()];
    for seen in found {
        collect_paths(&seen.fields, &mut Vec::new(), &mut paths, count_max);
    }
    paths.sort();
    paths
}

fn collect_paths(map: &Map, above: &mut Vec<PathSegment>, paths: &mut Vec<String>, count_max: usize) {
    for (name, value) in map.iter() {
        above.push(PathSegment::Field(name.to_owned()));
        let path = Path { segments: above.clone() }.to_string();
        if paths.len() < count_max && path.len() <= NAME_SHOWN_BYTES && !paths.contains(&path) {
            paths.push(path);
        }
        if let Value::Map(inner) = value
            && above.len() < 3
        {
            collect_paths(inner, above, paths, count_max);
        }
        above.pop();
    }
}

#[cfg(test)]
mod tests {
    use document::DocumentId;

    use super::*;

    fn seen(json: &str) -> Seen {
        let Ok(Value::Map(fields)) = Value::from_json(json.as_bytes()) else { panic!("{json}") };
        Seen { id: DocumentId::from_json("1").unwrap(), fields, tokens: Vec::new() }
    }

    #[test]
    fn a_range_says_what_is_known() {
        let sight = |shown: usize, matches, has_next: bool| Sight {
            found: (0..shown).map(|_| seen("{}")).collect(),
            looked_at: shown,
            next: has_next.then(|| find::Cursor::after_id(DocumentId::from_json("1").unwrap())),
            reach: Reach::Whole,
            in_collection: 0,
            matches,
            scans: false,
        };
        assert_eq!(range(Some(0), &sight(25, Some(10_000), true)), "1–25 of 10\u{202f}000");
        assert_eq!(range(Some(25), &sight(25, None, true)), "26–50 of more");
        assert_eq!(range(Some(50), &sight(1, None, false)), "51 of 51");
        assert_eq!(range(None, &sight(25, Some(60), true)), "25 documents");
        assert_eq!(range(Some(0), &sight(0, Some(0), false)), "");
    }

    #[test]
    fn fields_are_named_by_their_paths() {
        let found = [seen(r#"{"age":1,"address":{"city":"Ulm","a b":1}}"#), seen(r#"{"age":2,"name":"x"}"#)];
        assert_eq!(field_paths(&found, 80), ["_id", "address", "address.city", "address['a b']", "age", "name"]);
        assert_eq!(field_paths(&found, 2).len(), 2);
        assert_eq!(column_names(&found), ["age", "address", "name"]);
    }
}
