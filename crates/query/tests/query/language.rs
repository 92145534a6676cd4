//! What a query means, two lines a case. These are fixtures of language version 1: add cases, never change one,
//! because stored queries must mean the same for ever.

use crate::support::{check, check_with_args};

#[test]
fn constants() {
    check("true", r#"{}"#, true);
    check("false", r#"{}"#, false);
    check("  true\n", r#"{}"#, true);
    check("true && !(false)", r#"{}"#, true);
    check("!true || !!true", r#"{}"#, true);
    check("1 == 1", r#"{}"#, true);
    check("'a' != 'a'", r#"{}"#, false);
    check("true == true", r#"{}"#, true);
}

#[test]
fn equality() {
    check("name == 'Susan'", r#"{"name":"Susan"}"#, true);
    check("name == \"Susan\"", r#"{"name":"Susan"}"#, true);
    check("'Susan' == name", r#"{"name":"Susan"}"#, true);
    check("name == 'susan'", r#"{"name":"Susan"}"#, false);
    check("name != 'Susan'", r#"{"name":"Max"}"#, true);
    check("isDeleted == true", r#"{"isDeleted":true}"#, true);
    check("isDeleted == false", r#"{"isDeleted":true}"#, false);
    check("a == b", r#"{"a":{"x":[1,2]},"b":{"x":[1.0,2]}}"#, true);
    check("a == b", r#"{"a":{"x":1},"b":{"x":1,"y":null}}"#, false);
    check("tags == ['a', 'b']", r#"{"tags":["a","b"]}"#, true);
    check("tags == ['b', 'a']", r#"{"tags":["a","b"]}"#, false);
    check("tags == []", r#"{"tags":[]}"#, true);
    check("rows == [[1, 2], ['x'], null]", r#"{"rows":[[1,2],["x"],null]}"#, true);
}

#[test]
fn a_missing_field_equals_null() {
    check("title == null", r#"{}"#, true);
    check("title == null", r#"{"title":null}"#, true);
    check("title != null", r#"{"title":""}"#, true);
    check("null == title", r#"{}"#, true);
    check("a == b", r#"{}"#, true);
    check("a.b.c == null", r#"{"a":{"b":1}}"#, true);
    check("a != 1", r#"{}"#, true);
    check("a == 0", r#"{}"#, false);
    check("a == false", r#"{}"#, false);
    check("a == ''", r#"{}"#, false);
}

#[test]
fn null_arrays_and_objects_have_no_order() {
    check("a <= null", r#"{}"#, false);
    check("a >= null", r#"{"a":null}"#, false);
    check("a <= b", r#"{"a":[1],"b":[1]}"#, false);
    check("a <= b", r#"{"a":{},"b":{}}"#, false);
    check("a > 0", r#"{}"#, false);
    check("a < 0", r#"{}"#, false);
}

#[test]
fn kinds_are_unequal_and_unordered() {
    check("a == '1'", r#"{"a":1}"#, false);
    check("a != '1'", r#"{"a":1}"#, true);
    check("a < 'z'", r#"{"a":1}"#, false);
    check("a >= 'a'", r#"{"a":1}"#, false);
    check("a == 1", r#"{"a":true}"#, false);
    check("a < 2", r#"{"a":true}"#, false);
    check("a == ['x', 'y']", r#"{"a":"x"}"#, false);
    check("!(a < 'z') && !(a >= 'z')", r#"{"a":1}"#, true);
}

#[test]
fn numbers_compare_exactly() {
    check("age >= 18", r#"{"age":18}"#, true);
    check("age > 18", r#"{"age":18}"#, false);
    check("age <= 18", r#"{"age":17.5}"#, true);
    check("age < 18", r#"{"age":18}"#, false);
    check("18 < age", r#"{"age":19}"#, true);
    check("a == 1.0", r#"{"a":1}"#, true);
    check("a == 1", r#"{"a":1.0}"#, true);
    check("a == 0", r#"{"a":-0.0}"#, true);
    check("a == -5", r#"{"a":-5}"#, true);
    check("a>-5&&a<=5e0", r#"{"a":5}"#, true);
    check("a == 9007199254740993", r#"{"a":9007199254740992.0}"#, false);
    check("a > 9007199254740992.0", r#"{"a":9007199254740993}"#, true);
    check("a == 9223372036854775807", r#"{"a":9223372036854775807}"#, true);
    check("a == 9223372036854775807", r#"{"a":9223372036854775806}"#, false);
    check("a < 9223372036854775808.0", r#"{"a":9223372036854775807}"#, true);
    check("a == 18446744073709551615", r#"{"a":18446744073709551615}"#, true);
    check("a < 18446744073709551616.0", r#"{"a":18446744073709551615}"#, true);
    check("a == -9223372036854775808", r#"{"a":-9223372036854775808.0}"#, true);
    check("a < 1e308", r#"{"a":18446744073709551615}"#, true);
    check("a < 0.1", r#"{"a":0}"#, true);
    check("a > -0.1", r#"{"a":0}"#, true);
}

#[test]
fn strings_compare_by_bytes() {
    check("a < 'b'", r#"{"a":"a"}"#, true);
    check("a < 'a'", r#"{"a":"Z"}"#, true);
    check("a > 'z'", r#"{"a":"é"}"#, true);
    check("a < ''", r#"{"a":"a"}"#, false);
    check("a < '9'", r#"{"a":"10"}"#, true);
}

#[test]
fn booleans_are_ordered() {
    check("a < true", r#"{"a":false}"#, true);
    check("a >= true", r#"{"a":false}"#, false);
    check("a <= false", r#"{"a":false}"#, true);
}

#[test]
fn dates_compare_as_points_in_time() {
    check("at >= '2023-12-01'", r#"{"at":"2023-12-01T00:00:00Z"}"#, true);
    check("at >= '2023-12-01'", r#"{"at":"2023-12-01T00:00:00+02:00"}"#, false);
    check("at == '2023-12-01T10:00:00Z'", r#"{"at":"2023-12-01T12:00:00.000+02:00"}"#, true);
    check("at != '2023-12-01T10:00:00Z'", r#"{"at":"2023-12-01T10:00:00.001Z"}"#, true);
    check("at < '2023-12-01T10:00:00.5Z'", r#"{"at":"2023-12-01T10:00:00.49Z"}"#, true);
    check("at < '2023-12-01T10:00Z'", r#"{"at":"2023-12-01T09:59:59Z"}"#, true);
    check("a < b", r#"{"a":"2023-12-01T23:00:00-05:00","b":"2023-12-02T03:30:00Z"}"#, false);
    check("contains(['2023-12-01T00:00:00Z'], at)", r#"{"at":"2023-12-01"}"#, true);
    check("contains(dates, '2023-12-01T00:00:00Z')", r#"{"dates":["2023-12-01"]}"#, true);
}

#[test]
fn a_date_and_another_string_compare_by_bytes() {
    check("at < 'a'", r#"{"at":"2023-12-01"}"#, true);
    check("at == '2023-12-01T24:00:00Z'", r#"{"at":"2023-12-02T00:00:00Z"}"#, false);
    check("at < '2023-12-01T24'", r#"{"at":"2023-12-01T23:00:00-05:00"}"#, true);
}

#[test]
fn logic() {
    check("theme == 'Dark' && name == 'Light'", r#"{"theme":"Dark","name":"Light"}"#, true);
    check("theme == 'Dark' && name == 'Light'", r#"{"theme":"Dark"}"#, false);
    check("name == 'Tom' || name == 'Arthur'", r#"{"name":"Arthur"}"#, true);
    check("!(name == 'Hamilton' || name == 'Morten')", r#"{"name":"Morten"}"#, false);
    check("!(name == 'Hamilton' || name == 'Morten')", r#"{"name":"Tom"}"#, true);
    check("a == 1 || b == 1 && c == 1", r#"{"a":1}"#, true);
    check("(a == 1 || b == 1) && c == 1", r#"{"a":1}"#, false);
    check("!(a == 1) && b == 1", r#"{"b":1}"#, true);
    check("!contains(tags, 'x')", r#"{}"#, true);
    check("((a == 1))", r#"{"a":1}"#, true);
}

#[test]
fn paths() {
    check("work.city == 'x'", r#"{"work":{"city":"x"}}"#, true);
    check("work['street-line'] == 'x'", r#"{"work":{"street-line":"x"}}"#, true);
    check("work[\"street-line\"] == 'x'", r#"{"work":{"street-line":"x"}}"#, true);
    check("['street-line'] == 'x'", r#"{"street-line":"x"}"#, true);
    check("`street-line` == 'x'", r#"{"street-line":"x"}"#, true);
    check("'x' == `street-line`", r#"{"street-line":"x"}"#, true);
    check("starts_with(['street-line'], 'x')", r#"{"street-line":"xy"}"#, true);
    check("contains(['a-b'].tags, 'x')", r#"{"a-b":{"tags":["x"]}}"#, true);
    check("contains(`a-b`, 'x')", r#"{"a-b":["x"]}"#, true);
    check("books[0].title == 'x'", r#"{"books":[{"title":"x"}]}"#, true);
    check("books[1].title == null", r#"{"books":[{"title":"x"}]}"#, true);
    check("m[0][1] == 2", r#"{"m":[[1,2]]}"#, true);
    check("a['0'] == 1", r#"{"a":{"0":1}}"#, true);
    check("a[0] == null", r#"{"a":{"0":1}}"#, true);
    check("a ['b'] . c == 1", r#"{"a":{"b":{"c":1}}}"#, true);
    check("`true` == 1", r#"{"true":1}"#, true);
    check("a.true == 1", r#"{"a":{"true":1}}"#, true);
    check("contains == 1", r#"{"contains":1}"#, true);
    check("größe == 1", r#"{"größe":1}"#, true);
    check("`` == 1", r#"{"":1}"#, true);
    check("a['x\\'y'] == 1", r#"{"a":{"x'y":1}}"#, true);
}

#[test]
fn brackets_with_one_string_are_an_array_at_the_right() {
    check("tags == ['a']", r#"{"tags":["a"]}"#, true);
    check("['tags'] == ['a']", r#"{"tags":["a"]}"#, true);
    check("contains(['a'], tag)", r#"{"tag":"a"}"#, true);
    check("contains(rows, ['a'])", r#"{"rows":[["a"]]}"#, true);
}

#[test]
fn string_escapes() {
    check(r"a == 'it\'s'", r#"{"a":"it's"}"#, true);
    check(r#"a == "\"""#, r#"{"a":"\""}"#, true);
    check(r"a == '\\\n\t\r'", r#"{"a":"\\\n\t\r"}"#, true);
    check(r"a == '\u00e9\u20AC'", r#"{"a":"é€"}"#, true);
    check(r"a == '\ud83d\ude00'", r#"{"a":"😀"}"#, true);
    check("a == 'two\nlines'", r#"{"a":"two\nlines"}"#, true);
    check("a == 'say \"x\"'", r#"{"a":"say \"x\""}"#, true);
}

#[test]
fn contains_looks_for_an_equal_element() {
    check("contains(['bluetooth', 'wifi'], type)", r#"{"type":"wifi"}"#, true);
    check("contains(['bluetooth', 'wifi'], type)", r#"{"type":"lan"}"#, false);
    check("contains(['bluetooth', 'wifi'], type)", r#"{}"#, false);
    check("contains(tags, 'novel')", r#"{"tags":["fantasy","novel"]}"#, true);
    check("contains(tags, 'nov')", r#"{"tags":["fantasy","novel"]}"#, false);
    check("contains(tags, 'novel')", r#"{"tags":"novel"}"#, false);
    check("contains(tags, 'novel')", r#"{}"#, false);
    check("contains(a, b)", r#"{"a":[1,{"x":2}],"b":{"x":2.0}}"#, true);
    check("contains([1, 2.5, null, true], a)", r#"{"a":2.5}"#, true);
    check("contains([1, 2.5, null, true], a)", r#"{"a":1.0}"#, true);
    check("contains([1, 2.5, null, true], a)", r#"{}"#, true);
    check("contains([1, 2.5, null, true], a)", r#"{"a":"1"}"#, false);
    check("contains([], a)", r#"{}"#, false);
    check("contains([['x', 1], []], a)", r#"{"a":["x",1]}"#, true);
    check("contains(['a', 'b'], 'b')", r#"{}"#, true);
}

#[test]
fn string_functions() {
    check("starts_with(title, 'Lord')", r#"{"title":"Lord of the Rings"}"#, true);
    check("starts_with(title, 'lord')", r#"{"title":"Lord of the Rings"}"#, false);
    check("starts_with(title, '')", r#"{"title":""}"#, true);
    check("starts_with(title, '')", r#"{}"#, false);
    check("starts_with(title, '1')", r#"{"title":1}"#, false);
    check("ends_with(title, 'Rings')", r#"{"title":"Lord of the Rings"}"#, true);
    check("ends_with(title, 'Lord')", r#"{"title":"Lord of the Rings"}"#, false);
    check("starts_with('/a/b', prefix)", r#"{"prefix":"/a"}"#, true);
    check("regex(title, '^([A-Za-z]|[0-9]|_)+$')", r#"{"title":"abc129_24A"}"#, true);
    check("regex(title, '^([A-Za-z]|[0-9]|_)+$')", r#"{"title":"abc129_24A  3"}"#, false);
    check("regex(title, 'b+')", r#"{"title":"abc"}"#, true);
    check(r"regex(title, '^\\d+$')", r#"{"title":"123"}"#, true);
    check("regex(title, '(?i)LORD')", r#"{"title":"Lord"}"#, true);
    check("regex(title, '.*')", r#"{"title":5}"#, false);
}

#[test]
fn ids() {
    check("_id == 'abc'", r#"{"_id":"abc"}"#, true);
    check("'abc' == _id", r#"{"_id":"abd"}"#, false);
    check("_id != 'abc'", r#"{"_id":"abd"}"#, true);
    check("_id == 42", r#"{"_id":42}"#, true);
    check("_id == 42.0", r#"{"_id":42}"#, true);
    check("_id == 42.5", r#"{"_id":42}"#, false);
    check("_id == '42'", r#"{"_id":42}"#, false);
    check("_id != null", r#"{"_id":42}"#, true);
    check("_id.site == 'x' && _id['no'] > 1", r#"{"_id":{"site":"x","no":2}}"#, true);
    check("_id.site == null", r#"{"_id":"x"}"#, true);
    check("_id == owner", r#"{"_id":"x","owner":"x"}"#, true);
    check("_id == owner", r#"{"_id":"x"}"#, false);
    check("_id == owner", r#"{"_id":7,"owner":7.0}"#, true);
    check("_id == _id", r#"{"_id":{"a":1}}"#, true);
    check("starts_with(_id, 'user:')", r#"{"_id":"user:7"}"#, true);
    check("_id > 'a' && _id <= 'b'", r#"{"_id":"b"}"#, true);
    check("contains(['a', 'b'], _id)", r#"{"_id":"b"}"#, true);
    check("contains(['a', 'b'], _id)", r#"{"_id":"c"}"#, false);
    check("contains(friends, _id)", r#"{"_id":"c","friends":["c"]}"#, true);
    check("contains(_id.tags, 'x')", r#"{"_id":{"tags":["x"]}}"#, true);
    check("a._id == 1", r#"{"a":{"_id":1}}"#, true);
}

#[test]
fn an_id_is_never_read_as_a_date() {
    check("_id == '2023-12-01'", r#"{"_id":"2023-12-01T00:00:00Z"}"#, false);
    check("contains(['2023-12-01'], _id)", r#"{"_id":"2023-12-01T00:00:00Z"}"#, false);
    check("_id == day", r#"{"_id":"2023-12-01T00:00:00Z","day":"2023-12-01"}"#, false);
    check("_id >= '2023-12-01'", r#"{"_id":"2023-12-01T00:00:00Z"}"#, true);
}

#[test]
fn arguments() {
    check_with_args(
        "name == $args.name && age <= $args.age",
        r#"{"name":"max","age":32}"#,
        r#"{"name":"max","age":30}"#,
        true,
    );
    check_with_args("name == $args.name", r#"{"name":"' || true || '"}"#, r#"{"name":"x"}"#, false);
    check_with_args("$args.name == name", r#"{"name":"x","unused":1}"#, r#"{"name":"x"}"#, true);
    check_with_args("a == $args.a.b[1]", r#"{"a":{"b":[1,2]}}"#, r#"{"a":2}"#, true);
    check_with_args("a == $args['first-name']", r#"{"first-name":2}"#, r#"{"a":2}"#, true);
    check_with_args("a == $args.none", r#"{"none":null}"#, r#"{}"#, true);
    check_with_args("a == $args.map", r#"{"map":{"x":1}}"#, r#"{"a":{"x":1}}"#, true);
    check_with_args("contains($args.types, type)", r#"{"types":["a","b"]}"#, r#"{"type":"b"}"#, true);
    check_with_args("contains(tags, $args.tag)", r#"{"tag":"b"}"#, r#"{"tags":["b"]}"#, true);
    check_with_args("contains([$args.x, 'y'], a)", r#"{"x":1}"#, r#"{"a":1}"#, true);
    check_with_args("starts_with(a, $args.p) && ends_with(a, $args.s)", r#"{"p":"x","s":"z"}"#, r#"{"a":"xyz"}"#, true);
    check_with_args("regex(a, $args.r)", r#"{"r":"^\\d$"}"#, r#"{"a":"7"}"#, true);
    check_with_args("_id == $args.id", r#"{"id":{"b":1,"a":2}}"#, r#"{"_id":{"a":2,"b":1}}"#, true);
    check_with_args(
        "at > $args.since",
        r#"{"since":"2024-01-01T00:00:00Z"}"#,
        r#"{"at":"2024-01-01T01:00:00+02:00"}"#,
        false,
    );
    check_with_args("args == 1", r#"{}"#, r#"{"args":1}"#, true);
}

#[test]
fn a_field_alone_holds_where_it_is_true() {
    for (document, expect) in [
        (r#"{"flag":true}"#, true),
        (r#"{"flag":false}"#, false),
        (r#"{}"#, false),
        (r#"{"flag":null}"#, false),
        (r#"{"flag":1}"#, false),
        (r#"{"flag":"true"}"#, false),
        (r#"{"flag":[true]}"#, false),
        (r#"{"flag":{}}"#, false),
    ] {
        check("flag", document, expect);
        check("!flag", document, !expect);
        check("!!flag", document, expect);
        check("['flag'] && !`flag` || (flag)", document, expect);
    }
    check("user.active && a == 1", r#"{"user":{"active":true},"a":1}"#, true);
    check("!tags[0] && !user['is-on']", r#"{"tags":[false]}"#, true);
    check("_id", r#"{"_id":"true"}"#, false);
    check("!_id", r#"{"_id":"true"}"#, true);
    check("contains", r#"{"contains":true}"#, true);
}

#[test]
fn names_in_brackets_need_no_quotes() {
    check("a[foo] == 1", r#"{"a":{"foo":1}}"#, true);
    check("a[foo][0].b[größe] == 1", r#"{"a":{"foo":[{"b":{"größe":1}}]}}"#, true);
    check("a[true] == 1", r#"{"a":{"true":1}}"#, true);
    check("a[foo] && !a[bar]", r#"{"a":{"foo":true}}"#, true);
    check_with_args("a == $args[foo][bar]", r#"{"foo":{"bar":2}}"#, r#"{"a":2}"#, true);
}

#[test]
fn functions_have_a_second_spelling() {
    check("startsWith(title, 'Lord')", r#"{"title":"Lord of the Rings"}"#, true);
    check("endsWith(title, 'Lord')", r#"{"title":"Lord of the Rings"}"#, false);
    check("endsWith(title, 'Rings') && startsWith == 1", r#"{"title":"Rings","startsWith":1}"#, true);
}
