//! What evaluating costs. Conditions are kept and evaluated again: a cost may fall, never rise, or
//! what was taken once would be refused when it is replayed.

use query::Budget;

use crate::support::{fields, filter, id};

const DOCUMENT: &str = r#"{"a":{"b":5},"name":"Kestrel","tags":["x","yy"],"n":7.5,"when":"2024-01-31T10:00:00Z"}"#;

/// Each with its steps on [`DOCUMENT`], and the most that it can take on any.
const COSTS: &[(&str, u64, Option<u64>)] = &[
    ("true", 8, Some(16)),
    ("a.b", 16, Some(24)),
    ("a.b = 5", 36, Some(44)),
    ("n > 3 AND n < 9", 72, Some(80)),
    ("NOT n > 3", 40, Some(48)),
    ("n > 3 XOR n > 9", 72, Some(80)),
    ("n BETWEEN 3 AND 9", 44, Some(52)),
    ("n IN (1, 2, 7.5)", 28, Some(40)),
    ("n IN (a.b, n)", 56, None),
    ("'x' IN tags", 33, None),
    ("tags = ['x', 'yy']", 43, Some(83)),
    ("a IS MISSING", 20, Some(28)),
    ("name IS NULL", 20, Some(28)),
    ("_id = 'seven'", 61, Some(8224)),
    ("_id.a = 1", 56, Some(8232)),
    ("_id IN ('a', 'b')", 49, Some(4162)),
    ("name LIKE 'Kes%'", 30, None),
    ("name LIKE '%s_r%l'", 37, None),
    ("name ILIKE 'KES%'", 30, None),
    ("name LIKE name", 74, None),
    ("regexp_like(name, '^Kes')", 52, None),
    ("regexp_like(name, name)", 382, None),
    ("lower(name) = 'kestrel'", 82, None),
    ("n * 2 + a.b > 3", 64, None),
    ("name || '!' = 'x'", 57, None),
    ("-n < 0", 40, Some(48)),
    ("ANY t IN tags SATISFIES t = 'yy' END", 87, None),
    ("ARRAY t FOR t IN tags END = tags", 90, None),
    ("CASE WHEN n > 5 THEN 1 ELSE 2 END = 1", 68, None),
    ("CAST(n AS STRING) = '7.5'", 75, None),
    ("coalesce(zz, n) = 7.5", 52, None),
    ("date_part(`when`, 'year') = 2024", 112, None),
    ("date_format(`when`, '%Y') = '2024'", 148, None),
    ("serialize_json(tags) = ''", 67, None),
    ("object_set(a, 'c', 1) = {}", 69, None),
    ("split(name, 'e') = []", 82, None),
    ("repeat(name, 3) = ''", 76, None),
    ("{'k': n} = {}", 121, None),
    ("[n, n] = []", 60, None),
];

#[test]
fn what_conditions_cost() {
    let (id, fields) = (id("\"seven\""), fields(DOCUMENT));
    let mut differ = Vec::new();
    for (condition, steps, most) in COSTS {
        let filter = filter(condition);
        let mut budget = Budget::of_a_document();
        filter.matches(&id, &fields, &mut budget).expect("it costs little");
        if (budget.spent(), filter.steps_max()) != (*steps, *most) {
            differ.push(format!("(r#\"{condition}\"#, {}, {:?}),", budget.spent(), filter.steps_max()));
        }
    }
    assert!(differ.is_empty(), "{}", differ.join("\n"));
}
