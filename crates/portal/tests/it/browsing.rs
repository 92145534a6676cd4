//! Searches that are longer than a page looks: where they stop, and that they go on there. The bound
//! is that of the test's portal, in documents and events.

use axum::http::StatusCode;
use document::{Action, Changeset, CollectionName, Condition, DocumentId, Map, Operation, Origin, Value};

use crate::browser::{Answer, Site};

const APP: &str = "/portal/apps/default";
const MANY: usize = 25_000;

/// Writes documents whose `n` counts from 0.
fn write_many(site: &Site, count: usize) {
    let numbers: Vec<usize> = (0..count).collect();
    for some in numbers.chunks(5000) {
        let operation = |n: &usize| Operation {
            collection: CollectionName::new("things").unwrap(),
            id: DocumentId::from_value(&Value::String(format!("d-{n:06}"))).unwrap(),
            condition: Condition::Always,
            action: Action::upsert(Map::from_fields(vec![("n".to_owned(), Value::Int(*n as i64))])),
        };
        let operations = some.iter().map(operation).collect();
        let changeset = Changeset { operations, queries: Vec::new(), origin: Origin::default() };
        site.runtime.block_on(site.app().commit(changeset)).unwrap();
    }
}

/// Where a link of the page leads that ends so.
#[track_caller]
fn link(answer: &Answer, end: &str) -> String {
    let before = answer.text().split(end).next().filter(|before| before.len() < answer.text().len());
    let before = before.unwrap_or_else(|| panic!("{end:?} is not in: {}", answer.text()));
    let (_, address) = before.rsplit_once("href=\"").unwrap();
    address.split('"').next().unwrap().replace("&#38;", "&")
}

#[test]
fn a_search_for_documents_goes_on_where_it_stopped() {
    let site = Site::new();
    write_many(&site, MANY);
    let mut admin = site.admin();
    admin.get(&format!("{APP}/documents?collection=things")).says("1–25 of 25\u{202f}000");
    let mut page = admin.get(&format!("{APP}/documents?collection=things&query=n+%3D%3D+24000"));
    page.says("Searched 10\u{202f}000 of 25\u{202f}000 documents; none of these matches");
    page.says("make an index on <code>n</code>?").says("indexes?collection=things&#38;keys=n#create");
    page = admin.get(&link(&page, ">Search further</a>"));
    page.says("Searched 20\u{202f}000 of 25\u{202f}000");
    page = admin.get(&link(&page, ">Search further</a>"));
    page.says("1 of 1<").says("d-024000");
    assert!(!page.text().contains("Search further"));
}

#[test]
fn a_sort_that_cannot_be_finished_offers_an_index_and_with_it_is_answered() {
    let site = Site::new();
    write_many(&site, MANY);
    let mut admin = site.admin();
    let sorted = format!("{APP}/documents?collection=things&sort=n&desc=yes");
    let page = admin.get(&sorted);
    page.says("too few to sort by <code>n</code>").says("keys=n%20desc#create");
    assert!(!page.text().contains("<table"));
    admin.get(&format!("{APP}/documents?collection=things&sort=%5B")).says("Sort:");
    let new = [("name", "by-n"), ("collection", "things"), ("keys", "n")];
    assert_eq!(admin.post(&format!("{APP}/indexes"), &new).status, StatusCode::SEE_OTHER);
    while !site.app().indexes().iter().all(|index| index.is_ready) {
        std::thread::yield_now();
    }
    let first = admin.get(&sorted);
    first.says("1–25 of 25\u{202f}000").says("d-024999");
    let second = admin.get(&link(&first, ">Next</a>"));
    second.says("26–50 of 25\u{202f}000").says("d-024974");
    let back = admin.get(&link(&second, ">Previous</a>"));
    back.says("1–25 of 25\u{202f}000").says("d-024999");
    // A place belongs to its order.
    let other = link(&first, ">Next</a>").replace("&desc=yes", "");
    assert_eq!(admin.get(&other).status, StatusCode::BAD_REQUEST);
}

#[test]
fn a_filter_of_events_goes_on_where_it_stopped_back_and_forth() {
    let site = Site::new();
    write_many(&site, MANY);
    let mut admin = site.admin();
    let mut page = admin.get(&format!("{APP}/events?query=n+%3D%3D+10"));
    let mut pages = 1;
    while !page.text().contains("d-000010") {
        page.says("The search stopped at").says("older ones are left");
        page = admin.get(&link(&page, ">Search further</a>"));
        pages += 1;
    }
    assert!(pages > 1, "{pages} pages");
    let mut page = admin.get(&format!("{APP}/events?query=n+%3D%3D+24990&offset=0"));
    let mut pages = 1;
    while !page.text().contains("d-024990") {
        page.says("newer ones are left");
        page = admin.get(&link(&page, ">Search further</a>"));
        pages += 1;
    }
    assert!(pages > 1, "{pages} pages");
    assert!(!page.text().contains("Search further"));
    // Without a filter nothing is searched: each page has its fifty, and none twice.
    let mut page = admin.get(&format!("{APP}/events?offset=24900"));
    page.says("d-024900").says("d-024949");
    page = admin.get(&link(&page, ">Newer</a>"));
    page.says("d-024950").says("d-024999");
    assert!(!page.text().contains("d-024949"));
    page = admin.get(&link(&page, ">Older</a>"));
    page.says("d-024949").says("d-024900");
    assert!(!page.text().contains("d-024950") && !page.text().contains("d-024899"));
}
