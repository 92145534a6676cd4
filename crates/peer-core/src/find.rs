//! Queries of the legacy language.

use document::{CollectionName, DocumentId, Map, Path, Value};
use query::{Budget, Filter, Query, compare_for_sort};

use crate::QueryError;
use crate::reading::Reading;

/// A query of the legacy language: which documents, in which order.
#[derive(Debug, Clone)]
pub struct Find {
    /// Whose documents.
    pub collection: CollectionName,
    /// Which of them.
    pub filter: Filter,
    /// By what they are sorted, and whether the greatest comes first; then by ids.
    pub sort: Vec<(Path, bool)>,
    /// How many are left out first.
    pub offset: usize,
    /// At most so many; `None`: all.
    pub limit: Option<usize>,
}

/// A document that was found.
#[derive(Debug, Clone, PartialEq)]
pub struct Found {
    /// Its id.
    pub id: DocumentId,
    /// Its fields, without `_id`.
    pub value: Map,
}

impl Find {
    /// All documents that match, by their ids.
    ///
    /// # Errors
    /// The collection's name, the query or an argument is none.
    pub fn new(collection: &str, query: &str, args: &Map) -> Result<Self, QueryError> {
        let collection = CollectionName::new(collection)?;
        let filter = Query::parse(query)?.bind(args)?;
        Ok(Self { collection, filter, sort: Vec::new(), offset: 0, limit: None })
    }

    pub(crate) fn run(&self, reading: &Reading<'_>, budget: &mut Budget) -> Result<Vec<Found>, QueryError> {
        let enough = self.limit.map_or(usize::MAX, |limit| limit.saturating_add(self.offset));
        let is_paged = self.sort.is_empty();
        let mut found = Vec::new();
        if enough == 0 {
            return Ok(found);
        }
        reading.matching(self.collection.as_str(), &self.filter, budget, &mut |id, fields, _| {
            found.push(Found { id: id.clone(), value: fields.clone() });
            Ok(!is_paged || found.len() < enough)
        })?;
        found.sort_by(|a, b| self.compare(a, b)); // stable: then by ids
        Ok(found.into_iter().skip(self.offset).take(self.limit.unwrap_or(usize::MAX)).collect())
    }

    fn compare(&self, a: &Found, b: &Found) -> std::cmp::Ordering {
        let each = self.sort.iter().map(|(path, is_descending)| {
            let (a, b) = (a.at(path), b.at(path));
            let order = compare_for_sort(a.as_ref(), b.as_ref());
            if *is_descending { order.reverse() } else { order }
        });
        each.into_iter().find(|order| order.is_ne()).unwrap_or(std::cmp::Ordering::Equal)
    }
}

impl Found {
    /// What stands at `path`, in `_id` too.
    fn at(&self, path: &Path) -> Option<Value> {
        match path.segments.first() {
            Some(document::PathSegment::Field(name)) if name == "_id" => {
                let whole = Map::from_fields(vec![("_id".to_owned(), self.id.to_value())]);
                path.lookup(&whole).cloned()
            }
            _ => path.lookup(&self.value).cloned(),
        }
    }
}
