//! What has arrived so far, on Live Query Settings: whether there is an event, and which consumer groups read the
//! topic.
//!
//! A fragment, which the page's script asks for again and again.

use askama::Template;
use axum::{http::StatusCode, response::Response};
use operations::GroupLag;

use crate::{
    clip::Clipper,
    failure::Failure,
    figures, layout,
    limits::{GROUPS_SHOWN_MAX, NAME_SHOWN_BYTES},
    scope::{Scope, segment},
};

/// Groups that are named.
const GROUPS_NAMED_MAX: usize = 6;

#[derive(Template)]
#[template(path = "settings_received.html")]
struct Fragment {
    received: Received,
}

pub(crate) struct Received {
    pub(crate) topic: String,
    /// How many events there ever were, in words.
    pub(crate) events: String,
    /// Where the newest is shown.
    pub(crate) newest: Option<String>,
    pub(crate) new_document: String,
    pub(crate) groups: Vec<Group>,
}

pub(crate) struct Group {
    pub(crate) name: String,
    pub(crate) path: String,
    pub(crate) has_received: bool,
    pub(crate) standing: String,
}

pub(crate) async fn fragment(scope: Scope) -> Result<Response, Failure> {
    let topic = chosen_topic(&scope, scope.visit.query.filled("topic"))?;
    Ok(layout::page(StatusCode::OK, &Fragment { received: Received::of(&scope, &topic) }))
}

/// The topic of that name, the main feed's where none is named.
pub(crate) fn chosen_topic(scope: &Scope, topic: Option<&str>) -> Result<String, Failure> {
    let main = scope.topics.main();
    let topic = topic.unwrap_or(main.name());
    match scope.topics.by_name(topic) {
        Some(found) => Ok(found.name().to_owned()),
        None => Err(Failure::NotFound { kind: "topic", name: topic.to_owned() }),
    }
}

impl Received {
    /// Of a topic that there is.
    pub(crate) fn of(scope: &Scope, topic: &str) -> Self {
        let found = scope.topics.by_name(topic);
        let partitions = found.iter().flat_map(|found| (0..found.partitions()).map(i32::from));
        let ends: Vec<(i32, u64)> =
            partitions.filter_map(|index| Some((index, found.as_ref()?.partition(index)?.high_watermark()))).collect();
        let newest = ends.iter().rev().max_by_key(|(_, end)| *end).filter(|(_, end)| *end > 0);
        let (groups, _) = scope.state().operations.groups(&scope.topics).first(GROUPS_SHOWN_MAX);
        let mut clipper = Clipper::new(4 * 1024);
        let mut group = |group: &GroupLag| {
            let places = group.on_topic(topic);
            let has_received = places.iter().any(|place| place.committed > 0);
            let lag: u64 = places.iter().map(|place| place.lag).sum();
            (!places.is_empty()).then(|| Group {
                path: scope.path(&format!("consumers/{}", segment(&group.name))),
                name: clipper.clip(&group.name, NAME_SHOWN_BYTES),
                has_received,
                standing: standing(has_received, lag, group.members),
            })
        };
        Self {
            events: figures::count(ends.iter().map(|(_, end)| end).sum::<u64>()),
            newest: newest
                .map(|(partition, end)| scope.path(&format!("events/{}/{partition}/{}", segment(topic), end - 1))),
            new_document: scope.path("documents/new"),
            groups: groups.iter().filter_map(&mut group).take(GROUPS_NAMED_MAX).collect(),
            topic: topic.to_owned(),
        }
    }
}

fn standing(has_received: bool, lag: u64, members: usize) -> String {
    let presence = if members == 0 { "It is not connected now." } else { "It is connected." };
    match (has_received, lag) {
        (false, _) => format!("It has received nothing yet. {presence}"),
        (true, 0) => format!("Received everything that there is. {presence}"),
        (true, lag) => format!("Received; {} to come. {presence}", figures::count(lag)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_group_says_how_it_stands() {
        assert_eq!(standing(false, 3, 1), "It has received nothing yet. It is connected.");
        assert_eq!(standing(true, 0, 0), "Received everything that there is. It is not connected now.");
        assert_eq!(standing(true, 1200, 1), format!("Received; {} to come. It is connected.", figures::count(1200)));
    }
}
