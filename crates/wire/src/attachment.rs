//! Which document is named where an attachment is fetched.

use document::{CollectionName, DocumentId};

use crate::{RequestError, shape::Fields};

const FIELDS: &[&str] = &["collection", "documentId"];

/// A document that holds an attachment.
#[derive(Debug, Clone, PartialEq)]
pub struct HolderRequest {
    /// Where it is.
    pub collection: CollectionName,
    /// Its id.
    pub id: DocumentId,
}

impl HolderRequest {
    /// Reads what a query string says ([`crate::query_string::body_of`]).
    ///
    /// # Errors
    /// Something is missing, or not known.
    pub fn parse(body: &[u8]) -> Result<Self, RequestError> {
        let mut fields = Fields::of_body(body)?;
        let collection = fields.collection("collection")?;
        let id = fields.document_id("documentId")?;
        fields.finish(FIELDS)?;
        Ok(Self { collection, id })
    }
}
