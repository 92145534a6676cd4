//! What members subscribe to: names of topics, and a regular expression that is resolved here.
//!
//! Invariant: what an expression may take is bounded by its length and by the size that it compiles to.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use regex::{Regex, RegexBuilder};
use topics::TopicLayout;
use uuid::Uuid;

use super::{ConsumerGroupError, group::ConsumerGroup, member::Member};
use crate::limits;

/// An expression that must match a topic's whole name. The syntax is that of RE2 as the crate `regex` has it.
pub(super) fn compile(pattern: &str) -> Result<Regex, ConsumerGroupError> {
    let invalid = |_| ConsumerGroupError::InvalidRegularExpression;
    if pattern.len() > limits::SUBSCRIPTION_REGEX_BYTES_MAX {
        return Err(ConsumerGroupError::InvalidRegularExpression);
    }
    let build = |pattern: &str| {
        RegexBuilder::new(pattern).size_limit(limits::SUBSCRIPTION_REGEX_COMPILED_BYTES_MAX).build().map_err(invalid)
    };
    // By itself first, so that no parenthesis of it closes the one around it.
    build(pattern)?;
    build(&format!(r"\A(?:{pattern})\z"))
}

impl ConsumerGroup {
    /// Takes up the topics that there are.
    pub(super) fn use_layout(&mut self, layout: &Arc<TopicLayout>) {
        if !Arc::ptr_eq(&self.layout, layout) {
            self.layout = layout.clone();
            self.resolved.clear();
            self.is_layout_new = true;
        }
    }

    /// Looks at what members subscribe to; whether there are other topics, or partitions, than before.
    pub(super) fn resolve_subscriptions(&mut self) -> bool {
        let patterns: BTreeSet<String> = self.members.values().filter_map(|member| member.regex.clone()).collect();
        self.resolved.retain(|pattern, _| patterns.contains(pattern));
        for pattern in patterns {
            let layout = &self.layout;
            self.resolved.entry(pattern).or_insert_with_key(|pattern| matching(pattern, layout));
        }
        let mut topics = BTreeMap::new();
        for member in self.members.values() {
            let shapes = self.topics_of(member).into_iter().filter_map(|id| self.layout.topic(self.layout.name(id)?));
            topics.extend(shapes.map(|shape| (shape.id, shape.partitions)));
        }
        let has_changed = topics != self.topics;
        self.topics = topics;
        has_changed
    }

    /// The topics that are there of those that a member subscribes to.
    pub(super) fn topics_of(&self, member: &Member) -> BTreeSet<Uuid> {
        let named = member.names.iter().filter_map(|name| Some(self.layout.topic(name)?.id));
        let matched = member.regex.as_ref().and_then(|pattern| self.resolved.get(pattern));
        named.chain(matched.into_iter().flatten().copied()).collect()
    }
}

/// The topics whose whole names match; none if the expression is none.
fn matching(pattern: &str, layout: &TopicLayout) -> BTreeSet<Uuid> {
    let Ok(regex) = compile(pattern) else { return BTreeSet::new() };
    layout.topics().filter(|(name, _)| regex.is_match(name)).map(|(_, shape)| shape.id).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_expression_matches_whole_names_and_is_bounded() {
        let matches = |pattern: &str, name: &str| compile(pattern).unwrap().is_match(name);
        assert!(matches("user-.*", "user-consumable-shop") && !matches("user-.*", "a-user-x"));
        assert!(matches("a|ab", "ab") && !matches("user", "user-consumable-shop"));
        for hostile in ["(", "a)|(?:b", "(?x)a #", &"a".repeat(2000), "((a{100}){100}){100}", r"(?=a)"] {
            assert_eq!(compile(hostile).unwrap_err(), ConsumerGroupError::InvalidRegularExpression, "{hostile}");
        }
    }
}
