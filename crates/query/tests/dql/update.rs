//! UPDATE: the commands that it makes of a document.

use document::{Document, DocumentId, FieldType, Path, SiteId, Stamp, UpdateCommand, UpdateKind, Value, WriteRules};
use query::Budget;

use crate::statements::{object, update};

/// A document with a counter `c`, a register `r` and an attachment `f`.
fn document() -> Document {
    let path = |text: &str| Path::parse(text).unwrap();
    let mut document = Document::new();
    document.upsert(
        &object(
            r#"{"n":5,"s":"x","l":[1],"z":null,"m":{"a":1,"b":{"c":2}},"c":7,"r":{"x":1,"y":2},
                "f":{"id":"i","len":1,"metadata":{}}}"#,
        ),
        &[(path("c"), FieldType::Counter), (path("r"), FieldType::Register), (path("f"), FieldType::Attachment)],
        Stamp { time: 1, site: SiteId(2) },
        WriteRules::NEWEST,
    );
    document
}

fn shown(command: &UpdateCommand) -> String {
    let json = |value: &Value| {
        let mut out = Vec::new();
        value.write_json(&mut out);
        String::from_utf8(out).unwrap()
    };
    let what = match &command.kind {
        UpdateKind::Set(value) => format!("set {}", json(value)),
        UpdateKind::Increment(value) => format!("increment {}", json(value)),
        UpdateKind::ReplaceWithCounter(value) => format!("counter {}", json(value)),
        UpdateKind::SetAttachment(token) => format!("attachment {}", json(&Value::Map(token.clone()))),
        UpdateKind::SetRegister(value) => format!("register {}", json(value)),
        UpdateKind::Merge { value, types } => {
            let types: Vec<String> = types.iter().map(|(path, kind)| format!(" {path}:{}", kind.as_str())).collect();
            format!("merge {}{}", json(&Value::Map(value.clone())), types.concat())
        }
        UpdateKind::Unset => "unset".to_owned(),
    };
    format!("{} {what}", command.path)
}

fn decided(text: &str, args: &str, strict: bool) -> Result<Vec<String>, String> {
    let update = update(text, args, strict)?;
    let id = DocumentId::from_value(&Value::String("k".to_owned())).unwrap();
    let commands = update.decide(&id, &document(), &mut Budget::of_a_document());
    Ok(commands.map_err(|problem| problem.to_string())?.iter().map(shown).collect())
}

#[track_caller]
fn check_in(strict: bool, text: &str, expected: &[&str]) {
    assert_eq!(decided(text, "{}", strict), Ok(expected.iter().map(|one| (*one).to_owned()).collect()), "{text}");
}

#[track_caller]
fn check(text: &str, expected: &[&str]) {
    check_in(false, text, expected);
    check_in(true, text, expected);
}

#[track_caller]
fn check_error(text: &str, part: &str) {
    match decided(text, "{}", false) {
        Err(message) => assert!(message.contains(part), "{text}: {message}"),
        Ok(commands) => panic!("{text} does {commands:?}"),
    }
}

#[test]
fn right_sides_see_the_document_as_it_was() {
    check("UPDATE t SET n = n - 1, s = n", &["n set 4", "s set 5"]);
    check("UPDATE t SET new.deep = [n, _id]", &[r#"new.deep set [5,"k"]"#]);
    check("UPDATE t SET n = null", &["n set null"]);
    check("UPDATE t SET m.b.c = c", &["m.b.c set 7"]);
    check("UPDATE t AS d SET d.n = d.n * 2", &["n set 10"]);
    check("UPDATE t SET z.a = 1", &["z.a set 1"]);
    check_error("UPDATE t SET n = gone", "`n` would be set to MISSING");
    check_error("UPDATE t SET n = 1, m.x = n / 0", "`m.x` would be set to MISSING");
}

#[test]
fn an_object_merges_or_is_one_register() {
    check_in(false, "UPDATE t SET m = {'x': {'y': 1}}", &[r#"m merge {"x":{"y":1}}"#]);
    check_in(true, "UPDATE t SET m = {'x': {'y': 1}}", &[r#"m register {"x":{"y":1}}"#]);
    let declared = "UPDATE COLLECTION t (m MAP (k COUNTER)) SET m = {'x': {'y': 1}, 'k': 2}";
    check_in(false, declared, &[r#"m merge {"k":2,"x":{"y":1}} k:counter"#]);
    check_in(true, declared, &[r#"m merge {"k":2,"x":{"y":1}} k:counter x:register"#]);
    check("UPDATE COLLECTION t (m REGISTER) SET m = {'x': 1}", &[r#"m register {"x":1}"#]);
    check("UPDATE COLLECTION t (m REGISTER) SET m = 1", &["m set 1"]);
    check("UPDATE COLLECTION t (n COUNTER) SET n = 1.5", &["n counter 1.5"]);
    check(
        "UPDATE COLLECTION t (f ATTACHMENT) SET f = {'id': 'j', 'len': 2, 'metadata': {}}",
        &[r#"f attachment {"id":"j","len":2,"metadata":{}}"#],
    );
    check_error("UPDATE COLLECTION t (m MAP) SET m = 1", "`m` is declared MAP");
    check_error("UPDATE COLLECTION t (n COUNTER) SET n = 'x'", "`n` is declared COUNTER");
    let token = "an attachment's token: an object of `id`, `len` and perhaps `metadata`, not another object";
    check_error("UPDATE COLLECTION t (f ATTACHMENT) SET f = {'id': 'j'}", token);
}

#[test]
fn a_token_is_named_by_the_statement_or_held_by_the_document() {
    let declared =
        |set: &str| format!("UPDATE COLLECTION t (f ATTACHMENT, g ATTACHMENT, o MAP (h ATTACHMENT)) SET {set}");
    let held = r#"{"id":"i","len":1,"metadata":{}}"#;
    check(&declared("g = f"), &[&format!("g attachment {held}")]);
    check(&declared("o = {'h': f}"), &[&format!(r#"o merge {{"h":{held}}} h:attachment"#)]);
    let named = r#"{"id":"i","len":1,"metadata":{"name":"x"}}"#;
    let made = declared("f = {'id': f.id, 'len': f.len, 'metadata': {'name': s}}");
    check(&made, &[&format!("f attachment {named}")]);
    let new = "{'id': 'j', 'len': 2}";
    check(&declared(&format!("g = {new}")), &[r#"g attachment {"id":"j","len":2}"#]);
    // Whatever the edge had to look at may come of it.
    for made in [format!("CASE WHEN n > 1 THEN {new} ELSE f END"), format!("CASE WHEN n > 9 THEN f ELSE {new} END")] {
        check(&declared(&format!("g = {made}")), &[r#"g attachment {"id":"j","len":2}"#]);
    }
    for made in ["{'id': s, 'len': 2}", "{'id': f.id, 'len': n}", "{'id': _id, 'len': 1, 'metadata': {}}"] {
        let refused = "`g` would be set to an attachment that the document does not hold";
        check_error(&declared(&format!("g = {made}")), refused);
    }
    let mut tokens = Vec::new();
    let update = update(&declared(&format!("g = CASE WHEN n > 1 THEN {new} ELSE f END, f = g")), "{}", false).unwrap();
    update.for_each_token(&mut Budget::of_a_document(), &mut |token| tokens.push(token.clone())).unwrap();
    assert_eq!(tokens.first(), Some(&object(r#"{"id":"j","len":2}"#)), "{tokens:?}");
}

#[test]
fn what_stands_in_the_way_becomes_an_object() {
    check("UPDATE t SET n.a.b = 1", &[r#"n merge {"a":{"b":1}}"#]);
    check(
        "UPDATE t SET l.a = 1, s.a = 2, c.a = 3",
        &[r#"l merge {"a":1}"#, r#"s merge {"a":2}"#, r#"c merge {"a":3}"#],
    );
    check("UPDATE t SET m.a.x = 1", &[r#"m.a merge {"x":1}"#]);
    check("UPDATE t SET f.name = 'x'", &[r#"f merge {"name":"x"}"#]);
    check_in(false, "UPDATE t SET n.a = {'b': 1}", &[r#"n merge {"a":{"b":1}}"#]);
    check_in(true, "UPDATE t SET n.a = {'b': 1}", &[r#"n merge {"a":{"b":1}} a:register"#]);
    check("UPDATE t APPLY n.a INCREMENT BY 2", &[r#"n merge {"a":2} a:counter"#]);
    check("UPDATE t UNSET n.a", &[]);
}

#[test]
fn what_is_written_in_a_register_is_a_part_of_it() {
    check("UPDATE t SET r.x = 5", &["r.x set 5"]);
    check("UPDATE t SET r.x = {'a': 1}", &[r#"r.x set {"a":1}"#]);
    check("UPDATE t SET r.x.a = {'b': 1}", &[r#"r.x set {"a":{"b":1}}"#]);
    check("UPDATE t UNSET r.x", &["r.x unset"]);
    check("UPDATE t UNSET r.x.y", &[]);
}

#[test]
fn counters_are_applied_before_fields_are_set_and_taken_away() {
    check(
        "UPDATE t APPLY c INCREMENT BY 2 SET n = c, s -> tombstone(), z -> default() UNSET l",
        &["c increment 2", "n set 7", "s unset", "z set null", "l unset"],
    );
    check("UPDATE t APPLY c PN_INCREMENT BY n * -1.0", &["c increment -5"]);
    check("UPDATE t APPLY c RESTART", &["c counter 0"]);
    check("UPDATE t APPLY c RESTART WITH n + 0.5", &["c counter 5.5"]);
    check("UPDATE COLLECTION t (m MAP) SET m -> default()", &["m set {}"]);
    let refused = "`f` is declared ATTACHMENT: it has no default()";
    check_error("UPDATE COLLECTION t (f ATTACHMENT) SET f -> default()", refused);
    check_error("UPDATE t APPLY c INCREMENT BY 1.5", "`c` must be incremented by an integer, not 1.5");
    check_error("UPDATE t APPLY c INCREMENT BY s", "not a string");
    check_error("UPDATE t APPLY c INCREMENT BY gone", "MISSING");
    check_error("UPDATE t APPLY c RESTART WITH s", "`c` cannot restart with a string");
}

#[test]
fn what_cannot_mean_anything_is_not_bound() {
    check_error("UPDATE t SET _id = 'x'", "The document id `_id` cannot be modified");
    check_error("UPDATE t SET _id.x = 1", "The document id `_id` cannot be modified");
    check_error("UPDATE t UNSET _id", "The document id `_id` cannot be modified");
    check_error("UPDATE t SET n = 1, n = 2", "`n` is changed twice");
    check_error("UPDATE t SET n = 1 UNSET n", "`n` is changed twice");
    check_error("UPDATE t SET m.b.c = 1, m = {}", "`m.b.c` lies in `m`");
    check_error("UPDATE t APPLY m.a INCREMENT BY 1 UNSET m", "`m.a` lies in `m`");
    check_error("UPDATE COLLECTION t (r REGISTER) SET r.x = 1", "`r` is declared REGISTER");
    check_error("UPDATE COLLECTION t (r COUNTER) SET r.x = 1", "`r` is declared COUNTER");
    check_error("UPDATE COLLECTION t (r ATTACHMENT) UNSET r.x", "`r` is declared ATTACHMENT");
    check_error("UPDATE COLLECTION t (m MAP) APPLY m INCREMENT BY 1", "`m` is declared MAP");
    check_error("UPDATE t SET m = {a: 1}", "quotes");
    check_error("UPDATE t SET n = COUNT(*)", "");
    check_error("UPDATE t SET n = 1 WHERE COUNT(*) > 1", "");
    check_error("UPDATE t SET n = 1 ORDER BY COUNT(*)", "aggregates");
    check_error("UPDATE system:indexes SET n = 1", "only be read");
}
