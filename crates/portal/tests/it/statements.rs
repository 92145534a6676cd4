//! DQL statements on the page of documents, and plans in both languages.

use axum::http::StatusCode;
use document::{Action, Changeset, CollectionName, Condition, DocumentId, Map, Operation, Origin, Value};

use crate::browser::{Answer, Browser, Site, encoded, segment};

const DOCUMENTS: &str = "/portal/apps/default/documents";

fn with_people() -> Site {
    let site = Site::new();
    for (id, json) in [
        ("a", r#"{"name":"Susan","age":31,"city":"Graz"}"#),
        ("b", r#"{"name":"Frank","age":17}"#),
        ("c", r#"{"name":"Mei","age":64,"city":"Ulm"}"#),
    ] {
        site.write("people", id, json);
    }
    site
}

fn ask(admin: &mut Browser<'_>, statement: &str, more: &[(&str, &str)]) -> Answer {
    let fields = [&[("language", "dql"), ("query", statement)], more].concat();
    admin.get(&format!("{DOCUMENTS}?{}", encoded(&fields)))
}

fn explain(admin: &mut Browser<'_>, statement: &str) -> Answer {
    let answer = ask(admin, statement, &[("explain", "plan")]);
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.text());
    answer
}

/// The columns of the page's table.
fn columns(answer: &Answer) -> Vec<&str> {
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.text());
    let heads = answer.text().split("<th scope=\"col\">").skip(1);
    heads.map(|rest| rest.split('<').next().unwrap()).collect()
}

/// The operators of the page's plan.
fn operators(answer: &Answer) -> Vec<&str> {
    let (_, plan) = answer.text().split_once("<ol class=\"plan\">").unwrap_or_else(|| panic!("{}", answer.text()));
    plan.split("\n  <li><code>").skip(1).map(|rest| rest.split('<').next().unwrap()).collect()
}

fn make_index(site: &Site, keys: &str) {
    let mut admin = site.admin();
    let fields = [("name", "by-it"), ("collection", "people"), ("keys", keys)];
    let made = admin.post("/portal/apps/default/indexes", &fields);
    assert_eq!(made.status, StatusCode::SEE_OTHER, "{}", made.text());
}

/// So many documents in one collection, with `n` from 0.
fn write_many(site: &Site, collection: &str, count: usize) {
    let numbers: Vec<usize> = (0..count).collect();
    for some in numbers.chunks(4000) {
        let operation = |n: &usize| Operation {
            collection: CollectionName::new(collection).unwrap(),
            id: DocumentId::from_value(&Value::String(format!("d-{n:06}"))).unwrap(),
            condition: Condition::Always,
            action: Action::upsert(Map::from_fields(vec![("n".to_owned(), Value::Int(*n as i64))])),
        };
        let operations = some.iter().map(operation).collect();
        let changeset = Changeset { operations, queries: Vec::new(), origin: Origin::default() };
        site.runtime.block_on(site.app().commit(changeset)).unwrap();
    }
}

#[test]
fn rows_have_their_columns_in_the_order_of_the_projection_and_lead_to_documents() {
    let site = with_people();
    let mut admin = site.admin();
    let named = ask(&mut admin, "SELECT name, age, _id FROM people WHERE age >= 18 ORDER BY age DESC", &[]);
    assert_eq!(columns(&named), ["name", "age", "_id"]);
    named.says("2 rows").says(
        "<a href=\"/portal/apps/default/documents/people/%22a%22\" data-drawer><span class=\"cut v-text\">a</span></a>",
    );
    let (mei, susan) = (named.text().find("Mei").unwrap(), named.text().find("Susan").unwrap());
    assert!(mei < susan && !named.text().contains("Frank"));

    let whole = ask(&mut admin, "SELECT * FROM people", &[]);
    assert_eq!(columns(&whole), ["_id", "age", "city", "name"]);
    whole.says("3 rows").says("3 documents were looked at");

    let without_id = ask(&mut admin, "SELECT name FROM people LIMIT 1 OFFSET 1", &[]);
    without_id.says("1 row<").says("Frank");
    assert!(!without_id.text().contains("documents/people/%22b%22"));

    let grouped = ask(&mut admin, "SELECT city AS _id, COUNT(*) AS n FROM people GROUP BY city", &[]);
    assert_eq!(columns(&grouped), ["_id", "n"]);
    assert!(!grouped.text().contains("documents/people/%22Ulm%22"), "a group is no document");

    let counted = ask(&mut admin, "SELECT COUNT(*) AS people FROM people", &[]);
    assert_eq!(columns(&counted), ["people"]);
    counted.says(">3</span>");
    ask(&mut admin, "SELECT * FROM people WHERE age > 99", &[]).says("No rows.");

    let json = ask(&mut admin, "SELECT name, age, _id FROM people WHERE _id = 'a'", &[("view", "json")]);
    json.says("{\n  &#34;name&#34;: &#34;Susan&#34;,\n  &#34;age&#34;: 31,\n  &#34;_id&#34;: &#34;a&#34;\n}");
    json.says("documents/people/%22a%22");
}

#[test]
fn the_system_collections_are_there() {
    let site = with_people();
    let mut admin = site.admin();
    let collections = ask(&mut admin, "SELECT * FROM system:collections", &[]);
    assert_eq!(columns(&collections), ["_id", "documents", "name"]);
    assert!(!collections.text().contains("/documents/system"), "it has no page");
    ask(&mut admin, "SELECT value FROM system:system_info WHERE _id = 'version'", &[]).says("1.2.3");
    ask(&mut admin, "SELECT 1 + 1 AS two FROM system:dual", &[]).says(">2</span>");
    let active = ask(&mut admin, "SELECT * FROM system:active_requests", &[]);
    assert_eq!(active.status, StatusCode::BAD_REQUEST);
    active.says("headwater execute");
    let unknown = ask(&mut admin, "SELECT * FROM system:nothing", &[]);
    assert_eq!(unknown.status, StatusCode::BAD_REQUEST);
    unknown.says("There is no system collection");
}

#[test]
fn more_rows_than_a_page_shows_are_told_of() {
    let site = Site::new();
    write_many(&site, "things", 60);
    let mut admin = site.admin();
    for statement in
        ["SELECT n FROM things", "SELECT DISTINCT n FROM things", "SELECT n, COUNT(*) AS c FROM things GROUP BY n"]
    {
        let answer = ask(&mut admin, statement, &[]);
        answer.says("25 rows").says("the first 25 rows: LIMIT and OFFSET lead to others").says(">24</span>");
        assert!(!answer.text().contains(">25</span>"), "{statement}");
    }
    let next = ask(&mut admin, "SELECT n FROM things LIMIT 25 OFFSET 50", &[]);
    next.says("10 rows").says(">59</span>");
    assert!(!next.text().contains("lead to others"));
}

#[test]
fn what_is_wrong_is_shown_in_its_line() {
    let site = with_people();
    let mut admin = site.admin();
    let wrong = ask(&mut admin, "SELECT *\r\nFROM people\r\nWHERE age >= )", &[]);
    assert_eq!(wrong.status, StatusCode::BAD_REQUEST);
    wrong.says("at line 3, column 14").says("aria-invalid=\"true\"");
    wrong.says("<pre class=\"caret\" aria-hidden=\"true\">WHERE age &#62;= )\n             ^</pre>");
    wrong.says("SELECT *\r\nFROM people\r\nWHERE age &#62;= )</textarea>");

    let unbound = ask(&mut admin, "SELECT * FROM people WHERE age = :age", &[]);
    assert_eq!(unbound.status, StatusCode::BAD_REQUEST);
    unbound.says("age was not provided");
    assert!(!unbound.text().contains("class=\"caret\""));
}

#[test]
fn the_page_only_reads() {
    let site = with_people();
    let mut admin = site.admin();
    for statement in [
        "INSERT INTO people DOCUMENTS ({'_id': 'd'})",
        "UPDATE people SET age = 1",
        "DELETE FROM people",
        "CREATE INDEX by_age ON people (age)",
        "DROP INDEX by_age ON people",
    ] {
        let refused = ask(&mut admin, statement, &[]);
        assert_eq!(refused.status, StatusCode::BAD_REQUEST, "{statement}");
        refused.says("This page reads").says("headwater execute");
        explain(&mut admin, statement);
    }
    let shown = ask(&mut admin, "SHOW ALL", &[]);
    assert_eq!(shown.status, StatusCode::BAD_REQUEST);
    shown.says("headwater execute");
    assert_eq!(site.app().events().high_watermark(), 3);
    assert!(site.app().indexes().is_empty());
}

#[test]
fn plans_are_told_in_both_languages() {
    let site = with_people();
    let mut admin = site.admin();
    let legacy = |admin: &mut Browser<'_>, query: &str| {
        let answer = admin.get(&format!("{DOCUMENTS}?collection=people&query={}&explain=plan", segment(query)));
        assert_eq!(answer.status, StatusCode::OK, "{}", answer.text());
        answer
    };
    let scanned =
        explain(&mut admin, "SELECT name FROM people WHERE age >= 18 AND city = 'Graz' ORDER BY name LIMIT 5");
    assert_eq!(operators(&scanned), ["scan", "filter", "sort", "limit", "projection"]);
    scanned.says("look at every document").says("an index on <code>age</code> would help");
    scanned.says("indexes?collection=people&#38;keys=age#create");
    admin
        .get("/portal/apps/default/indexes?collection=people&keys=age")
        .says("name=\"keys\" class=\"code\" value=\"age\"");
    let same = legacy(&mut admin, "age >= 18");
    assert_eq!(operators(&same), ["scan", "filter"]);
    same.says("an index on <code>age</code> would help").says("value=\"age &#62;= 18\"");

    // Where no one field narrows it down, none is named.
    for statement in
        ["SELECT * FROM people", "SELECT * FROM people WHERE age = 1 OR city = 'Ulm'", "SELECT COUNT(*) FROM people"]
    {
        assert!(!explain(&mut admin, statement).text().contains("would help"), "{statement}");
    }
    assert!(!legacy(&mut admin, "age == 1 || city == 'Ulm'").text().contains("would help"));

    make_index(&site, "age");
    let found = explain(&mut admin, "EXPLAIN SELECT name FROM people WHERE age = 31");
    assert_eq!(operators(&found), ["indexScan", "fetch", "filter", "projection"]);
    found
        .says("<span class=\"faint\">index</span> <code>by-it</code>")
        .says("<span class=\"faint\">covering</span> <code>no</code>");
    assert!(!found.text().contains("would help"));
    let same = legacy(&mut admin, "age == 31");
    assert_eq!(operators(&same), ["indexScan", "fetch", "filter"]);
    assert_eq!(operators(&explain(&mut admin, "DELETE FROM people WHERE age = 31")).last(), Some(&"delete"));

    let json = ask(&mut admin, "SELECT name FROM people", &[("explain", "plan"), ("view", "json")]);
    json.says("&#34;#operator&#34;: &#34;sequence&#34;");
}

#[test]
fn an_answer_that_was_broken_off_is_none() {
    let site = Site::new();
    write_many(&site, "things", portal::limits::SCAN_DOCUMENTS_MAX + 1);
    let mut admin = site.admin();
    for statement in [
        "SELECT SUM(n) AS total FROM things",
        "SELECT COUNT(*) AS total FROM things WHERE n >= 0",
        "SELECT n FROM things ORDER BY n DESC",
        "SELECT n FROM things ORDER BY 0 - n LIMIT 1",
        "SELECT n, COUNT(*) AS c FROM things GROUP BY n",
    ] {
        let answer = ask(&mut admin, statement, &[]);
        assert_eq!(answer.status, StatusCode::OK, "{statement}");
        answer.says("and stopped").says("headwater execute");
        assert!(!answer.text().contains("<table"), "{statement}");
    }
    // What comes one by one is shown as far as it came.
    ask(&mut admin, "SELECT * FROM things WHERE n >= 0", &[]).says("25 rows").says("d-000024");
    let some = ask(&mut admin, "SELECT n FROM things WHERE n = 3", &[]);
    some.says("1 row<").says(">3</span>").says("there may be more rows");
    ask(&mut admin, "SELECT n FROM things WHERE n < 0", &[]).says("None of the first");
    // The number of all is known.
    ask(&mut admin, "SELECT COUNT(*) AS total FROM things", &[]).says(">10001</span>");
}

#[test]
fn an_index_leads_to_few_documents_among_many() {
    let site = Site::new();
    write_many(&site, "people", portal::limits::SCAN_DOCUMENTS_MAX + 1);
    make_index(&site, "n");
    while !site.app().indexes().iter().all(|index| index.is_ready) {
        std::thread::yield_now();
    }
    let mut admin = site.admin();
    let few = ask(&mut admin, "SELECT n FROM people WHERE n > 9995 AND n < 9999", &[]);
    few.says("3 rows");
    assert!(!few.text().contains("there may be more"));
    ask(&mut admin, "SELECT n FROM people ORDER BY n DESC", &[]).says("25 rows").says(">10000</span>");
}

#[test]
fn a_change_of_the_language_keeps_what_means_everything() {
    let site = with_people();
    site.write("my cars", "a", "{}");
    let mut admin = site.admin();
    let first = admin.get(&format!("{DOCUMENTS}?collection=people&language=dql&query="));
    first.says("SELECT * FROM people</textarea>").says("3 rows").says("data-all=\"SELECT * FROM people\"");
    admin
        .get(&format!("{DOCUMENTS}?collection=people&language=dql&query=true"))
        .says("SELECT * FROM people</textarea>");
    first.says("?collection=my%20cars&#38;language=dql");
    admin.get(&format!("{DOCUMENTS}?collection=my%20cars&language=dql")).says("SELECT * FROM `my cars`</textarea>");
    let back = admin.get(&format!("{DOCUMENTS}?collection=people&language=legacy&query=SELECT+*+FROM+people"));
    assert_eq!(back.status, StatusCode::OK);
    back.says("name=\"query\" value=\"true\"");
    // What the statement names is the collection that the page is about.
    let named = ask(&mut admin, "SELECT * FROM `my cars`", &[("collection", "people")]);
    named.says("aria-current=\"page\"><span class=\"name\">my cars<").says("new?collection=my%20cars");
    let site = Site::new();
    let empty = site.admin().get(&format!("{DOCUMENTS}?language=dql"));
    assert_eq!(empty.status, StatusCode::OK);
}

#[test]
fn hostile_names_and_statements_come_out_escaped() {
    let site = Site::new();
    for text in crate::hostile_texts::HOSTILE {
        let json = serde_json::json!({ "text": text, text: text }).to_string();
        site.write(text, text, &json);
    }
    let mut admin = site.admin();
    for text in crate::hostile_texts::HOSTILE {
        let all = format!("SELECT * FROM `{text}`");
        let equal = format!("SELECT * FROM `{text}` WHERE text = {}", serde_json::json!(text));
        for statement in [all.as_str(), equal.as_str(), text] {
            for more in [&[][..], &[("view", "json")], &[("explain", "plan")]] {
                let answer = ask(&mut admin, statement, more);
                crate::hostile_texts::is_escaped(&answer, statement);
                assert_eq!(answer.status == StatusCode::OK, statement != text, "{statement}: {}", answer.text());
            }
        }
    }
}
