//! The live queries of an app, as they are until one is made, changed or deleted.
//!
//! Not here: what is known of each (`view`).

use std::{ops::Deref, sync::Arc};

use query::Filter;

use crate::{filter_index::FilterIndex, limits::LIGHT_STEPS_MAX, view::View};

/// All of them, sorted by name, and the index that finds those an event concerns.
#[derive(Debug, Default)]
pub(crate) struct Views {
    all: Vec<Arc<View>>,
    pub(crate) index: FilterIndex,
    /// Whether every filter takes little, whatever the document is.
    pub(crate) are_light: bool,
}

impl Views {
    pub(crate) fn new(all: Vec<Arc<View>>) -> Self {
        let index = FilterIndex::new(&all);
        let filters = all.iter().filter_map(|view| view.matcher.filter.as_ref());
        let are_light = filters.map(Filter::steps_max).all(|steps| steps.is_some_and(|steps| steps <= LIGHT_STEPS_MAX));
        Self { all, index, are_light }
    }
}

impl Deref for Views {
    type Target = [Arc<View>];

    fn deref(&self) -> &[Arc<View>] {
        &self.all
    }
}
