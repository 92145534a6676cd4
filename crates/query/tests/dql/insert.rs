//! INSERT and DELETE: what they write, and what is refused.

use query::dql::{Conflict, ConflictPolicy, Documents};

use crate::statements::{delete, documents, insert, json, matching, object, run};

/// What is inserted: the id, the fields, the types that their values do not say.
fn inserted(text: &str, args: &str, strict: bool) -> Result<Vec<String>, String> {
    let insert = insert(text, args, strict)?;
    let Documents::Given(documents) = insert.documents else { panic!("{text} inserts rows") };
    let shown = |document: &query::dql::NewDocument| {
        let id = document.id.as_ref().map_or("-", |id| id.as_json());
        let mut value = Vec::new();
        document.value.write_json(&mut value);
        let types: Vec<String> =
            document.types.iter().map(|(path, kind)| format!(" {path}:{}", kind.as_str())).collect();
        format!("{id} {}{}", String::from_utf8(value).unwrap(), types.concat())
    };
    Ok(documents.iter().map(shown).collect())
}

#[track_caller]
fn check(text: &str, args: &str, strict: bool, expected: &[&str]) {
    assert_eq!(inserted(text, args, strict), Ok(expected.iter().map(|one| (*one).to_owned()).collect()), "{text}");
}

#[track_caller]
fn check_error(text: &str, args: &str, part: &str) {
    match inserted(text, args, true) {
        Err(message) => assert!(message.contains(part), "{text}: {message}"),
        Ok(inserted) => panic!("{text} inserts {inserted:?}"),
    }
}

#[test]
fn documents_are_constants_with_or_without_an_id() {
    check("INSERT INTO t DOCUMENTS ({'_id':'x','a':1+1})", "{}", false, &[r#""x" {"a":2}"#]);
    check("INSERT INTO t DOCUMENTS ({'a':null}), ({'_id':7})", "{}", false, &[r#"- {"a":null}"#, "7 {}"]);
    check(
        "INSERT INTO t DOCUMENTS (:d)",
        r#"{"d":[{"_id":{"b":1,"a":2}},{"n":1.0}]}"#,
        false,
        &[r#"{"a":2,"b":1} {}"#, r#"- {"n":1.0}"#],
    );
    check("INSERT INTO t DOCUMENTS (:d)", r#"{"d":[]}"#, false, &[]);
    check_error("INSERT INTO t DOCUMENTS ({'_id':'x'}), ({'_id':'x'})", "{}", "Expected unique document identifiers");
    check_error(
        "INSERT INTO t DOCUMENTS (:d)",
        r#"{"d":[{"_id":1},{"_id":1}]}"#,
        "Expected unique document identifiers",
    );
    check_error("INSERT INTO t DOCUMENTS ({'_id':1.5})", "{}", "an id must be a string, a 64-bit integer or an object");
    check_error("INSERT INTO t DOCUMENTS ({'_id':''})", "{}", "an id must not be empty");
    check_error("INSERT INTO t DOCUMENTS ({a: 1})", "{}", "quotes");
    check_error("INSERT INTO t DOCUMENTS ({'a': [{b: 1}]})", "{}", "quotes");
    check_error("INSERT INTO t DOCUMENTS ('x')", "{}", "a document must be an object, not a string");
    check_error("INSERT INTO t DOCUMENTS (:d)", r#"{"d":[1]}"#, "a document must be an object, not an integer");
    check_error("INSERT INTO t DOCUMENTS ({'a':b})", "{}", "b");
    check_error("INSERT INTO system:indexes DOCUMENTS ({'a':1})", "{}", "only be read");
    let args = format!(r#"{{"x":{}1{}}}"#, "[".repeat(62), "]".repeat(62));
    assert!(inserted("INSERT INTO t DOCUMENTS ({'a': {'b': :x}})", &args, false).is_ok());
    check_error("INSERT INTO t DOCUMENTS ({'a': {'b': {'c': :x}}})", &args, "65 deep");
}

#[test]
fn objects_are_registers_in_strict_mode_and_what_they_were_declared() {
    let document = r#"{"d":{"m":{"o":{"p":1},"n":2},"u":{"v":{"w":1}},"c":3,"r":{"x":1}}}"#;
    let value = r#"- {"c":3,"m":{"n":2,"o":{"p":1}},"r":{"x":1},"u":{"v":{"w":1}}}"#;
    let loose = "INSERT INTO COLLECTION t (m MAP (n COUNTER), c COUNTER, r REGISTER) DOCUMENTS (:d)";
    check(loose, document, false, &[&format!("{value} c:counter m.n:counter r:register")]);
    check(loose, document, true, &[&format!("{value} c:counter m.n:counter m.o:register r:register u:register")]);
    check("INSERT INTO t DOCUMENTS (:d)", document, true, &[&format!("{value} m:register r:register u:register")]);
    check("INSERT INTO t DOCUMENTS (:d)", document, false, &[value]);
    let token = r#"{"d":{"f":{"id":"x","len":1,"metadata":{}}}}"#;
    let declared = "INSERT INTO COLLECTION t (f ATTACHMENT) DOCUMENTS (:d)";
    check(declared, token, true, &[r#"- {"f":{"id":"x","len":1,"metadata":{}}} f:attachment"#]);
    for wrong in [
        r#"{"id":"x","len":-1,"metadata":{}}"#,
        r#"{"id":"x","len":1,"x":{}}"#,
        r#"{"id":1,"len":1,"metadata":{}}"#,
        "1",
    ] {
        check_error(declared, &format!(r#"{{"d":{{"f":{wrong}}}}}"#), "`f` is declared ATTACHMENT");
    }
    check_error(
        "INSERT INTO COLLECTION t (m MAP) DOCUMENTS ({'m':[1]})",
        "{}",
        "`m` is declared MAP: it must be an object, not an array",
    );
    check_error(
        "INSERT INTO COLLECTION t (m MAP (n COUNTER)) DOCUMENTS ({'m':{'n':'1'}})",
        "{}",
        "`m.n` is declared COUNTER",
    );
}

#[test]
fn a_conflict_is_decided_as_the_statement_says() {
    let conflict = |text: &str| insert(text, "{}", true).map(|insert| insert.conflict);
    assert_eq!(conflict("INSERT INTO t DOCUMENTS ({'a':1})"), Ok(Conflict::Policy(ConflictPolicy::Fail)));
    assert_eq!(
        conflict("INSERT INTO t DOCUMENTS ({'a':1}) ON ID CONFLICT DO NOTHING"),
        Ok(Conflict::Policy(ConflictPolicy::Nothing))
    );
    assert_eq!(conflict("INSERT INTO t INITIAL DOCUMENTS ({'a':1})"), Ok(Conflict::Initial));
    assert!(conflict("INSERT INTO t INITIAL DOCUMENTS ({'a':1}) ON ID CONFLICT DO NOTHING").is_err());
}

#[test]
fn rows_of_a_select_become_documents() {
    let insert =
        insert("INSERT INTO COLLECTION t (c COUNTER) SELECT s.*, 1 AS c FROM s WHERE a = 1", "{}", true).unwrap();
    let Documents::Select(select) = &insert.documents else { panic!("it inserts rows") };
    assert_eq!(run(select, &documents(&[r#"{"_id":1,"a":1}"#, r#"{"_id":2,"a":2}"#])), [r#"{"_id":1,"a":1,"c":1}"#]);
    let document = insert.document_of_row(object(r#"{"_id":1,"a":1,"c":1}"#)).unwrap();
    assert_eq!((document.id.unwrap().as_json(), document.value), ("1", object(r#"{"a":1,"c":1}"#)));
    assert!(insert.document_of_row(object(r#"{"_id":[]}"#)).is_err());
    assert!(insert.document_of_row(object(r#"{"c":"x"}"#)).is_err());
}

#[test]
fn a_delete_selects_ids_and_answers_what_was() {
    let all = documents(&[r#"{"_id":1,"a":1}"#, r#"{"_id":2,"a":2}"#, r#"{"_id":3,"a":3}"#]);
    let text = "DELETE FROM t WHERE a > 1 ORDER BY a DESC LIMIT 1 RETURNING a + 1 AS b, t.*";
    let delete = delete(text, "{}").unwrap();
    assert_eq!(run(&delete.selection, &all), [r#"{"_id":3}"#]);
    assert!(delete.selection.needs_ids_only());
    let (id, fields) = matching(&delete.selection, &all).pop().unwrap();
    let row = delete.returning.unwrap().project(&id, &fields, &mut query::Budget::of_a_document()).unwrap();
    assert_eq!(json(&row), r#"{"b":4,"_id":3,"a":3}"#);
    assert!(crate::statements::delete("DELETE FROM t ORDER BY COUNT(*)", "{}").is_err());
    assert!(crate::statements::delete("DELETE FROM t RETURNING COUNT(*)", "{}").is_err());
}
