//! How documents are found for who may not see all: plans by the query and the rules, and answers that do not tell of
//! the rest.

use std::sync::Arc;

use document::{DocumentId, Value};
use find::{Found, Query, plan, plan_documents_ids};
use query::{Budget, IdRules};

use crate::support::{Counting, World, filter, map, name, read, sort};

fn id(text: &str) -> DocumentId {
    DocumentId::from_value(&Value::String(text.to_owned())).unwrap()
}

/// Orders of two shops, `n…` and `s…`.
fn orders(of_each: usize) -> World {
    let world = World::new();
    let order = |n: usize, shop: &str| {
        let fields = format!(r#"{{"total":{},"state":"{}"}}"#, n * 7919 % 1000, ["new", "sent"][n % 2]);
        (id(&format!("{shop}{n:04}")), Some(map(&fields)))
    };
    world.write("orders", (0..of_each).flat_map(|n| [order(n, "n"), order(n, "s")]));
    world.index("orders", "by-total", &["total"]);
    world
}

fn query(text: &str, rules: &[String], sorted: &[&str], limit: Option<usize>) -> Query {
    let rules = IdRules::compile(false, &[("orders".to_owned(), rules.to_vec())].into()).unwrap();
    let query = Query { sort: sort(sorted), limit, ..Query::of(name("orders"), filter(text)) };
    query.granted_to(Some(Arc::new(rules)))
}

fn rules(texts: &[&str]) -> Vec<String> {
    texts.iter().map(|&text| text.to_owned()).collect()
}

#[test]
fn only_ids_that_rules_can_grant_are_looked_at() {
    let world = orders(300);
    let snapshot = world.snapshot();
    let check = |rules: &[String], text: &str, sorted: &[&str], limit: Option<usize>, expected: &str| {
        let query = query(text, rules, sorted, limit);
        assert_eq!(plan(&snapshot, &query).unwrap().to_string(), expected, "{text} by {sorted:?} of {rules:?}");
    };
    let north = rules(&["starts_with(_id, 'n')"]);
    check(&north, "true", &[], None, "id ranges 1");
    check(&north, "state == 'new'", &[], None, "id ranges 1");
    check(&north, "_id > 'n02'", &[], None, "id ranges 1");
    check(&north, "_id > 'o'", &[], None, "nothing");
    check(&rules(&["starts_with(_id, 'n')", "_id == 's0007'"]), "true", &[], None, "id ranges 2");
    check(&rules(&["starts_with(_id, 'n')", "_id.shop == 's'"]), "true", &[], None, "scan");
    let many: Vec<_> = (0..65).map(|n| format!("starts_with(_id, 'n{n:02}-')")).collect();
    check(&many, "true", &[], None, "scan");
    check(&north, "total == 3", &[], None, "index by-total 3, by id, exact");

    check(&north, "true", &["total"], Some(5), "index by-total all, sorted, exact");
    check(&north, "state == 'new'", &["-total"], Some(5), "index by-total all, sorted backwards");
    check(&north, "state == 'new'", &["total"], None, "id ranges 1, then sort");
    check(&north, "state == 'new'", &["total"], Some(1_001), "id ranges 1, then sort");
    check(&north, "regex(state, 'n')", &["total"], Some(5), "id ranges 1, then sort");
    let few = rules(&["starts_with(_id, 'n00')"]);
    check(&few, "state == 'new'", &["total"], Some(5), "id ranges 1, then sort");
}

/// Two stores that differ in one document that the caller may not see: in one of them no index gives an order, since of
/// what stands there nobody knows where it would lie.
#[test]
fn a_page_in_the_order_of_an_index_is_one_that_was_sorted() {
    let [world, spoilt] = [orders(300), orders(300)];
    spoilt.write("orders", [(id("s-odd"), Some(map(r#"{"total":[1],"state":"new"}"#)))]);
    let north = rules(&["starts_with(_id, 'n')"]);
    for (text, sorted, page) in [
        ("true", "total", 7),
        ("state == 'new'", "-total", 7),
        ("total > 900 && state != 'x' || ends_with(state, 't')", "total", 100),
    ] {
        let query = query(text, &north, &[sorted], Some(page));
        let answer = |world: &World| {
            let snapshot = world.snapshot();
            let planned = plan(&snapshot, &query).unwrap();
            let ids = plan_documents_ids(&snapshot, &query).unwrap();
            // A budget that a look at all of them would use up, and a look at some would not.
            let mut work = Counting { budget: Budget::new(1), ..Counting::new(usize::MAX) };
            let mut found = Vec::new();
            let take = |one: Found, _: &mut Counting| {
                found.push(one.id);
                Ok(true)
            };
            find::documents(&snapshot, &planned, &query, &mut work, take).unwrap();
            assert_eq!(read(&snapshot, &planned, &query).0, found, "{planned}");
            (found, planned.operators(&query), ids.operators(&query), work.budget.spent(), planned.to_string())
        };
        let (
            (found, shown, ids, spent, by_index),
            (found_in_other, shown_in_other, ids_in_other, spent_in_other, by_sort),
        ) = (answer(&world), answer(&spoilt));
        assert_eq!((found.len(), &found, spent), (page, &found_in_other, spent_in_other), "{text}");
        assert_eq!((shown, ids), (shown_in_other, ids_in_other), "{text}");
        assert!(by_index.starts_with("index by-total") && by_sort == "id ranges 1, then sort", "{by_index}, {by_sort}");
        assert!(found.iter().all(|id| id.as_json().starts_with("\"n")), "{text}");
    }
}
