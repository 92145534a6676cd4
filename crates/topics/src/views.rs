//! The live queries of an app, as they are until one is made, changed or deleted.
//!
//! Not here: what is known of each (`view`).

use std::{ops::Deref, sync::Arc};

use crate::{filter_index::FilterIndex, view::View};

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
        let are_light = all.iter().all(|view| view.matcher.is_light());
        Self { all, index, are_light }
    }
}

impl Deref for Views {
    type Target = [Arc<View>];

    fn deref(&self) -> &[Arc<View>] {
        &self.all
    }
}
