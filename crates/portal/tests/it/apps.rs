//! Apps made and deleted, collections dropped: what cannot be undone asks for a name.

use axum::http::StatusCode;

use crate::browser::Site;

#[test]
fn an_app_is_made_and_deleted_once_its_name_is_typed() {
    let site = Site::new();
    let mut admin = site.admin();
    let made = admin.post("/portal/apps", &[("name", "depot")]);
    assert_eq!(made.location(), "/portal/apps/depot/");
    admin.get("/portal/apps/depot/").says("Created the app depot");
    let refused = admin.post("/portal/apps", &[("name", "Depot!")]);
    refused.says("value=\"Depot!\"");
    let again = admin.post("/portal/apps", &[("name", "depot")]);
    again.says("There is an app &#34;depot&#34; already");

    admin.get("/portal/apps").says("/portal/apps/depot/delete");
    admin.get("/portal/apps/depot/delete").says("type <strong>depot</strong>");
    let wrong = admin.post("/portal/apps/depot/delete", &[("name", "depo")]);
    wrong.says("Nothing was deleted");
    assert!(site.data.has_app("depot"));
    let deleted = admin.post("/portal/apps/depot/delete", &[("name", "depot")]);
    assert_eq!(deleted.location(), "/portal/apps");
    admin.get("/portal/apps").says("Deleted the app depot");
    assert!(!site.data.has_app("depot"));
    assert_eq!(admin.get("/portal/apps/depot/delete").status, StatusCode::NOT_FOUND);
}

#[test]
fn the_default_app_stays() {
    let site = Site::new();
    let mut admin = site.admin();
    let page = admin.get("/portal/apps");
    assert!(!page.text().contains("/portal/apps/default/delete"), "nothing offers it");
    let refused = admin.post("/portal/apps/default/delete", &[("name", "default")]);
    refused.says("cannot be deleted");
    assert!(site.data.has_app("default"));
}

#[test]
fn a_collection_is_dropped_once_its_name_is_typed() {
    let site = Site::new();
    let mut admin = site.admin();
    for n in 0..3 {
        site.write("my cars", &n.to_string(), r#"{"wheels":4}"#);
    }
    site.write("people", "abc123", r#"{"name":"Susan"}"#);
    let path = "/portal/apps/default/collections/my%20cars/drop";
    admin.get(path).says("my cars");
    let wrong = admin.post(path, &[("name", "people")]);
    wrong.says("Nothing was removed");
    let dropped = admin.post(path, &[("name", "my cars")]);
    assert_eq!(dropped.location(), "/portal/apps/default/documents");
    admin.get(dropped.location()).says("removed 3 documents");
    let of = |collection: &str| admin_count(&site, collection);
    assert_eq!((of("my cars"), of("people")), (0, 1));
}

fn admin_count(site: &Site, collection: &str) -> usize {
    let snapshot = site.topics().app().snapshot().unwrap();
    let name = document::CollectionName::new(collection).unwrap();
    snapshot.scan(&name).filter(|entry| entry.as_ref().unwrap().1.document.exists()).count()
}
