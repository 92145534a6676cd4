//! What ends a read.

use document::{DocumentId, Value};
use find::{Query, plan, plan_count, plan_ids};

use crate::support::{Counting, Ended, World, filter, map, name, sort};
use query::Budget;

fn numbers(count: i64) -> World {
    let world = World::new();
    let id = |n: i64| DocumentId::from_value(&Value::Int(n)).unwrap();
    world.write("c", (0..count).map(|n| (id(n), Some(map(&format!(r#"{{"k":{n}}}"#))))));
    world.index("c", "by-k", &["k"]);
    world
}

fn query(text: &str) -> Query {
    Query::of(name("c"), filter(text))
}

#[test]
fn whoever_waits_no_longer_ends_it_before_the_next_document() {
    let world = numbers(600);
    let snapshot = world.snapshot();
    for (text, sorted) in [("k != 3", &[][..]), ("k != 3", &["-k"]), ("k >= 3 && k != 7", &["k"]), ("_id >= 0", &[])] {
        let query = Query { sort: sort(sorted), limit: Some(500), ..query(text) };
        let plan = plan(&snapshot, &query).unwrap();
        let (mut work, mut taken) = (Counting::new(20), 0);
        let read = find::documents(&snapshot, &plan, &query, &mut work, |_, _| {
            taken += 1;
            Ok(true)
        });
        assert!(matches!(read, Err(Ended::GivenUp)), "{text} {sorted:?} {plan}");
        assert!(work.looked_at == 21 && taken <= 20, "{plan}");
        let counted = find::count(&snapshot, &plan, &query, &mut Counting::new(1));
        assert!(matches!(counted, Err(Ended::GivenUp)), "{plan}");
        let selected = find::ids(&snapshot, &plan_ids(&snapshot, &query).unwrap(), &query, &mut Counting::new(5), 10);
        assert!(matches!(selected, Err(Ended::GivenUp)), "{plan}");
    }
    let all = query("k >= 0");
    let counted = find::count(&snapshot, &plan_count(&snapshot, &all).unwrap(), &all, &mut Counting::new(1));
    assert!(matches!(counted, Err(Ended::GivenUp)), "an index that counts asks now and then");
}

#[test]
fn a_limit_ends_it_too_and_what_take_says() {
    let world = numbers(600);
    let snapshot = world.snapshot();
    let query = Query { offset: 100, limit: Some(3), ..query("k != 0") };
    let mut work = Counting::new(usize::MAX);
    let plan = plan(&snapshot, &query).unwrap();
    find::documents(&snapshot, &plan, &query, &mut work, |_, _| Ok(true)).unwrap();
    assert_eq!(work.looked_at, 104);
    let ids = find::ids(&snapshot, &plan_ids(&snapshot, &query).unwrap(), &query, &mut work, 7).unwrap();
    assert_eq!(ids.len(), 7);
    let mut taken = 0;
    let place = find::documents(&snapshot, &plan, &query, &mut work, |_, _| {
        taken += 1;
        Ok(taken < 2)
    });
    assert!(place.unwrap().is_none() && taken == 2);
}

#[test]
fn steps_and_memory_are_bounded() {
    let world = numbers(50);
    let snapshot = world.snapshot();
    let scanned = query("k != 3");
    let plan_of = |query: &Query| plan(&snapshot, query).unwrap();
    let mut work = Counting { budget: Budget::new(100), ..Counting::new(usize::MAX) };
    let read = find::documents(&snapshot, &plan_of(&scanned), &scanned, &mut work, |_, _| Ok(true));
    assert!(matches!(read, Err(Ended::TooExpensive)));

    let long = "x".repeat(4 << 20);
    let id = |n: i64| DocumentId::from_value(&Value::Int(n)).unwrap();
    for n in 0..17 {
        world.write("long", [(id(n), Some(map(&format!(r#"{{"k":"{long}"}}"#))))]);
    }
    let snapshot = world.snapshot();
    let sorted = Query { sort: sort(&["k"]), ..Query::of(name("long"), filter("true")) };
    let plan = plan(&snapshot, &sorted).unwrap();
    let read = |query: &Query| {
        find::documents(&snapshot, &plan, query, &mut Counting::new(usize::MAX), |_, _| Ok(true)).map(|_| ())
    };
    assert!(matches!(read(&sorted), Err(Ended::SortTooLarge)));
    assert!(read(&Query { limit: Some(10), ..sorted.clone() }).is_ok(), "only so many are kept");
}
