//! The documents of one `store/write`, spliced into its body as they stand in the input.

use std::ops::Range;

use xxhash_rust::xxh3::{xxh3_64, xxh3_128_with_seed};

use super::{
    document::{Document, Id, offset_of, place_in},
    reader::{Place, Position},
};

/// The largest body, in bytes; a single document may take more.
const BODY_BYTES_MAX: usize = 1 << 20;
const BEGIN: &[u8] = b"{\"commands\":[";
const END: &[u8] = b"]}";

/// What is written at once.
#[derive(Debug)]
pub(super) struct Batch {
    /// From 0, within the import.
    pub(super) number: u64,
    body: Vec<u8>,
    commands: Vec<Command>,
    /// Where the documents stand that the server did not take.
    left_out: Vec<Place>,
    /// What it ends with.
    pub(super) end: Position,
    /// How many up to there are no documents, in the whole import.
    pub(super) skipped: u64,
}

/// An upsert, and where it comes from.
#[derive(Debug, Clone)]
struct Command {
    /// In the body.
    bytes: Range<usize>,
    /// Of the document, in the body.
    document: usize,
    /// In the input.
    place: Place,
}

/// What upserts of one import have in common.
#[derive(Debug)]
pub(super) struct Upserts {
    /// `{"method":"upsert","collection":"people"`.
    head: Vec<u8>,
    fingerprint: u128,
    documents_max: u64,
}

impl Upserts {
    pub(super) fn new(collection: &str, fingerprint: u128, documents_max: u64) -> Self {
        let collection = serde_json::to_string(collection).expect("a text is always JSON");
        let head = format!(r#"{{"method":"upsert","collection":{collection}"#).into_bytes();
        Self { head, fingerprint, documents_max }
    }

    /// The `_id` of a document that has none: it follows from the input, the line and the document.
    fn made_id(&self, place: Place, text: &str) -> String {
        let seed = self.fingerprint as u64 ^ (self.fingerprint >> 64) as u64;
        let mut place_and_text = Vec::with_capacity(text.len() + 16);
        place_and_text.extend_from_slice(&place.to_bytes());
        place_and_text.extend_from_slice(text.as_bytes());
        // 24 digits, as of the ids that the server makes.
        format!("{:024x}", xxh3_128_with_seed(&place_and_text, seed) >> 32)
    }
}

impl Batch {
    pub(super) fn new(number: u64, start: Position, skipped: u64) -> Self {
        Self { number, body: BEGIN.to_vec(), commands: Vec::new(), left_out: Vec::new(), end: start, skipped }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.commands.is_empty()
    }

    /// How many documents are written.
    pub(super) fn documents(&self) -> u64 {
        self.commands.len() as u64
    }

    /// Whether a text of this length still fits.
    pub(super) fn has_room(&self, upserts: &Upserts, text_bytes: usize) -> bool {
        let bytes = self.body.len() + upserts.head.len() + text_bytes + 64;
        self.is_empty() || (bytes <= BODY_BYTES_MAX && (self.commands.len() as u64) < upserts.documents_max)
    }

    pub(super) fn push(&mut self, upserts: &Upserts, document: &Document<'_>, place: Place) {
        if !self.is_empty() {
            self.body.push(b',');
        }
        let start = self.body.len();
        self.body.extend_from_slice(&upserts.head);
        match document.id {
            Id::Inside => {}
            Id::Field(id) => self.push_id(id.get()),
            Id::Missing => self.push_id(&format!("\"{}\"", upserts.made_id(place, document.text))),
        }
        self.body.extend_from_slice(b",\"value\":");
        let inside = self.body.len();
        self.body.extend_from_slice(document.text.as_bytes());
        self.body.push(b'}');
        let bytes = start..self.body.len();
        self.commands.push(Command { bytes, document: inside, place });
    }

    fn push_id(&mut self, id: &str) {
        self.body.extend_from_slice(b",\"id\":");
        self.body.extend_from_slice(id.as_bytes());
    }

    /// The same, to which nothing more is added.
    pub(super) fn closed(mut self) -> Self {
        self.body.extend_from_slice(END);
        self
    }

    /// The request's body, of a batch that is closed.
    pub(super) fn body(&self) -> &[u8] {
        &self.body
    }

    /// The request's id, in a run of an import. Without some of its documents it is another request.
    pub(super) fn request_id(&self, run: &str) -> String {
        if self.left_out.is_empty() {
            return format!("import-{run}-{}", self.number);
        }
        let places: Vec<u8> = self.left_out.iter().flat_map(|place| place.to_bytes()).collect();
        format!("import-{run}-{}-{:08x}", self.number, xxh3_64(&places) >> 32)
    }

    /// Where the document of a command is in the input or, if the server has named a line and column
    /// of the body, where that is.
    pub(super) fn place_of(&self, command: usize, in_body: Option<(usize, usize)>) -> Option<Place> {
        let Command { bytes, document, place } = self.commands.get(command)?;
        let offset = in_body.and_then(|(line, column)| offset_of(&self.body, line, column).checked_sub(*document));
        let text = &self.body[*document..bytes.end];
        Some(offset.filter(|&offset| offset < text.len()).map_or(*place, |offset| place_in(text, offset, *place)))
    }

    /// Leaves out the document of a command.
    pub(super) fn leave_out(&mut self, command: usize) {
        let left_out = self.commands.remove(command);
        self.left_out.push(left_out.place);
        let whole = std::mem::replace(&mut self.body, BEGIN.to_vec());
        for command in &mut self.commands {
            if self.body.len() > BEGIN.len() {
                self.body.push(b',');
            }
            let start = self.body.len();
            self.body.extend_from_slice(&whole[command.bytes.clone()]);
            command.document = start + (command.document - command.bytes.start);
            command.bytes = start..self.body.len();
        }
        self.body.extend_from_slice(END);
    }

    /// How many documents were left out.
    pub(super) fn left_out(&self) -> u64 {
        self.left_out.len() as u64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn batch(documents: &[&str]) -> Batch {
        let upserts = Upserts::new("c\"", 7, 1000);
        let mut batch = Batch::new(3, Position::default(), 0);
        for (line, text) in (1..).zip(documents) {
            let place = Place { line, column: 1 };
            batch.push(&upserts, &Document::read(text.as_bytes(), place, None).unwrap(), place);
        }
        batch.closed()
    }

    fn body(batch: &Batch) -> String {
        String::from_utf8(batch.body().to_vec()).unwrap()
    }

    #[test]
    fn a_body_has_the_inputs_bytes() {
        let expected = r#"{"commands":[{"method":"upsert","collection":"c\"","value":{"_id":1, "n":1.0}}]}"#;
        assert_eq!(body(&batch(&[r#"{"_id":1, "n":1.0}"#])), expected);
    }

    #[test]
    fn a_made_id_follows_from_the_input() {
        let id = |batch: &Batch| body(batch).split(r#""id":""#).nth(1).unwrap()[..24].to_owned();
        let (one, again, other) = (batch(&["{}"]), batch(&["{}"]), batch(&[r#"{"a":1}"#]));
        assert_eq!(id(&one), id(&again));
        assert_ne!(id(&one), id(&other));
        assert!(id(&one).bytes().all(|digit| digit.is_ascii_hexdigit()), "{}", body(&one));
    }

    #[test]
    fn what_is_left_out_makes_another_request() {
        let documents = [r#"{"_id":1}"#, r#"{"_id":2,"n":1e999}"#, r#"{"_id":3}"#];
        let mut batch = batch(&documents);
        assert_eq!(batch.request_id("r"), "import-r-3");
        let column = body(&batch).find("1e999").unwrap() + 1;
        assert_eq!(batch.place_of(1, Some((1, column))), Some(Place { line: 2, column: 14 }));
        batch.leave_out(1);
        assert_eq!(
            (batch.documents(), batch.left_out(), batch.place_of(1, None)),
            (2, 1, Some(Place { line: 3, column: 1 }))
        );
        assert!(batch.request_id("r").starts_with("import-r-3-"));
        assert!(!body(&batch).contains("1e999") && body(&batch).ends_with(r#""value":{"_id":3}}]}"#));
    }
}
