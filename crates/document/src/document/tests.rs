//! What one site sees of its own writes, and the joins worth naming; the laws are in `tests/laws`.

use super::*;
use crate::{StampClock, UpdateKind, Value};

fn map(json: &str) -> Map {
    match Value::from_json(json.as_bytes()).unwrap() {
        Value::Map(map) => map,
        other => panic!("{other:?} is no object"),
    }
}

fn value(json: &str) -> Value {
    Value::from_json(json.as_bytes()).unwrap()
}

fn at(time: u64, site: u64) -> Stamp {
    Stamp { time, site: SiteId(site) }
}

fn written(json: &str, counters: &[&str]) -> Document {
    let mut document = Document::new();
    upsert(&mut document, json, counters, at(10, 1));
    document
}

fn upsert(document: &mut Document, json: &str, counters: &[&str], stamp: Stamp) {
    document.upsert(&map(json), &types(counters, FieldType::Counter), stamp, WriteRules::NEWEST);
}

fn update(document: &mut Document, commands: &[UpdateCommand], stamp: Stamp) {
    document.update(commands, stamp, WriteRules::NEWEST).unwrap();
}

fn types(paths: &[&str], kind: FieldType) -> Vec<(Path, FieldType)> {
    paths.iter().map(|path| (Path::parse(path).unwrap(), kind)).collect()
}

fn json(document: &Document) -> String {
    let mut out = Vec::new();
    document.value().map_or(Value::Null, Value::Map).write_json(&mut out);
    check_stored(document);
    String::from_utf8(out).unwrap()
}

/// Every document of these tests is also stored, read, and shown in all the other ways.
fn check_stored(document: &Document) {
    let mut bytes = Vec::new();
    document.encode(&mut bytes);
    assert_eq!(Document::decode(&bytes).as_ref(), Ok(document));
    assert_eq!(Document::decode_value(&bytes), Ok(document.value()));
}

fn command(path: &str, kind: UpdateKind) -> UpdateCommand {
    UpdateCommand { path: Path::parse(path).unwrap(), kind }
}

fn set(path: &str, json: &str) -> UpdateCommand {
    command(path, UpdateKind::Set(value(json)))
}

fn increment(path: &str, json: &str) -> UpdateCommand {
    command(path, UpdateKind::Increment(value(json)))
}

fn replace_with_counter(path: &str, json: &str) -> UpdateCommand {
    command(path, UpdateKind::ReplaceWithCounter(value(json)))
}

#[track_caller]
fn check_update(before: &str, commands: &[UpdateCommand], after: &str) {
    let mut document = written(before, &[]);
    update(&mut document, commands, at(20, 1));
    assert_eq!(json(&document), after);
}

#[track_caller]
fn check_update_error(before: &str, commands: &[UpdateCommand], expected: &str) {
    let mut document = written(before, &["n"]);
    let same = document.clone();
    let error = document.update(commands, at(20, 1), WriteRules::NEWEST).unwrap_err();
    assert_eq!(format!("{}: {error}", error.command), expected);
    assert_eq!(document, same);
}

#[test]
fn a_new_document_does_not_exist() {
    let document = Document::new();
    assert!(!document.exists());
    assert_eq!(document.stamp_max(), Stamp::ZERO);
    assert_eq!(json(&document), "null");
    let mut out = Vec::new();
    document.write_json("1", &mut out);
    assert_eq!(out, b"null");
}

#[test]
fn upsert_merges_objects_and_replaces_the_rest() {
    let mut document = written(r#"{"a":1,"b":{"x":1,"y":[1]},"c":{"z":1},"d":2}"#, &[]);
    upsert(&mut document, r#"{"b":{"y":[2,{"k":[]}],"q":null},"c":5,"d":{},"e":{"f":{}}}"#, &[], at(20, 1));
    assert_eq!(json(&document), r#"{"a":1,"b":{"q":null,"x":1,"y":[2,{"k":[]}]},"c":5,"d":{},"e":{"f":{}}}"#);
    assert_eq!(document.stamp_max(), at(20, 1));
}

#[test]
fn an_empty_upsert_makes_the_document_exist() {
    assert_eq!(json(&written("{}", &[])), "{}");
}

#[test]
fn the_events_json_begins_with_the_id() {
    let mut out = Vec::new();
    written(r#"{"b":{"c":1.0},"a":1}"#, &["a"]).write_json(r#""x""#, &mut out);
    written("{}", &[]).write_json("7", &mut out);
    assert_eq!(String::from_utf8(out).unwrap(), r#"{"_id":"x","a":1,"b":{"c":1.0}}{"_id":7}"#);
}

#[test]
fn types_show_where_they_are_asked_for() {
    let document = written(r#"{"name":"John","n":5,"address":{"zip":[1]}}"#, &["n"]);
    let expected = r#"{"address":{"map":{"value":{"zip":{"register":{"value":[1]}}}}},"n":{"counter":{"value":5}},"name":{"register":{"value":"John"}}}"#;
    assert_eq!(document.value_with_types(), Some(map(expected)));
}

#[test]
fn a_counter_is_only_what_is_named_and_a_number() {
    let document = written(r#"{"a":{"n":1,"m":2},"n":"x"}"#, &["a.n", "n", "q"]);
    let expected = r#"{"a":{"map":{"value":{"m":{"register":{"value":2}},"n":{"counter":{"value":1}}}}},"n":{"register":{"value":"x"}}}"#;
    assert_eq!(document.value_with_types(), Some(map(expected)));
}

#[test]
fn set_replaces_and_makes_what_is_missing() {
    check_update(r#"{"a":{"x":1}}"#, &[set("a", r#"{"y":2}"#)], r#"{"a":{"y":2}}"#);
    check_update(r#"{"a":{"x":1}}"#, &[set("a.y", "2"), set("b.c", "{}")], r#"{"a":{"x":1,"y":2},"b":{"c":{}}}"#);
    check_update(r#"{"a":null}"#, &[set("a.b", "1")], r#"{"a":{"b":1}}"#);
    check_update("{}", &[set("a", "1"), set("a", r#"{"b":1}"#), set("a.b", "[]")], r#"{"a":{"b":[]}}"#);
    check_update("{}", &[set("a", r#"{"b":{"c":1}}"#), set("a.b", r#"{"d":2}"#)], r#"{"a":{"b":{"d":2}}}"#);
    check_update("{}", &[set("a", "null"), set("a.b", "1"), set("a", "3")], r#"{"a":3}"#);
}

#[test]
fn set_goes_into_arrays() {
    check_update(r#"{"a":[1,2]}"#, &[set("a[0]", "9"), set("a[2]", "3")], r#"{"a":[9,2,3]}"#);
    check_update(r#"{"a":[{"b":[0]}]}"#, &[set("a[0].b[1].c", "1")], r#"{"a":[{"b":[0,{"c":1}]}]}"#);
    check_update("{}", &[set("a[0]", "1")], r#"{"a":[1]}"#);
}

#[test]
fn increments_make_and_keep_counters() {
    check_update(r#"{"n":5}"#, &[increment("n", "2"), increment("n", "-1")], r#"{"n":6}"#);
    check_update("{}", &[increment("a.n", "2")], r#"{"a":{"n":2}}"#);
    check_update(r#"{"n":1.5}"#, &[increment("n", "1")], r#"{"n":2.5}"#);
    check_update(r#"{"n":9223372036854775807}"#, &[increment("n", "1")], r#"{"n":9223372036854775808}"#);
    check_update(r#"{"n":18446744073709551614}"#, &[increment("n", "1")], r#"{"n":18446744073709551615}"#);
    check_update(r#"{"n":-1}"#, &[increment("n", "18446744073709551615")], r#"{"n":18446744073709551614}"#);
    check_update(r#"{"n":18446744073709551615}"#, &[increment("n", "1.0")], r#"{"n":1.8446744073709552e+19}"#);
}

#[test]
fn replacing_with_a_counter_starts_somewhere() {
    check_update(r#"{"n":5}"#, &[replace_with_counter("n", "null")], r#"{"n":5}"#);
    check_update(r#"{"n":5}"#, &[replace_with_counter("n", "7")], r#"{"n":7}"#);
    check_update(r#"{"n":"x"}"#, &[replace_with_counter("n", "null"), increment("n", "1")], r#"{"n":1}"#);
    check_update("{}", &[replace_with_counter("a.n", "null")], r#"{"a":{"n":0}}"#);
}

#[test]
fn a_failed_update_changes_nothing_and_says_why() {
    let before = r#"{"a":"x","n":1,"l":[1],"m":{}}"#;
    check_update_error(before, &[set("b", "1"), set("a.b", "1")], "1: a is a string, not an object");
    check_update_error(before, &[set("n.b", "1")], "0: n is a counter, not an object");
    check_update_error(before, &[set("l.b", "1")], "0: l is an array, not an object");
    check_update_error(before, &[set("m[0]", "1")], "0: m is an object, not an array");
    check_update_error(before, &[set("l[0][0]", "1")], "0: l[0] is an integer, not an array");
    check_update_error(before, &[set("l[0].x", "1")], "0: l[0] is an integer, not an object");
    check_update_error(before, &[set("l[2]", "1")], "0: l[2] is outside the array, which has 1 elements");
    check_update_error(before, &[increment("a", "1")], "0: a is a string, not a number to increment");
    check_update_error(before, &[increment("m", "1")], "0: m is an object, not a number to increment");
    check_update_error(before, &[increment("n", "\"1\"")], "0: n cannot be incremented by a string");
    for (before, by) in [
        (r#"{"n":18446744073709551615}"#, "1"),
        (r#"{"n":-9223372036854775808}"#, "-1"),
        (r#"{"n":1}"#, "18446744073709551615"),
    ] {
        let start = replace_with_counter("n", "null");
        check_update_error(before, &[increment("n", by)], "0: n would be incremented beyond 64 bits");
        check_update_error(before, &[start, increment("n", by)], "1: n would be incremented beyond 64 bits");
    }
    check_update_error(before, &[increment("l[0]", "1")], "0: l[0] is inside an array, where counters cannot be");
    check_update_error(before, &[set("_id", "1")], "0: _id cannot be changed");
    let deep = format!("{}{}", "[".repeat(64), "]".repeat(64));
    check_update_error(before, &[set("a", &deep)], "0: a would nest 65 deep, 64 is allowed");
}

#[test]
fn the_deepest_document_can_be_stored() {
    let deep = format!("{}1{}", "[".repeat(63), "]".repeat(63));
    check_update("{}", &[set("a", &deep)], &format!("{{\"a\":{deep}}}"));
    let objects = format!("{}{{}}{}", "{\"a\":".repeat(63), "}".repeat(63));
    assert_eq!(json(&written(&objects, &[])), objects);
}

#[test]
fn a_removed_document_comes_back_empty_handed() {
    let mut document = written(r#"{"a":1,"n":5}"#, &["n"]);
    document.remove(at(20, 1));
    assert!(!document.exists());
    assert_eq!(json(&document), "null");
    assert_eq!(document.stamp_max(), at(20, 1));
    update(&mut document, &[increment("n", "1")], at(30, 1));
    assert_eq!(json(&document), r#"{"n":1}"#);
}

#[test]
fn fields_newer_than_a_remove_survive_it() {
    let mut here = written(r#"{"a":1,"b":{"c":1,"d":1}}"#, &[]);
    let mut there = here.clone();
    here.remove(at(20, 1));
    upsert(&mut there, r#"{"b":{"d":2}}"#, &[], at(21, 2));
    check_join(&here, &there, r#"{"b":{"d":2}}"#);
    let mut late = here.clone();
    late.remove(at(22, 1));
    check_join(&late, &there, "null");
}

#[test]
fn a_replaced_object_keeps_nothing_older() {
    let mut here = written(r#"{"a":{"x":1,"y":{"z":1}}}"#, &[]);
    let mut there = here.clone();
    update(&mut here, &[set("a", r#"{"w":1}"#)], at(20, 1));
    upsert(&mut there, r#"{"a":{"x":2}}"#, &[], at(19, 2));
    check_join(&here, &there, r#"{"a":{"w":1}}"#);
    upsert(&mut there, r#"{"a":{"y":{"q":1}}}"#, &[], at(21, 2));
    check_join(&here, &there, r#"{"a":{"w":1,"y":{"q":1}}}"#);
}

#[test]
fn of_two_types_the_later_shows() {
    let mut here = written(r#"{"a":{"x":1}}"#, &[]);
    let mut there = here.clone();
    upsert(&mut here, r#"{"a":5}"#, &[], at(20, 1));
    upsert(&mut there, r#"{"a":{"y":1}}"#, &[], at(20, 2));
    check_join(&here, &there, r#"{"a":{"y":1}}"#);
    upsert(&mut here, r#"{"a":6}"#, &[], at(21, 1));
    check_join(&here, &there, r#"{"a":6}"#);
}

#[test]
fn counters_add_up_and_a_later_epoch_starts_again() {
    let mut here = written(r#"{"n":5}"#, &["n"]);
    let mut there = here.clone();
    update(&mut here, &[increment("n", "1")], at(20, 1));
    update(&mut there, &[increment("n", "10")], at(20, 2));
    check_join(&here, &there, r#"{"n":16}"#);
    update(&mut here, &[replace_with_counter("n", "100")], at(21, 1));
    check_join(&here, &there, r#"{"n":100}"#);
}

/// Three changes of one document, made apart by sites that all know `before`, in every order.
#[track_caller]
fn check_apart(before: &Document, changes: [fn(&mut Document); 3], expected: &str) {
    let [a, b, c] = changes.map(|change| {
        let mut after = before.clone();
        change(&mut after);
        after
    });
    let mut all = Vec::new();
    for [first, second, third] in [[&a, &b, &c], [&a, &c, &b], [&b, &a, &c], [&b, &c, &a], [&c, &a, &b], [&c, &b, &a]] {
        let mut joined = first.clone();
        joined.merge(second);
        joined.merge(third);
        assert_eq!(json(&joined), expected);
        all.push(joined);
    }
    assert!(all.windows(2).all(|pair| pair[0] == pair[1]), "the order matters to the bytes");
}

fn nothing(_: &mut Document) {}

#[test]
fn concurrent_first_increments_all_count() {
    let first: fn(&mut Document) = |document| update(document, &[increment("n", "1")], at(20, 2));
    let second: fn(&mut Document) = |document| update(document, &[increment("n", "10")], at(21, 3));
    let third: fn(&mut Document) = |document| update(document, &[increment("n", "100")], at(21, 4));
    check_apart(&Document::new(), [first, second, third], r#"{"n":111}"#);
    check_apart(&written("{}", &[]), [first, second, third], r#"{"n":111}"#);
    check_apart(&written(r#"{"n":5}"#, &[]), [first, second, third], r#"{"n":116}"#);
    check_apart(&written(r#"{"n":5}"#, &["n"]), [first, second, third], r#"{"n":116}"#);
    let mut removed = written(r#"{"n":5}"#, &["n"]);
    removed.remove(at(12, 2));
    check_apart(&removed, [first, second, third], r#"{"n":111}"#);
}

#[test]
fn an_increment_survives_what_was_set_or_removed_before_it() {
    let later: fn(&mut Document) = |document| update(document, &[increment("n", "1")], at(22, 2));
    let earlier: fn(&mut Document) = |document| update(document, &[increment("n", "10")], at(20, 4));
    let counter = written(r#"{"n":5,"m":1}"#, &["n"]);
    check_apart(&counter, [later, |document| document.remove(at(21, 3)), earlier], r#"{"n":1}"#);
    let set: fn(&mut Document) = |document| update(document, &[set("n", "100")], at(21, 3));
    check_apart(&counter, [later, set, earlier], r#"{"m":1,"n":101}"#);
    let set: fn(&mut Document) = |document| update(document, &[replace_with_counter("n", "100")], at(21, 3));
    check_apart(&counter, [later, set, earlier], r#"{"m":1,"n":101}"#);
    let set: fn(&mut Document) = |document| upsert(document, r#"{"n":"x"}"#, &[], at(21, 3));
    check_apart(&counter, [later, set, earlier], r#"{"m":1,"n":1}"#);
    check_apart(&counter, [nothing, set, earlier], r#"{"m":1,"n":"x"}"#);
}

#[test]
fn an_increment_survives_an_object_that_was_replaced_before_it() {
    let before = written(r#"{"m":{"n":5,"x":1}}"#, &["m.n"]);
    let replaced: fn(&mut Document) = |document| update(document, &[set("m", r#"{"y":1}"#)], at(21, 3));
    let later: fn(&mut Document) = |document| update(document, &[increment("m.n", "1")], at(22, 2));
    let earlier: fn(&mut Document) = |document| update(document, &[increment("m.n", "10")], at(20, 4));
    check_apart(&before, [replaced, later, earlier], r#"{"m":{"n":1,"y":1}}"#);
    check_apart(&before, [replaced, nothing, earlier], r#"{"m":{"y":1}}"#);
}

/// What a set or a remove took of a site's total does not come back with its next increment.
#[test]
fn a_total_that_was_taken_begins_again() {
    let mut document = written(r#"{"n":5}"#, &["n"]);
    update(&mut document, &[increment("n", "1")], at(20, 2));
    let old = document.clone();
    update(&mut document, &[set("n", "7")], at(21, 3));
    update(&mut document, &[increment("n", "2")], at(22, 2));
    check_join(&document, &old, r#"{"n":9}"#);
    document.remove(at(23, 3));
    update(&mut document, &[increment("n", "3")], at(24, 2));
    check_join(&document, &old, r#"{"n":3}"#);
}

/// What bears a clear's very stamp is of the same write.
#[test]
fn what_one_write_sets_and_then_adds_stays() {
    let before = written(r#"{"n":1,"m":{"x":1}}"#, &["n"]);
    let mut after = before.clone();
    let commands = [set("n", "5"), increment("n", "2"), set("m", "{}"), increment("m.n", "3")];
    update(&mut after, &commands, at(20, 2));
    check_join(&after, &before, r#"{"m":{"n":3},"n":7}"#);
}

/// Of two writes at one tick the higher site's is the later, clears too.
#[test]
fn a_clear_takes_what_a_lower_site_wrote_at_its_tick() {
    let before = written(r#"{"m":{"x":1}}"#, &[]);
    let low: fn(&mut Document) = |document| upsert(document, r#"{"m":{"x":2}}"#, &[], at(20, 2));
    let middle: fn(&mut Document) = |document| update(document, &[set("m", r#"{"y":3}"#)], at(20, 3));
    let high: fn(&mut Document) = |document| upsert(document, r#"{"m":{"z":4}}"#, &[], at(20, 4));
    check_apart(&before, [low, middle, high], r#"{"m":{"y":3,"z":4}}"#);
    let removed: fn(&mut Document) = |document| document.remove(at(20, 3));
    check_apart(&before, [low, removed, high], r#"{"m":{"z":4}}"#);
}

#[test]
fn of_an_object_and_a_counter_the_later_shows() {
    let object: fn(&mut Document) = |document| upsert(document, r#"{"n":{"x":1}}"#, &[], at(21, 3));
    let earlier: fn(&mut Document) = |document| update(document, &[increment("n", "1")], at(20, 2));
    let later: fn(&mut Document) = |document| update(document, &[increment("n", "10")], at(22, 4));
    for before in [written("{}", &[]), written(r#"{"n":0}"#, &[]), written(r#"{"n":0}"#, &["n"])] {
        check_apart(&before, [object, earlier, nothing], r#"{"n":{"x":1}}"#);
        check_apart(&before, [object, earlier, later], r#"{"n":11}"#);
    }
}

#[test]
fn a_register_may_hold_an_object() {
    let mut here = Document::new();
    here.upsert(&map(r#"{"o":{"x":{"y":1}}}"#), &types(&["o"], FieldType::Register), at(10, 2), WriteRules::NEWEST);
    let typed = r#"{"o":{"register":{"value":{"x":{"y":1}}}}}"#;
    assert_eq!(here.value_with_types(), Some(map(typed)));
    assert_eq!(json(&here), r#"{"o":{"x":{"y":1}}}"#);
    let mut there = here.clone();
    update(&mut here, &[set("o.x.z", "2")], at(20, 2));
    update(&mut there, &[set("o.w", "3")], at(20, 3));
    check_join(&here, &there, r#"{"o":{"w":3,"x":{"y":1}}}"#);
    upsert(&mut there, r#"{"o":{"v":1}}"#, &[], at(21, 3));
    assert_eq!(json(&there), r#"{"o":{"v":1}}"#, "an object that is merged in is a new one");
    let error = here.update(&[increment("o.x.y", "1")], at(22, 2), WriteRules::NEWEST).unwrap_err();
    assert_eq!(error.message, "o.x.y is inside a register, where counters cannot be");
}

#[test]
fn an_attachment_is_one_value() {
    let token = r#"{"id":"a","len":3,"metadata":{"name":"b"}}"#;
    let attach = |path: &str, json: &str| command(path, UpdateKind::SetAttachment(map(json)));
    let mut here = Document::new();
    update(&mut here, &[attach("f", token)], at(10, 2));
    let typed = format!(r#"{{"f":{{"attachment":{{"value":{token}}}}}}}"#);
    assert_eq!(here.value_with_types(), Some(map(&typed)));
    assert_eq!(json(&here), format!(r#"{{"f":{token}}}"#));
    let value = map(&format!(r#"{{"f":{token},"g":{{"id":1}}}}"#));
    here.upsert(&value, &types(&["f", "g"], FieldType::Attachment), at(20, 2), WriteRules::NEWEST);
    assert_eq!(here.fields()[0].kind, FieldType::Attachment);
    assert_eq!(here.fields()[1].kind, FieldType::Map, "what is no token is written as if nothing were said");
    let refused =
        |commands: &[UpdateCommand]| here.clone().update(commands, at(21, 2), WriteRules::NEWEST).unwrap_err().message;
    assert_eq!(refused(&[set("f.id", "1")]), "f is an attachment, not an object");
    assert_eq!(refused(&[increment("f", "1")]), "f is an attachment, not a number to increment");
    for (token, problem) in [
        (r#"{"len":3,"metadata":{}}"#, "its \"id\" must be a text"),
        (r#"{"id":"a","len":-1,"metadata":{}}"#, "its \"len\" must be an integer, at least 0"),
        (r#"{"id":"a","len":1,"metadata":{"x":1}}"#, "its \"metadata\" must be an object of texts"),
        (r#"{"id":"a","len":1,"metadata":{},"x":1}"#, "it holds more than \"id\", \"len\" and \"metadata\""),
    ] {
        assert_eq!(refused(&[attach("f", token)]), format!("f cannot hold this attachment: {problem}"));
    }
}

#[test]
fn a_clear_goes_into_a_delta_only_while_it_is_unknown() {
    let mut document = written(r#"{"m":{"x":1},"n":5}"#, &["n"]);
    update(&mut document, &[set("m", r#"{"y":1}"#), increment("n", "1")], at(20, 2));
    let knows = [(SiteId(1), 10), (SiteId(2), 20)];
    assert_eq!(document.delta_since(&knows), Document::new());
    update(&mut document, &[increment("n", "1")], at(21, 2));
    let delta = document.delta_since(&knows);
    assert_eq!(json(&delta), r#"{"n":2}"#, "the total, without the start and without the clear");
}

#[test]
fn a_peers_delta_holds_its_own_stamps_only() {
    let (peer, other) = (SiteId(2), SiteId(3));
    let mut document = Document::new();
    update(&mut document, &[increment("n", "1"), set("m", r#"{"x":1}"#)], at(20, 2));
    assert_eq!(document.check_delta(peer), Ok(()));
    assert_eq!(document.check_delta(other), Err(DeltaError::Stamp(at(20, 2))));
    update(&mut document, &[increment("n", "1")], at(21, 3));
    assert_eq!(document.check_delta(other), Err(DeltaError::Stamp(at(20, 2))));
    for site in [SiteId(0), SiteId::INITIAL, SiteId(u64::MAX)] {
        assert_eq!(document.check_delta(site), Err(DeltaError::Site(site)));
    }
    let mut initial = Document::new();
    upsert(&mut initial, r#"{"a":{"b":1}}"#, &[], Stamp::INITIAL);
    assert_eq!(initial.check_delta(peer), Ok(()));
    update(&mut initial, &[increment("n", "1")], at(2, 1));
    assert_eq!(initial.check_delta(peer), Err(DeltaError::Stamp(at(2, 1))));
}

#[test]
fn a_stamp_wins_by_time_then_site() {
    let (mut here, mut there) = (Document::new(), Document::new());
    upsert(&mut here, r#"{"a":"here","b":"here"}"#, &[], at(20, 1));
    upsert(&mut there, r#"{"a":"there"}"#, &[], at(20, 2));
    upsert(&mut there, r#"{"c":1}"#, &[], at(21, 2));
    check_join(&here, &there, r#"{"a":"there","b":"here","c":1}"#);
}

#[track_caller]
fn check_join(a: &Document, b: &Document, expected: &str) {
    let joined = |mut a: Document, b: &Document| {
        a.merge(b);
        a
    };
    let ab = joined(a.clone(), b);
    assert_eq!(json(&ab), expected);
    assert_eq!(ab, joined(b.clone(), a));
    assert_eq!(ab, joined(ab.clone(), b));
}

#[test]
fn clocks_give_stamps_that_documents_take() {
    let mut clock = StampClock { site: SiteId(1), last: 0 };
    let mut document = Document::new();
    for wall_ms in [1000, 1000, 10, 0] {
        upsert(&mut document, "{}", &[], clock.next(wall_ms));
    }
    assert_eq!(document.stamp_max(), at((1000 << 16) + 3, 1));
}

fn unset(path: &str) -> UpdateCommand {
    command(path, UpdateKind::Unset)
}

fn set_register(path: &str, json: &str) -> UpdateCommand {
    command(path, UpdateKind::SetRegister(value(json)))
}

fn merge_in(path: &str, json: &str, counters: &[&str]) -> UpdateCommand {
    command(path, UpdateKind::Merge { value: map(json), types: types(counters, FieldType::Counter) })
}

#[test]
fn unset_takes_a_field_away_with_what_is_in_it() {
    check_update(r#"{"a":{"b":1,"c":{"d":2}},"n":null}"#, &[unset("a.c"), unset("n")], r#"{"a":{"b":1}}"#);
    check_update(r#"{"a":{"b":1}}"#, &[unset("a.b"), set("a.c", "2")], r#"{"a":{"c":2}}"#);
    check_update(r#"{"a":[1,2]}"#, &[unset("a"), set("a.b", "2")], r#"{"a":{"b":2}}"#);
    check_update("{}", &[set("a", r#"{"b":1,"c":2}"#), unset("a.b")], r#"{"a":{"c":2}}"#);
    let mut document = written(r#"{"n":5}"#, &["n"]);
    update(&mut document, &[unset("n"), increment("n", "2")], at(20, 1));
    assert_eq!(json(&document), r#"{"n":2}"#);
}

#[test]
fn unset_of_nothing_makes_no_path() {
    let before = written(r#"{"a":{"b":1},"n":null,"s":"x"}"#, &[]);
    let mut document = before.clone();
    update(&mut document, &["x.y", "a.c.d", "n.q", "s.t", "a.b.c"].map(unset), at(20, 1));
    assert_eq!(document.fields(), before.fields());
    assert_eq!(document.stamp_max(), at(20, 1), "it was written all the same");
    check_update_error(r#"{"n":1}"#, &[set("a", "1"), unset("_id")], "1: _id cannot be changed");
}

#[test]
fn unset_inside_a_register_writes_it_whole() {
    let mut document = Document::new();
    let is_register = types(&["r"], FieldType::Register);
    document.upsert(&map(r#"{"r":{"a":{"b":1,"c":2}}}"#), &is_register, at(10, 1), WriteRules::NEWEST);
    let before = document.clone();
    update(&mut document, &[unset("r.a.x"), unset("r.q.b")], at(20, 1));
    assert_eq!(document.fields(), before.fields());
    update(&mut document, &[unset("r.a.b")], at(30, 1));
    assert_eq!(json(&document), r#"{"r":{"a":{"c":2}}}"#);
    let fields: Vec<_> = document.fields().iter().map(|field| (field.kind, field.stamp)).collect();
    assert_eq!(fields, [(FieldType::Register, at(30, 1))]);
}

#[test]
fn elements_of_arrays_are_not_unset() {
    let inside = "0: a[0] is inside an array, which is written whole";
    check_update_error(r#"{"a":[1]}"#, &[unset("a[0]")], inside);
    check_update_error("{}", &[unset("a[0]")], inside);
}

/// An unset is a write like another: the later one stays, whichever comes first.
#[test]
fn an_unset_and_a_concurrent_set_are_ordered_by_their_stamps() {
    for (unset_at, after) in [(20, r#"{"a":{"b":2}}"#), (40, r#"{"a":{}}"#)] {
        let (mut one, mut other) = (written(r#"{"a":{"b":1}}"#, &[]), written(r#"{"a":{"b":1}}"#, &[]));
        update(&mut one, &[unset("a.b")], at(unset_at, 1));
        update(&mut other, &[set("a.b", "2")], at(30, 2));
        let mut turned = other.clone();
        turned.merge(&one);
        one.merge(&other);
        assert_eq!((json(&one), json(&turned)), (after.to_owned(), after.to_owned()));
    }
}

#[test]
fn a_register_holds_an_object_as_one_value() {
    let mut document = written(r#"{"a":{"b":1},"list":[{"k":1}]}"#, &[]);
    let commands =
        [set_register("a", r#"{"x":{}}"#), set_register("p.q", "{}"), set_register("list[0].k", r#"{"y":1}"#)];
    update(&mut document, &commands, at(20, 1));
    assert_eq!(json(&document), r#"{"a":{"x":{}},"list":[{"k":{"y":1}}],"p":{"q":{}}}"#);
    let kinds: Vec<_> =
        document.fields().iter().map(|field| format!("{} {}", field.path, field.kind.as_str())).collect();
    assert_eq!(kinds, ["a register", "list register", "p map", "p.q register"]);
}

#[test]
fn merge_does_at_a_path_what_an_upsert_does_at_the_root() {
    let before = r#"{"a":{"b":1,"c":{"d":2}},"s":"x","list":[{}]}"#;
    let commands = [
        merge_in("a", r#"{"c":{"e":3},"n":4}"#, &["n", "c.e"]),
        merge_in("p.q", "{}", &[]),
        merge_in("s", r#"{"t":1}"#, &[]),
    ];
    check_update(before, &commands, r#"{"a":{"b":1,"c":{"d":2,"e":3},"n":4},"list":[{}],"p":{"q":{}},"s":{"t":1}}"#);
    let mut document = written(before, &[]);
    update(&mut document, &commands, at(20, 1));
    let counters: Vec<_> = document.fields().into_iter().filter(|field| field.kind == FieldType::Counter).collect();
    assert_eq!(counters.iter().map(|field| field.path.to_string()).collect::<Vec<_>>(), ["a.c.e", "a.n"]);
    let inside = "0: list[0] is inside an array, where objects cannot be merged";
    check_update_error(before, &[merge_in("list[0]", "{}", &[])], inside);
}

#[test]
fn initial_documents_lie_below_every_write() {
    let mut initial = Document::new();
    initial.upsert(&map(r#"{"a":1,"b":2}"#), &[], Stamp::INITIAL, WriteRules::NEWEST);
    let mut other = Document::new();
    other.upsert(&map(r#"{"a":9,"c":3}"#), &[], at(2, 2), WriteRules::NEWEST);
    other.merge(&initial);
    assert_eq!(json(&other), r#"{"a":9,"b":2,"c":3}"#);
    initial.remove(at(5, 3));
    other.merge(&initial);
    assert_eq!(json(&other), "null");
}

#[test]
fn a_difference_names_what_an_upsert_would_change() {
    let document = written(r#"{"a":{"b":1,"c":"x"},"f":1,"n":5,"o":{}}"#, &["n"]);
    let difference = |value: &str, counters: &[&str]| {
        let different = document.difference(&map(value), &types(counters, FieldType::Counter));
        different.map(|(map, types)| {
            let mut out = Vec::new();
            map.write_json(&mut out);
            let types: Vec<_> = types.iter().map(|(path, _)| path.to_string()).collect();
            format!("{} {}", String::from_utf8(out).unwrap(), types.join(","))
        })
    };
    assert_eq!(difference("{}", &["n"]), None);
    assert_eq!(difference(r#"{"a":{"b":1},"n":5,"o":{}}"#, &["n"]), None);
    assert_eq!(difference(r#"{"a":{"b":2,"c":"x"},"f":1.0}"#, &["n"]).unwrap(), r#"{"a":{"b":2},"f":1.0} "#);
    assert_eq!(difference(r#"{"f":1,"n":6}"#, &["n", "f"]).unwrap(), r#"{"f":1,"n":6} n,f"#);
    assert_eq!(difference(r#"{"n":5,"o":1}"#, &[]).unwrap(), r#"{"n":5,"o":1} "#);
    let all = Document::new().difference(&map("{}"), &[]);
    assert_eq!(all, Some((Map::new(), Vec::new())), "it would come into being");
}
