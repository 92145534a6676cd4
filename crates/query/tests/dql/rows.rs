//! Whole SELECTs over a few documents, with exactly their rows.

use crate::statements::{Documents, documents, run, select};

fn boats() -> Documents {
    documents(&[
        r#"{"_id":"a","name":"Alma","length":12,"berth":{"pier":"north","place":3},"tags":["oak","sail"]}"#,
        r#"{"_id":"b","name":"Bodil","length":8.5,"berth":{"pier":"south","place":1},"tags":[]}"#,
        r#"{"_id":"c","name":"Cirrus","length":12.0,"berth":{"pier":"north","place":1},"sold":true}"#,
        r#"{"_id":"d","name":"Dagny","length":null,"berth":{"pier":"south","place":2},"sold":false}"#,
        r#"{"_id":"e","name":"Elvira","berth":null,"sold":true}"#,
        r#"{"_id":"f","name":"Fram","length":"long","sold":1}"#,
    ])
}

#[track_caller]
fn check(text: &str, rows: &[&str]) {
    check_with(text, "{}", rows);
}

#[track_caller]
fn check_with(text: &str, args: &str, rows: &[&str]) {
    let select = select(text, args).unwrap_or_else(|problem| panic!("{text}: {problem}"));
    assert_eq!(run(&select, &boats()), rows, "{text}");
}

#[track_caller]
fn check_error(text: &str, args: &str, part: &str) {
    match select(text, args) {
        Err(message) => assert!(message.contains(part), "{text}: {message}"),
        Ok(_) => panic!("{text} is bound"),
    }
}

#[test]
fn a_projection_names_its_values() {
    check("SELECT name FROM boats WHERE _id = 'a'", &[r#"{"name":"Alma"}"#]);
    check("SELECT berth.pier, name AS who FROM boats LIMIT 1", &[r#"{"pier":"north","who":"Alma"}"#]);
    check("SELECT length + 1, 'x', name FROM boats LIMIT 1", &[r#"{"($1)":13,"($2)":"x","name":"Alma"}"#]);
    check("SELECT tags[0] FROM boats LIMIT 1", &[r#"{"($1)":"oak"}"#]);
    check("SELECT b.name FROM boats AS b LIMIT 1", &[r#"{"name":"Alma"}"#]);
    check("SELECT _id, sold FROM boats LIMIT 3", &[r#"{"_id":"a"}"#, r#"{"_id":"b"}"#, r#"{"_id":"c","sold":true}"#]);
    check_error("SELECT name, berth.name FROM boats", "{}", "`name` twice");
    check_error("SELECT 1 AS x, 2 AS x FROM boats", "{}", "`x` twice");
}

#[test]
fn a_star_gives_the_id_and_the_fields_that_nothing_else_gives() {
    check("SELECT * FROM boats WHERE name = 'Fram'", &[r#"{"_id":"f","length":"long","name":"Fram","sold":1}"#]);
    check(
        "SELECT boats.*, 'short' AS length FROM boats WHERE name = 'Fram'",
        &[r#"{"_id":"f","name":"Fram","sold":1,"length":"short"}"#],
    );
    check(
        "SELECT boats.*, nothing AS sold FROM boats WHERE _id = 'e'",
        &[r#"{"_id":"e","berth":null,"name":"Elvira"}"#],
    );
    check("SELECT b.* FROM boats b WHERE _id = 'e'", &[r#"{"_id":"e","berth":null,"name":"Elvira","sold":true}"#]);
    check("SELECT name, berth.* FROM boats LIMIT 1", &[r#"{"name":"Alma","pier":"north","place":3}"#]);
    check("SELECT name, berth.* FROM boats WHERE _id = 'e'", &[r#"{"name":"Elvira"}"#]);
    check("SELECT boats.*, MISSING sold FROM boats WHERE _id = 'f'", &[r#"{"_id":"f","length":"long","name":"Fram"}"#]);
    check("SELECT berth, MISSING berth.place FROM boats LIMIT 1", &[r#"{"berth":{"pier":"north"}}"#]);
}

#[test]
fn documents_are_selected_by_condition_and_id() {
    check("SELECT name FROM boats WHERE sold", &[r#"{"name":"Cirrus"}"#, r#"{"name":"Elvira"}"#]);
    check("SELECT name FROM boats WHERE NOT sold", &[r#"{"name":"Dagny"}"#]);
    check("SELECT name FROM boats USE IDS 'e', 'b', 'e', 'none'", &[r#"{"name":"Bodil"}"#, r#"{"name":"Elvira"}"#]);
    check_with(
        "SELECT name FROM boats USE IDS LIST :ids WHERE sold",
        r#"{"ids":["a","c"]}"#,
        &[r#"{"name":"Cirrus"}"#],
    );
    check_with("SELECT name FROM boats USE IDS LIST :ids", r#"{"ids":[]}"#, &[]);
    check_error("SELECT * FROM boats USE IDS LIST :ids", r#"{"ids":"a"}"#, "array");
    check("SELECT name FROM boats USE IDS 1.5", &[]);
    check_with("SELECT name FROM boats USE IDS :ids, 'b'", r#"{"ids":["a"]}"#, &[r#"{"name":"Bodil"}"#]);
    let all = select("SELECT * FROM boats WHERE true", "{}").unwrap();
    assert!(all.filter().is_always());
}

#[test]
fn rows_are_sorted_and_cut() {
    let names = |names: &[&str]| names.iter().map(|name| format!(r#"{{"name":"{name}"}}"#)).collect::<Vec<_>>();
    let check_names = |text: &str, expected: &[&str]| {
        let select = select(text, "{}").unwrap_or_else(|problem| panic!("{text}: {problem}"));
        assert_eq!(run(&select, &boats()), names(expected), "{text}");
    };
    let ascending = ["Bodil", "Alma", "Cirrus", "Fram", "Dagny", "Elvira"];
    check_names("SELECT name FROM boats ORDER BY length", &ascending);
    check_names("SELECT name FROM boats ORDER BY CASE WHEN true THEN length END", &ascending);
    check_names("SELECT name FROM boats ORDER BY length DESC", &["Elvira", "Dagny", "Fram", "Alma", "Cirrus", "Bodil"]);
    check_names("SELECT name FROM boats ORDER BY length, berth.place DESC LIMIT 3", &["Bodil", "Alma", "Cirrus"]);
    check_names("SELECT name FROM boats ORDER BY length, berth.place LIMIT 3", &["Bodil", "Cirrus", "Alma"]);
    check_names("SELECT name FROM boats ORDER BY _id DESC LIMIT 2 OFFSET 1", &["Elvira", "Dagny"]);
    check_names("SELECT name FROM boats ORDER BY lower(name) DESC LIMIT 2.0 OFFSET 1", &["Elvira", "Dagny"]);
    check_names("SELECT name FROM boats ORDER BY 1 LIMIT 2", &["Alma", "Bodil"]);
    check_names("SELECT name FROM boats OFFSET 4", &["Elvira", "Fram"]);
    check_names("SELECT name FROM boats OFFSET 9", &[]);
    check_names("SELECT name FROM boats LIMIT 0", &[]);
    check_names("SELECT name FROM boats ORDER BY lower(name) LIMIT 0", &[]);
    check_with("SELECT name FROM boats LIMIT :n", r#"{"n":1}"#, &[r#"{"name":"Alma"}"#]);
    for (args, found) in
        [(r#"{"n":-1}"#, "-1"), (r#"{"n":1.5}"#, "1.5"), (r#"{"n":"2"}"#, "a string"), (r#"{"n":null}"#, "null")]
    {
        check_error(
            "SELECT * FROM boats LIMIT :n",
            args,
            &format!("LIMIT must be a non-negative integer, not {found}"),
        );
        check_error("SELECT * FROM boats OFFSET :n", args, "OFFSET must be a non-negative integer");
    }
}

#[test]
fn an_order_may_name_what_the_projection_computes() {
    check("SELECT length * -1 AS n FROM boats ORDER BY n LIMIT 2", &[r#"{"n":-12}"#, r#"{"n":-12.0}"#]);
    check("SELECT length AS n FROM boats ORDER BY n * -1 LIMIT 2", &[r#"{"n":12}"#, r#"{"n":12.0}"#]);
    check(
        "SELECT berth AS at FROM boats WHERE berth.place > 0 ORDER BY at.place DESC, name LIMIT 1",
        &[r#"{"at":{"pier":"north","place":3}}"#],
    );
    let by_path = select("SELECT berth AS at FROM boats ORDER BY at.place DESC", "{}").unwrap();
    let paths: Vec<_> = by_path.sort().unwrap().into_iter().map(|(path, down)| (path.to_string(), down)).collect();
    assert_eq!(paths, [("berth.place".to_owned(), true)]);
    check_error("SELECT length AS n FROM boats GROUP BY n", "{}", "length");
}

#[test]
fn groups_come_in_the_order_of_their_keys() {
    check(
        "SELECT length, COUNT(*) AS n FROM boats GROUP BY length",
        &[
            r#"{"length":8.5,"n":1}"#,
            r#"{"length":12,"n":2}"#,
            r#"{"length":"long","n":1}"#,
            r#"{"length":null,"n":1}"#,
            r#"{"n":1}"#,
        ],
    );
    check(
        "SELECT berth.pier AS pier, SUM(berth.place) AS places FROM boats GROUP BY berth.pier ORDER BY \
         places DESC LIMIT 3",
        &["{}", r#"{"pier":"north","places":4}"#, r#"{"pier":"south","places":3}"#],
    );
    check(
        "SELECT upper(berth.pier), MAX(name) FROM boats WHERE berth.place > 0 GROUP BY berth.pier \
         HAVING COUNT(*) > 1 ORDER BY MIN(name) DESC",
        &[r#"{"($1)":"SOUTH","($2)":"Dagny"}"#, r#"{"($1)":"NORTH","($2)":"Cirrus"}"#],
    );
    check("SELECT DISTINCT COUNT(*) AS n FROM boats GROUP BY berth.pier ORDER BY n DESC", &[r#"{"n":2}"#]);
    check("SELECT COUNT(*) AS n FROM boats WHERE false GROUP BY name", &[]);
    check("SELECT sold FROM boats GROUP BY sold LIMIT 2 OFFSET 1", &[r#"{"sold":true}"#, r#"{"sold":1}"#]);
    check_error("SELECT name FROM boats GROUP BY sold", "{}", "name");
    check_error("SELECT * FROM boats GROUP BY sold", "{}", "`*`");
    check_error("SELECT boats.*, COUNT(*) FROM boats", "{}", "`*`");
    check_error("SELECT name FROM boats HAVING sold", "{}", "HAVING");
    check_error("SELECT name FROM boats WHERE COUNT(*) > 1", "{}", "");
}

#[test]
fn aggregates_of_everything_make_one_row() {
    check("SELECT COUNT(*) FROM boats", &[r#"{"($1)":6}"#]);
    check("SELECT COUNT(*) AS n FROM boats WHERE sold", &[r#"{"n":2}"#]);
    check("SELECT COUNT(*) AS n FROM boats OFFSET 1", &[]);
    check("SELECT COUNT(*) AS n FROM boats LIMIT 0", &[]);
    check(
        "SELECT COUNT(sold) AS n, COUNT(length) AS l, COUNT(DISTINCT length) AS d FROM boats",
        &[r#"{"n":3,"l":4,"d":3}"#],
    );
    check(
        "SELECT SUM(length) AS s, AVG(length) AS a, MIN(length) AS l, MAX(length) AS g FROM boats",
        &[r#"{"s":32.5,"a":10.833333333333334,"l":8.5,"g":"long"}"#],
    );
    check("SELECT SUM(DISTINCT length) AS s, AVG(DISTINCT length) AS a FROM boats", &[r#"{"s":20.5,"a":10.25}"#]);
    check("SELECT MEDIAN(length) AS m, MID(length) AS h FROM boats", &[r#"{"m":12,"h":10.25}"#]);
    check(
        "SELECT MEDIAN(berth.place) AS m, SUM(berth.place) AS s, AVG(berth.place) AS a FROM boats",
        &[r#"{"m":1.5,"s":7,"a":1.75}"#],
    );
    check(
        "SELECT COUNT(*) AS n, COUNT(x) AS c, SUM(x) AS s, AVG(x) AS a, MIN(x) AS l, MAX(x) AS g, \
         MEDIAN(x) AS m, MID(x) AS h FROM boats WHERE false",
        &[r#"{"n":0,"c":0}"#],
    );
    check("SELECT COUNT(*) + 1 AS n FROM boats HAVING COUNT(*) > 6", &[]);
    check("SELECT 'x' AS x FROM boats HAVING COUNT(*) = 6", &[r#"{"x":"x"}"#]);
    check_error("SELECT MEDIAN(DISTINCT length) FROM boats", "{}", "");
}

#[test]
fn sums_of_integers_are_exact() {
    let numbers = documents(&[
        r#"{"_id":1,"n":9223372036854775807,"m":18446744073709551615,"f":1e308}"#,
        r#"{"_id":2,"n":1,"m":1,"f":1e308}"#,
    ]);
    let select = select("SELECT SUM(n) AS n, SUM(m) AS m, SUM(f) AS f, AVG(n) AS a, MID(f) AS h FROM t", "{}").unwrap();
    assert_eq!(
        run(&select, &numbers),
        [r#"{"n":9223372036854775808,"m":1.8446744073709552e+19,"a":4.611686018427388e+18,"h":1e+308}"#]
    );
}

#[test]
fn distinct_rows_come_once_where_the_first_of_them_stands() {
    check("SELECT DISTINCT berth.pier FROM boats", &[r#"{"pier":"north"}"#, r#"{"pier":"south"}"#, "{}"]);
    check(
        "SELECT DISTINCT berth.pier FROM boats ORDER BY berth.pier DESC",
        &["{}", r#"{"pier":"south"}"#, r#"{"pier":"north"}"#],
    );
    check("SELECT DISTINCT length FROM boats WHERE length > 0", &[r#"{"length":12}"#, r#"{"length":8.5}"#]);
    check("SELECT DISTINCT berth.pier FROM boats LIMIT 1 OFFSET 1", &[r#"{"pier":"south"}"#]);
    check(
        "SELECT DISTINCT berth.pier FROM boats ORDER BY name DESC",
        &["{}", r#"{"pier":"south"}"#, r#"{"pier":"north"}"#],
    );
}

#[test]
fn a_select_says_what_it_needs() {
    let needs = |text: &str| {
        let select = select(text, "{}").unwrap();
        select.field_names().map(|names| names.into_iter().map(str::to_owned).collect::<Vec<_>>())
    };
    let names = |names: &[&str]| Some(names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>());
    assert_eq!(needs("SELECT * FROM boats"), None);
    assert_eq!(needs("SELECT COUNT(*) FROM boats WHERE sold"), names(&[]));
    assert_eq!(needs("SELECT _id FROM boats ORDER BY name"), names(&[]));
    assert_eq!(needs("SELECT _id FROM boats ORDER BY lower(name)"), names(&["name"]));
    assert_eq!(needs("SELECT berth.pier, length + 1 FROM boats"), names(&["berth", "length"]));
    assert_eq!(needs("SELECT MAX(length) FROM boats GROUP BY berth.pier"), names(&["berth", "length"]));
    let index = select("SELECT * FROM boats USE INDEX ''", "{}").unwrap();
    assert_eq!((index.collection(), index.use_index()), ("boats", Some("")));
}
