//! Laws of the stored forms and of JSON: what is written reads back the same; bad bytes are
//! refused, never a panic.

use crate::generators::{changesets, maps, paths, small_commands, small_maps, small_types, values};
use document::{Changeset, Document, DocumentId, Path, SiteId, Stamp, Value, WriteRules};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::Index;

fn encoded(document: &Document) -> Vec<u8> {
    let mut out = Vec::new();
    document.encode(&mut out);
    out
}

fn encoded_changeset(changeset: &Changeset) -> Vec<u8> {
    let mut out = Vec::new();
    changeset.encode(&mut out);
    out
}

/// A document with two sites, fields of every type and a replaced object.
fn documents() -> impl Strategy<Value = Document> {
    (maps(), small_maps(), small_types(), small_commands()).prop_map(|(value, small, types, commands)| {
        let mut document = Document::new();
        let at = |time, site| Stamp { time, site: SiteId(site) };
        document.upsert(&value, &[], at(1 << 40, 7), WriteRules::NEWEST);
        document.upsert(&small, &types, at(1 << 41, u64::MAX - 1), WriteRules::NEWEST);
        let _ = document.update(&commands, at((1 << 41) + 1, 7), WriteRules::NEWEST);
        document
    })
}

/// Documents as version 1 stored them.
fn old_documents() -> impl Strategy<Value = Vec<u8>> {
    let histories = include_str!("../data/histories-v1.txt");
    let all: Vec<&str> = histories.lines().filter_map(|line| line.strip_prefix("document ")).collect();
    proptest::sample::select(all).prop_map(|hex| {
        let byte = |at| u8::from_str_radix(&hex[at..at + 2], 16).expect("hex was written");
        (0..hex.len()).step_by(2).map(byte).collect()
    })
}

/// Changes some bytes, cuts or lengthens.
#[derive(Debug, Clone)]
struct Damage {
    bytes: Vec<(Index, u8)>,
    cut: Option<Index>,
    tail: Vec<u8>,
}

fn damages() -> impl Strategy<Value = Damage> {
    let bytes = vec((any::<Index>(), prop_oneof![any::<u8>(), Just(0xff), Just(0x80), 0_u8..20]), 0..4);
    (bytes, any::<Option<Index>>(), vec(any::<u8>(), 0..3)).prop_map(|(bytes, cut, tail)| Damage { bytes, cut, tail })
}

impl Damage {
    fn done_to(&self, mut bytes: Vec<u8>) -> Vec<u8> {
        for (at, byte) in &self.bytes {
            let at = at.index(bytes.len());
            bytes[at] = *byte;
        }
        if let Some(cut) = self.cut {
            bytes.truncate(cut.index(bytes.len()));
        }
        bytes.extend_from_slice(&self.tail);
        bytes
    }
}

/// What can be read must be the one form of what was read, but for older versions, and must merge
/// lawfully.
fn check_document_bytes(bytes: &[u8]) {
    let value = Document::decode_value(bytes);
    let _no_panic = (Document::decode_fields(bytes, &["a", "b"]), Document::decode_exists(bytes));
    let mut json = Vec::new();
    let _no_panic = Document::decode_json(bytes, &mut json);
    if let Ok(document) = Document::decode(bytes) {
        let newest = encoded(&document);
        assert!(newest == bytes || bytes[0] == 1, "the same in the newest version");
        assert_eq!(Document::decode(&newest).as_ref(), Ok(&document));
        assert_eq!(value, Ok(document.value()));
        let mut twice = document.clone();
        twice.merge(&document);
        assert_eq!(encoded(&twice), newest);
    }
}

fn check_changeset_bytes(bytes: &[u8]) {
    if let Ok(changeset) = Changeset::decode(bytes) {
        let newest = encoded_changeset(&changeset);
        assert!(newest == bytes || bytes[0] == 1, "the same in the newest version");
        assert_eq!(Changeset::decode(&newest), Ok(changeset));
    }
}

proptest! {
    #[test]
    fn values_survive_json(value in values()) {
        let mut json = Vec::new();
        value.write_json(&mut json);
        prop_assert_eq!(&Value::from_json(&json), &Ok(value.clone()));
        prop_assert_eq!(serde_json::to_vec(&value).unwrap(), json.clone());
        let independent: serde_json::Value = serde_json::from_slice(&json).unwrap();
        let reread: Value = serde_json::from_str(&independent.to_string()).unwrap();
        prop_assert_eq!(reread, value);
    }

    #[test]
    fn any_bytes_are_json_or_an_error(bytes in vec(any::<u8>(), 0..64), text in "[\\[\\]{}\",:0-9eE.\\-+\\\\u dnul]{0,40}") {
        let _ = (Value::from_json(&bytes), document::find_oversized_integer(&bytes));
        let ours = Value::from_json(text.as_bytes());
        let theirs = serde_json::from_str::<serde_json::Value>(&text);
        let beyond = document::find_oversized_integer(text.as_bytes()).is_some();
        prop_assert_eq!(ours.is_ok(), theirs.is_ok() && !beyond);
    }

    #[test]
    fn paths_survive_display(path in paths()) {
        prop_assert_eq!(Path::parse(&path.to_string()), Ok(path));
    }

    #[test]
    fn any_text_is_a_path_or_an_error(text in any::<String>(), likely in "[a-c.\\[\\]'\"0-9\\\\ ]{0,12}") {
        for text in [text, likely] {
            if let Ok(path) = Path::parse(&text) {
                prop_assert_eq!(Path::parse(&path.to_string()), Ok(path));
            }
        }
    }

    #[test]
    fn ids_survive_storage(value in values()) {
        if let Ok(id) = DocumentId::from_value(&value) {
            prop_assert_eq!(id.to_value(), value);
            prop_assert_eq!(DocumentId::from_json(id.as_json()), Ok(id));
        }
    }

    #[test]
    fn any_text_is_a_canonical_id_or_refused(text in any::<String>(), likely in "[\"{}:a-c0-9\\\\u,.]{0,12}") {
        for text in [text.as_str(), &likely, &format!("\"{text}\"")] {
            if let Ok(id) = DocumentId::from_json(text) {
                prop_assert_eq!(DocumentId::from_value(&id.to_value()), Ok(id));
            }
        }
    }

    #[test]
    fn changesets_survive_storage(changeset in changesets()) {
        prop_assert_eq!(Changeset::decode(&encoded_changeset(&changeset)), Ok(changeset));
    }

    #[test]
    fn documents_survive_storage(document in documents()) {
        prop_assert_eq!(Document::decode(&encoded(&document)), Ok(document));
    }
}

proptest! {
    #![proptest_config(crate::cases(4096))]

    #[test]
    fn any_bytes_are_a_document_or_an_error(bytes in vec(any::<u8>(), 0..96)) {
        check_document_bytes(&bytes);
        check_document_bytes(&[&[1], bytes.as_slice()].concat());
        check_document_bytes(&[&[2], bytes.as_slice()].concat());
    }

    #[test]
    fn a_damaged_document_is_refused_or_canonical(document in documents(), damage in damages()) {
        check_document_bytes(&damage.done_to(encoded(&document)));
    }

    #[test]
    fn a_damaged_old_document_is_refused_or_canonical(document in old_documents(), damage in damages()) {
        check_document_bytes(&damage.done_to(document));
    }

    #[test]
    fn any_bytes_are_a_changeset_or_an_error(bytes in vec(any::<u8>(), 0..96)) {
        check_changeset_bytes(&[&[1], bytes.as_slice()].concat());
        check_changeset_bytes(&[&[2], bytes.as_slice()].concat());
        check_changeset_bytes(&[&[3], bytes.as_slice()].concat());
    }

    #[test]
    fn a_damaged_changeset_is_refused_or_canonical(changeset in changesets(), damage in damages()) {
        check_changeset_bytes(&damage.done_to(encoded_changeset(&changeset)));
    }
}
