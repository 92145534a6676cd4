//! Attachments in a backup: each is copied once, comes back with its app, and is proved by verify.

use std::path::Path;

use document::{Action, FieldType, Path as FieldPath, Value};
use store::App;

use crate::support::*;

/// Keeps a file, and has a document hold it; gives its name.
fn attach(app: &App, id: &str, content: &[u8]) -> String {
    let mut incoming = app.blobs().begin().unwrap();
    incoming.write(content).unwrap();
    let stored = incoming.finish("a", START_MS).unwrap();
    let token = format!(r#"{{"f":{{"id":"{}","len":{},"metadata":{{}}}}}}"#, stored.id, stored.len);
    let Ok(Value::Map(value)) = Value::from_json(token.as_bytes()) else { panic!("{token}") };
    let types = vec![(FieldPath::parse("f").unwrap(), FieldType::Attachment)];
    runtime().block_on(app.commit(changeset(id, Action::Upsert { value, types }))).unwrap();
    stored.id.to_string()
}

fn findings(data_dir: &Path) -> Vec<String> {
    let report = store::verify(data_dir, &mut |_| {}).unwrap();
    report.apps.into_iter().flat_map(|app| app.findings).collect()
}

#[test]
fn they_are_copied_once_and_come_back() {
    let dir = tempfile::tempdir().unwrap();
    let [source, target, made] = ["data", "backup", "made"].map(|name| dir.path().join(name));
    let data = open(&source, options());
    let shop = app(&data, "shop");
    let large = vec![7; 3 << 20];
    let first = attach(&shop, "a", &large);
    let taken = take(&target, &data).unwrap();
    assert!(taken.new_bytes > 3 << 20, "{taken:?}");
    let second = attach(&shop, "b", b"second");
    let taken = take(&target, &data).unwrap();
    assert!(taken.new_bytes < 1 << 20, "the large one is not copied again: {taken:?}");
    assert!(verify(&target).is_empty());
    let was = says(&shop);
    drop(shop);
    drop(data);
    extract(&target, &made).unwrap();
    assert_whole(&made);
    let data = open(&made, options());
    let shop = app(&data, "shop");
    assert_same(&was, &says(&shop));
    let folder = made.join("apps/shop/attachments");
    assert_eq!(std::fs::read(folder.join(&first)).unwrap(), large);
    assert_eq!(std::fs::read(folder.join(&second)).unwrap(), b"second");
    assert_eq!(shop.blobs().stats().count, 2);
    drop(shop);
    drop(data);
    // One is damaged, the other is lost.
    std::fs::write(folder.join(&second), b"Second").unwrap();
    std::fs::remove_file(folder.join(&first)).unwrap();
    let found = findings(&made);
    assert_eq!(found.len(), 2, "{found:?}");
    assert!(found[0].contains(&second) && found[0].ends_with("is not what its name says"), "{found:?}");
    assert!(
        found[1].starts_with("the document \"a\" of \"people\" holds an attachment that is not there: "),
        "{found:?}"
    );
}
