//! Documents, events and consumers: what they show, write and refuse.

use axum::http::StatusCode;
use operations::{ConsumerGroup, GroupMember};
use store::CommittedOffset;

use crate::browser::{Answer, Browser, Site, segment};

const PEOPLE: &str = "/portal/apps/default/documents/people/%22a%22";

/// What a form of the page carries on.
fn hidden(answer: &Answer, name: &str) -> String {
    let mark = format!("name=\"{name}\" value=\"");
    let (_, rest) = answer.text().split_once(&mark).unwrap_or_else(|| panic!("{name} is not in: {}", answer.text()));
    rest.split('"').next().unwrap().to_owned()
}

fn edit(admin: &mut Browser<'_>, text: &str) -> Answer {
    admin.post(&format!("{PEOPLE}/edit"), &[("text", text)])
}

#[test]
fn what_is_shown_is_what_is_written_and_nothing_else() {
    let site = Site::new();
    site.write("people", "a", r#"{"age":31,"name":"Susan"}"#);
    let mut admin = site.admin();
    let preview = edit(&mut admin, r#"{"age":32}"#);
    preview.says("<del>31</del>").says("<ins>32</ins>").says("<code>name</code>");
    assert_eq!(site.app().events().high_watermark(), 1, "a preview writes nothing");
    let since = hidden(&preview, "since");
    let fields = [("text", r#"{"age":32}"#), ("since", since.as_str()), ("step", "save")];
    let saved = admin.post(&format!("{PEOPLE}/edit"), &fields);
    assert_eq!((saved.status, saved.location()), (StatusCode::SEE_OTHER, PEOPLE));
    admin.get(PEOPLE).says("Saved as transaction 2.").says("<span class=\"cut\">portal</span>");

    // The same form once more: the document is not what it was seen as.
    let outdated =
        admin.post(&format!("{PEOPLE}/edit"), &[("text", r#"{"age":40}"#), ("since", &since), ("step", "save")]);
    outdated.says("Nothing was done").says("<del>32</del>").says("<ins>40</ins>");
    assert_eq!(site.app().events().high_watermark(), 2);

    let removal = admin.get(&format!("{PEOPLE}/remove"));
    let since = hidden(&removal, "since");
    assert_eq!(admin.post(&format!("{PEOPLE}/remove"), &[("since", "1.1")]).location(), format!("{PEOPLE}/remove"));
    admin.get(&format!("{PEOPLE}/remove")).says("Nothing was done");
    let removed = admin.post(&format!("{PEOPLE}/remove"), &[("since", &since)]);
    assert_eq!(removed.status, StatusCode::SEE_OTHER);
    admin.get(PEOPLE).says("It was removed by transaction 3");
}

#[test]
fn what_cannot_be_written_is_said_and_not_written() {
    let site = Site::new();
    site.write("people", "a", r#"{"age":31}"#);
    let mut admin = site.admin();
    let new = "/portal/apps/default/documents/new";
    let refusals = [
        ("__system", "b", "{}", "the system&#39;s"),
        ("people", "a", "{}", "already"),
        ("people", "b", "{", "is not JSON"),
        ("people", "b", "[]", "is a JSON object"),
        ("people", "b", r#"{"_id":"c"}"#, "but &#34;id&#34; is"),
        ("", "b", "{}", "must not be empty"),
    ];
    for (collection, id, text, says) in refusals {
        let fields = [("collection", collection), ("id", id), ("text", text), ("step", "save"), ("since", "0.0")];
        let answer = admin.post(new, &fields);
        answer.says(says);
    }
    edit(&mut admin, r#"{"_id":"b"}"#).says("never changes");
    edit(&mut admin, r#"{"age":31}"#).says("says already");
    edit(&mut admin, "{}").says("fields that are left out stay");
    assert_eq!(site.app().events().high_watermark(), 1);
}

#[test]
fn a_search_says_where_a_query_is_wrong_and_pages_lead_on() {
    let site = Site::new();
    for n in 0..60 {
        site.write("people", &format!("p-{n:02}"), &format!("{{\"n\":{n}}}"));
    }
    let mut admin = site.admin();
    let base = "/portal/apps/default/documents?collection=people&query=";
    let wrong = admin.get(&format!("{base}n+%3E+(1"));
    assert_eq!(wrong.status, StatusCode::BAD_REQUEST);
    wrong.says("at column 5");
    let first = admin.get(&format!("{base}n+%3E%3D+10"));
    first.says("1–25 of 50").says("p-10").says("p-34").says("after=%22p-34%22");
    assert!(!first.text().contains("p-35") && !first.text().contains("p-09"));
    let next = admin.get(&format!("{base}n+%3E%3D+10&after=%22p-34%22"));
    next.says("p-35").says("p-59").says(">First</a>").says("25 documents");
    assert!(!next.text().contains("p-34") && !next.text().contains(">Next</a>"));
}

fn commit(site: &Site, group: &str, offset: i64) {
    let offset = CommittedOffset { offset, leader_epoch: -1, metadata: String::new() };
    let offsets = vec![("user-consumable-default".to_owned(), 0, offset)];
    site.runtime.block_on(site.app().commit_offsets(group, offsets)).unwrap();
}

#[test]
fn offsets_are_reset_as_shown_and_never_under_members() {
    let site = Site::new();
    for n in 0..5 {
        site.write("people", "a", &format!("{{\"n\":{n}}}"));
    }
    commit(&site, "readers", 4);
    let mut admin = site.admin();
    admin.get("/portal/apps/default/consumers").says("readers");
    let reset = "/portal/apps/default/consumers/readers/reset";
    let fields = |to: &'static str| [("topic", "user-consumable-default"), ("to", to), ("offset", "2")];
    let offset = || site.app().committed_offsets("readers").first().map(|(.., offset)| offset.offset);
    admin.post(reset, &fields("earliest")).says("4 events again");
    admin.post(reset, &fields("latest")).says("1 event skipped");
    assert_eq!(offset(), Some(4), "a preview changes nothing");
    let member = GroupMember {
        id: "m".to_owned(),
        client_id: "c".to_owned(),
        host: "h".to_owned(),
        instance_id: None,
        assigned: Vec::new(),
    };
    let busy = ConsumerGroup {
        name: "readers".to_owned(),
        state: "Stable".to_owned(),
        protocol: "range".to_owned(),
        members: vec![member],
    };
    site.groups.0.lock().unwrap().push(busy);
    let save = |to| [&fields(to)[..], &[("step", "save")]].concat();
    assert_eq!(admin.post(reset, &save("offset")).status, StatusCode::CONFLICT);
    assert_eq!(offset(), Some(4));
    site.groups.0.lock().unwrap().clear();
    assert_eq!(admin.post(reset, &save("offset")).status, StatusCode::SEE_OTHER);
    assert_eq!(offset(), Some(2));
    assert_eq!(admin.post(reset, &save("delete")).location(), "/portal/apps/default/consumers");
    assert_eq!(offset(), None);
}

#[test]
fn hostile_names_have_their_pages_and_come_out_escaped() {
    let site = Site::new();
    for text in crate::hostile_texts::HOSTILE {
        let json = serde_json::json!({ "text": text, text: text }).to_string();
        site.write(text, text, &json);
        commit(&site, text, 0);
    }
    let mut admin = site.admin();
    for (offset, text) in crate::hostile_texts::HOSTILE.iter().enumerate() {
        let (name, id) = (segment(text), segment(&serde_json::json!(text).to_string()));
        let paths = [
            format!("documents?collection={name}"),
            format!("documents?collection={name}&view=json&query=text+%3D%3D+{id}"),
            format!("documents?collection={name}&query={name}"),
            format!("documents/new?collection={name}"),
            format!("documents/{name}/{id}"),
            format!("documents/{name}/{id}/edit"),
            format!("documents/{name}/{id}/edit?path=text"),
            format!("documents/{name}/{id}/remove"),
            format!("events?collection={name}&query={name}"),
            format!("events?collection={name}"),
            format!("events/user-consumable-default/0/{offset}"),
            format!("events/{name}/0/0"),
            format!("consumers/{name}"),
            format!("consumers/{name}-unknown"),
        ];
        for path in paths {
            let answer = admin.get(&format!("/portal/apps/default/{path}"));
            crate::hostile_texts::is_escaped(&answer, &path);
            let may_be_absent = path.contains("query=") || path.contains("unknown") || path.starts_with("events/%");
            assert!(answer.status == StatusCode::OK || may_be_absent, "{path}: {}", answer.status);
        }
        let document = format!("/portal/apps/default/documents/{name}/{id}/edit");
        let typed = serde_json::json!({ *text: text, "text": 1 }).to_string();
        for fields in [vec![("text", typed.as_str())], vec![("text", *text)], vec![("text", "1"), ("path", *text)]] {
            crate::hostile_texts::is_escaped(&admin.post(&document, &fields), &document);
        }
        let new = [("collection", *text), ("id", *text), ("text", *text), ("counters", *text)];
        crate::hostile_texts::is_escaped(&admin.post("/portal/apps/default/documents/new", &new), "new");
        let reset = format!("/portal/apps/default/consumers/{name}/reset");
        for to in ["earliest", "time", text] {
            let fields = [("topic", "user-consumable-default"), ("to", to), ("time", text), ("offset", text)];
            crate::hostile_texts::is_escaped(&admin.post(&reset, &fields), &reset);
        }
    }
    let raw = admin.get("/portal/apps/default/events/user-consumable-default/0/0?raw=value");
    assert_eq!(raw.header(axum::http::header::CONTENT_TYPE), "application/octet-stream");
    let live = admin.get("/portal/apps/default/events/stream?from=0");
    crate::hostile_texts::is_escaped(&live, "the stream");
}
