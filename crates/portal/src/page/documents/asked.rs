//! What the page of documents is asked for, and the addresses of the pages around it.
//!
//! Invariant: an address says all of it, so that any page can be loaded again, kept, and gone back
//! to. A page knows the pages before it by the places where they began, and as many of these as an
//! address can carry.

use document::{CollectionName, DocumentId, Map, Path, Value};
use find::{Cursor, Fingerprint, SortKey};
use query::Filter;

use crate::{
    failure::Failure,
    limits::{DOCUMENTS_SHOWN_MAX, TRAIL_BYTES_MAX, TRAIL_MAX},
    scan::Search,
    scope::{Scope, segment},
};

/// A query over a collection, in an order, from a place on.
#[derive(Debug, Clone)]
pub(super) struct Listing {
    base: String,
    collection: String,
    query: String,
    is_json: bool,
    /// A path as text, and whether the greatest come first.
    pub(super) sort: Option<(String, bool)>,
    /// Where it begins, as the address says it.
    after: Option<String>,
    /// How many documents come before; `None` where an address does not say it.
    before: Option<u64>,
    /// How many were looked at before.
    pub(super) looked_at: u64,
    /// Where the pages before it begin, the first one first: how many documents come before, and
    /// the place.
    trail: Vec<String>,
}

impl Listing {
    pub(super) fn of(scope: &Scope, collection: &str, query: &str, is_json: bool) -> Self {
        let asked = &scope.visit.query;
        let sort = asked.filled("sort").map(|path| (path.to_owned(), !asked.text("desc").is_empty()));
        Self {
            base: scope.path("documents"),
            collection: collection.to_owned(),
            query: query.to_owned(),
            is_json,
            sort,
            after: asked.filled("after").map(str::to_owned),
            before: asked.text("before").parse().ok(),
            looked_at: asked.text("looked").parse().unwrap_or(0),
            trail: asked.all("trail").take(TRAIL_MAX).map(str::to_owned).collect(),
        }
    }

    /// What to look for; a sort or a place that is none is `BadInput`.
    pub(super) fn search(&self, filter: Filter) -> Result<Search, Failure> {
        let collection = CollectionName::new(&self.collection);
        let collection = collection.map_err(|error| Failure::BadInput(error.to_string()))?;
        let sort = self.sort_key()?;
        let after = self.after.as_ref().map(|text| self.place(text, &collection, &sort)).transpose()?;
        Ok(Search { collection, filter, sort, after, take: DOCUMENTS_SHOWN_MAX })
    }

    /// The first documents of the collection; `None` where its name is none.
    pub(super) fn first_of_all(&self, all: Filter) -> Option<Search> {
        let collection = CollectionName::new(&self.collection).ok()?;
        Some(Search { collection, filter: all, sort: None, after: None, take: DOCUMENTS_SHOWN_MAX })
    }

    fn sort_key(&self) -> Result<Option<SortKey>, Failure> {
        let Some((path, descending)) = &self.sort else { return Ok(None) };
        let path = Path::parse(path).map_err(|error| Failure::BadInput(format!("sort: {error}")))?;
        Ok(Some(SortKey { path, descending: *descending }))
    }

    /// In the order of ids a place is an id; in another one it has values too.
    fn place(&self, text: &str, collection: &CollectionName, sort: &Option<SortKey>) -> Result<Cursor, Failure> {
        if sort.is_none() {
            return read_id(text).map(Cursor::after_id);
        }
        let sort: Vec<SortKey> = sort.iter().cloned().collect();
        let fingerprint = Fingerprint::of(collection, &self.query, &Map::new(), &sort);
        let place = Cursor::from_text(text, fingerprint, &sort);
        place.map_err(|error| Failure::BadInput(format!("after: {error}")))
    }

    /// `None` where its values are too long for an address.
    fn place_text(&self, cursor: &Cursor, search: &Search) -> Option<String> {
        if search.sort.is_none() {
            return Some(cursor.id.as_json().to_owned());
        }
        let sort: Vec<SortKey> = search.sort.iter().cloned().collect();
        cursor.to_text(Fingerprint::of(&search.collection, &self.query, &Map::new(), &sort))
    }

    /// The first page.
    pub(super) fn first(&self) -> String {
        let view = if self.is_json { "&view=json" } else { "" };
        let sort = match &self.sort {
            Some((path, true)) => format!("&sort={}&desc=yes", segment(path)),
            Some((path, false)) => format!("&sort={}", segment(path)),
            None => String::new(),
        };
        let (collection, query) = (segment(&self.collection), segment(&self.query));
        format!("{}?collection={collection}&query={query}{view}{sort}", self.base)
    }

    /// How many documents come before the page; `None` where that is not known.
    pub(super) fn before(&self) -> Option<u64> {
        if self.is_first() { Some(0) } else { self.before }
    }

    pub(super) fn is_first(&self) -> bool {
        self.after.is_none()
    }

    /// The page behind this one, which shows so many and looked at so many.
    pub(super) fn next(&self, cursor: &Cursor, search: &Search, shown: usize, looked_at: usize) -> Option<String> {
        let place = self.place_text(cursor, search)?;
        let mut trail = self.trail.clone();
        let before = self.before().unwrap_or(0);
        trail.push(format!("{before}:{}", self.after.as_deref().unwrap_or_default()));
        let (before, looked_at) = (before + shown as u64, self.looked_at + looked_at as u64);
        let mut address = format!("{}&before={before}&looked={looked_at}&after={}", self.first(), segment(&place));
        push_trail(&mut address, &trail);
        Some(address)
    }

    /// The page before this one; `None` where there is none, or it is no longer known.
    pub(super) fn previous(&self) -> Option<String> {
        let (last, trail) = self.trail.split_last()?;
        let (before, place) = last.split_once(':')?;
        let mut address = self.first();
        if !place.is_empty() {
            address.push_str(&format!("&before={}&after={}", segment(before), segment(place)));
            push_trail(&mut address, trail);
        }
        Some(address)
    }

    /// The first page by another order: the head of a column turns it round, and then off.
    pub(super) fn sorted_by(&self, path: &str) -> String {
        let sort = match &self.sort {
            Some((known, false)) if known == path => Some((path.to_owned(), true)),
            Some((known, true)) if known == path => None,
            _ => Some((path.to_owned(), false)),
        };
        Self { sort, ..self.clone() }.first()
    }
}

/// As many of the last as there is room for.
fn push_trail(address: &mut String, trail: &[String]) {
    let mut kept = Vec::new();
    let mut bytes = 0;
    for place in trail.iter().rev().take(TRAIL_MAX) {
        let field = format!("&trail={}", segment(place));
        bytes += field.len();
        if bytes > TRAIL_BYTES_MAX {
            break;
        }
        kept.push(field);
    }
    kept.reverse();
    address.push_str(&kept.concat());
}

/// An id as JSON.
pub(crate) fn read_id(json: &str) -> Result<DocumentId, Failure> {
    let value = Value::from_json(json.as_bytes()).map_err(|error| Failure::BadInput(format!("the id: {error}")))?;
    DocumentId::from_value(&value).map_err(|error| Failure::BadInput(error.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn listing() -> Listing {
        Listing {
            base: "/d".to_owned(),
            collection: "people".to_owned(),
            query: "true".to_owned(),
            is_json: false,
            sort: None,
            after: None,
            before: None,
            looked_at: 0,
            trail: Vec::new(),
        }
    }

    #[test]
    fn a_page_leads_on_and_back() {
        let first = listing();
        let filter = query::Query::parse("true").unwrap().bind(&Map::new()).unwrap();
        let search = first.search(filter).unwrap();
        let cursor = Cursor::after_id(read_id("\"p-24\"").unwrap());
        let address = first.next(&cursor, &search, 25, 25).unwrap();
        assert_eq!(address, "/d?collection=people&query=true&before=25&looked=25&after=%22p-24%22&trail=0%3A");
        let second =
            Listing { after: Some("\"p-24\"".to_owned()), before: Some(25), trail: vec!["0:".to_owned()], ..listing() };
        assert_eq!(second.previous().unwrap(), first.first());
        let third = Listing { trail: vec!["0:".to_owned(), "25:\"p-24\"".to_owned()], ..second };
        assert_eq!(third.previous().unwrap(), "/d?collection=people&query=true&before=25&after=%22p-24%22&trail=0%3A");
        assert_eq!(first.previous(), None);
    }

    #[test]
    fn the_head_of_a_column_sorts_turns_round_and_sorts_no_more() {
        let by = |sort| Listing { sort, ..listing() }.sorted_by("age");
        assert_eq!(by(None), "/d?collection=people&query=true&sort=age");
        assert_eq!(by(Some(("age".to_owned(), false))), "/d?collection=people&query=true&sort=age&desc=yes");
        assert_eq!(by(Some(("age".to_owned(), true))), "/d?collection=people&query=true");
        assert_eq!(by(Some(("name".to_owned(), true))), "/d?collection=people&query=true&sort=age");
    }

    #[test]
    fn a_long_trail_keeps_its_end() {
        let mut address = String::new();
        let trail: Vec<String> = (0..1000).map(|n| format!("{n}:x")).collect();
        push_trail(&mut address, &trail);
        assert!(address.len() <= TRAIL_BYTES_MAX && address.ends_with("&trail=999%3Ax"), "{address}");
        assert_eq!(address.matches("&trail=").count(), TRAIL_MAX);
    }
}
