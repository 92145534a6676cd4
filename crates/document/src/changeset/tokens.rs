//! The attachments' tokens that a write names: what somebody may look at before it goes on its way.
//!
//! Not here: tokens that are computed when the write is applied (`query`), whether there is such a
//! blob.

use crate::{Action, FieldType, Map, Path, UpdateKind, Value};

impl Action {
    /// Gives every token that it writes as one. What an UPDATE of DQL computes is not among them.
    pub fn for_each_token(&self, each: &mut dyn FnMut(&Map)) {
        match self {
            Action::Upsert { value, types }
            | Action::UpsertInitial { value, types }
            | Action::UpsertDifference { value, types } => of_fields(value, types, each),
            Action::Update(commands) => commands.iter().for_each(|command| command.kind.for_each_token(each)),
            Action::Merge { delta, .. } => delta.for_each_token(each),
            Action::Computed { .. } | Action::Remove => {}
        }
    }
}

impl UpdateKind {
    /// Gives every token that it writes as one.
    pub fn for_each_token(&self, each: &mut dyn FnMut(&Map)) {
        match self {
            UpdateKind::SetAttachment(token) => each(token),
            UpdateKind::Merge { value, types } => of_fields(value, types, each),
            UpdateKind::Set(_)
            | UpdateKind::SetRegister(_)
            | UpdateKind::Increment(_)
            | UpdateKind::ReplaceWithCounter(_)
            | UpdateKind::Unset => {}
        }
    }
}

fn of_fields(value: &Map, types: &[(Path, FieldType)], each: &mut dyn FnMut(&Map)) {
    for (path, _) in types.iter().filter(|(_, kind)| *kind == FieldType::Attachment) {
        if let Some(Value::Map(token)) = path.lookup(value) {
            each(token);
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::{Action, Document, FieldType, Map, Path, SiteId, Stamp, UpdateCommand, UpdateKind, Value, WriteRules};

    fn map(json: &str) -> Map {
        let Ok(Value::Map(map)) = Value::from_json(json.as_bytes()) else { panic!("{json} is no object") };
        map
    }

    #[test]
    fn what_is_written_as_a_token_is_named() {
        let token = r#"{"id":"a","len":1,"metadata":{}}"#;
        let path = |text: &str| Path::parse(text).expect("a path");
        let types = vec![(path("o.f"), FieldType::Attachment), (path("none"), FieldType::Attachment)];
        let value = map(&format!(r#"{{"o":{{"f":{token}}},"plain":{token}}}"#));
        let set = UpdateCommand { path: path("g"), kind: UpdateKind::SetAttachment(map(token)) };
        let plain = UpdateCommand { path: path("h"), kind: UpdateKind::Set(Value::Map(map(token))) };
        let merge = UpdateKind::Merge { value: value.clone(), types: types.clone() };
        let mut document = Document::new();
        document.upsert(&value, &types, Stamp { time: 9, site: SiteId(1) }, WriteRules::NEWEST);
        for (action, expected) in [
            (Action::Upsert { value, types }, 1),
            (Action::Update(vec![set, plain, UpdateCommand { path: path("i"), kind: merge }]), 2),
            (Action::Merge { delta: document.clone(), removed: false, base: 0 }, 1),
            (Action::Remove, 0),
        ] {
            let mut found = Vec::new();
            action.for_each_token(&mut |token| found.push(token.clone()));
            assert_eq!(found, vec![map(token); expected], "{action:?}");
        }
    }
}
