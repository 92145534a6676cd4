//! `POST store/requery`: the page's own re-query, `{"documentId":"…"}` (docs/reference/http-api.md,
//! "After a gap"). The reply is `find`'s.

use document::{CollectionName, DocumentId};

use crate::{
    RequestError,
    shape::{Fields, Place},
};

const FIELDS: &[&str] = &["documentId", "collection", "collectionName", "appId"];

/// The body of `store/requery`. It takes an entry of a `requeryRequired` event's `documents` as it
/// stands.
#[derive(Debug, Clone, PartialEq)]
pub struct RequeryRequest {
    /// The document's id.
    pub id: DocumentId,
    /// `None`: every collection that has the id answers.
    pub collection: Option<CollectionName>,
    /// As in the event; where it is given it must be the app that is asked.
    pub app: Option<String>,
}

impl RequeryRequest {
    /// Reads a body.
    pub fn parse(body: &[u8]) -> Result<Self, RequestError> {
        let mut fields = Fields::of_body(body)?;
        let id = fields.document_id("documentId")?;
        let collection = fields.optional_collection("collection")?;
        let collection_name = fields.optional_collection("collectionName")?;
        let app = fields.optional_string("appId")?;
        fields.finish(FIELDS)?;
        match (&collection, &collection_name) {
            (Some(one), Some(other)) if one != other => {
                Err(Place::Body.field("collectionName").fault("says another collection than \"collection\""))
            }
            _ => Ok(Self { id, collection: collection.or(collection_name), app }),
        }
    }
}
