//! Attachments on a document's page, and their files.

use axum::http::{StatusCode, header};
use document::{Action, Changeset, CollectionName, Condition, DocumentId, FieldType, Operation, Origin, Path, Value};
use portal::limits::{ATTACHMENT_SHOWN_BYTES_MAX, DOWNLOADS_MAX};

use crate::browser::{NOW_MS, Site};

const PNG: &[u8] = b"\x89PNG\r\n\x1a\n";
const PAGE: &str = "/portal/apps/default/documents/people/%22a%22";

impl Site {
    /// Keeps a file, and gives its token.
    fn upload(&self, content: &[u8], name: &str) -> serde_json::Value {
        let mut incoming = self.app().blobs().begin().unwrap();
        incoming.write(content).unwrap();
        let stored = incoming.finish("somebody", NOW_MS).unwrap();
        serde_json::json!({ "id": stored.id.to_string(), "len": stored.len, "metadata": { "name": name } })
    }

    /// Writes a document whose fields are tokens.
    fn write_tokens(&self, tokens: &serde_json::Value) {
        let Value::Map(value) = Value::from_json(tokens.to_string().as_bytes()).unwrap() else { panic!("no object") };
        let types = value.iter().map(|(name, _)| (Path::parse(name).unwrap(), FieldType::Attachment)).collect();
        let operation = Operation {
            collection: CollectionName::new("people").unwrap(),
            id: DocumentId::from_value(&Value::String("a".into())).unwrap(),
            condition: Condition::Always,
            action: Action::Upsert { value, types },
        };
        let changeset = Changeset { operations: vec![operation], queries: Vec::new(), origin: Origin::default() };
        self.runtime.block_on(self.app().commit(changeset)).unwrap();
    }
}

#[test]
fn a_token_is_its_file_and_only_a_small_image_is_shown() {
    let site = Site::new();
    let mut large = PNG.to_vec();
    large.resize(ATTACHMENT_SHOWN_BYTES_MAX as usize + 1, 0);
    let hostile = "<b>\"/../x.png";
    let mut admin = site.admin();
    site.write_tokens(&serde_json::json!({
        "gone": { "id": "47DEQpj8HBSa-_TImW-5JCeuQeRkm5NMpJWZG3hSuFU", "len": 2048, "metadata": { "name": "gone.txt" } },
        "hostile": site.upload(PNG, hostile),
        "large": site.upload(&large, "large.png"),
        "text": site.upload(b"hello", ""),
    }));
    let page = admin.get(PAGE);
    page.says("gone.txt <span class=\"faint\">2.0 KiB; its file is not here</span>");
    page.says("&#60;b&#62;&#34;/../x.png</a> <span class=\"faint\">8 B, PNG image</span> <button");
    page.says("large.png</a> <span class=\"faint\">10 MiB, PNG image</span></span>");
    page.says("LPJNul-wow4m6DsqxbninhsWHlwfp0JecwQzYpOLmCQ</a> <span class=\"faint\">5 B</span></span>");
    assert_eq!(page.text().matches("data-show").count(), 1);
    let link = page.text().split('"').find(|text| text.contains("?name=%3Cb%3E")).unwrap().to_owned();
    let file = admin.get(&link);
    assert_eq!((file.status, &file.bytes[..]), (StatusCode::OK, PNG));
    let name = "attachment; filename*=UTF-8''%3Cb%3E%22_.._x.png";
    assert_eq!(file.header(header::CONTENT_DISPOSITION), name);
    assert_eq!(file.header(header::CONTENT_SECURITY_POLICY), "default-src 'none'; sandbox");
    admin.get("/portal/apps/default/documents?collection=people").says("large.png (10 MiB)");
}

#[test]
fn a_file_is_for_whoever_is_signed_in_and_few_go_at_once() {
    let site = Site::new();
    let id = site.upload(b"hello", "a.txt")["id"].as_str().unwrap().to_owned();
    let path = format!("/portal/apps/default/attachments/{id}");
    assert_eq!(site.visitor().get(&path).status, StatusCode::SEE_OTHER);
    let mut admin = site.admin();
    assert_eq!(admin.get(&path).bytes, b"hello");
    assert_eq!(admin.get(&format!("/portal/apps/shop/attachments/{id}")).status, StatusCode::NOT_FOUND);
    for absent in ["47DEQpj8HBSa-_TImW-5JCeuQeRkm5NMpJWZG3hSuFU", "..%2f..%2fapps.json", "x"] {
        let page = admin.get(&format!("/portal/apps/default/attachments/{absent}"));
        assert_eq!(page.status, StatusCode::NOT_FOUND, "{absent}");
    }
    // A body that is not read keeps its place.
    let unread: Vec<_> = (0..DOWNLOADS_MAX).map(|_| admin.unread(&path)).collect();
    assert_eq!(admin.unread(&path).status(), StatusCode::SERVICE_UNAVAILABLE);
    drop(unread);
    assert_eq!(admin.unread(&path).status(), StatusCode::OK);
}
