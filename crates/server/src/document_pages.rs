//! Every document that a query matches, page by page.
//!
//! A server that says where to go on (`next`) is asked to go on there (`after`), and then nothing
//! is missed or comes twice but what is written meanwhile. One that does not say it is asked by
//! `offset`, which costs more with every page, and which a removal before it moves.

use std::time::Duration;

use serde::Serialize;

use crate::{
    arguments::QueryArguments,
    command::read_reply,
    found_documents::{FindReply, FoundDocument},
    store_client::{CallError, Patience, StoreClient, json_bytes},
};

/// Documents in one page, at most; fewer where they are large.
const PAGE_DOCUMENTS_MAX: u64 = 5_000;
/// For how long a page is asked for again while the server cannot answer.
const PATIENCE: Duration = Duration::from_secs(60);

/// Every document that a query matches, in pages in the order of ids.
pub(crate) struct Pages<'a> {
    client: &'a StoreClient,
    collection: &'a str,
    query: &'a QueryArguments,
    limit: u64,
    place: Place,
    /// Whether whoever reads removes what it was given, so that there is nothing to pass over.
    removes: bool,
}

/// Where the next page begins.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Place {
    /// With the first document.
    First,
    /// Where the last reply said.
    After(String),
    /// After so many documents: of a server that does not say where to go on.
    Offset(u64),
    /// There is none.
    End,
}

#[derive(Serialize)]
struct PageRequest<'a> {
    collection: &'a str,
    #[serde(flatten)]
    query: &'a QueryArguments,
    limit: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    after: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    offset: Option<u64>,
}

impl<'a> Pages<'a> {
    pub(crate) fn new(client: &'a StoreClient, collection: &'a str, query: &'a QueryArguments) -> Self {
        Self { client, collection, query, limit: PAGE_DOCUMENTS_MAX, place: Place::First, removes: false }
    }

    /// For whoever removes every document of a page before it asks for the next one.
    pub(crate) fn removing(self, limit: u64) -> Self {
        Self { limit, removes: true, ..self }
    }

    /// Hands the next page over; `false` where there is none.
    pub(crate) fn take_next(
        &mut self,
        mut take: impl FnMut(&[FoundDocument<'_>]) -> anyhow::Result<()>,
    ) -> anyhow::Result<bool> {
        if self.place == Place::End {
            return Ok(false);
        }
        let text = self.ask()?;
        let reply: FindReply<'_> = read_reply(&text)?;
        let found = reply.documents.len() as u64;
        self.place = place_after(&self.place, found, self.limit, reply.next, self.removes);
        if found > 0 {
            take(&reply.documents)?;
        }
        Ok(true)
    }

    fn ask(&mut self) -> Result<String, CallError> {
        loop {
            let (after, offset) = match &self.place {
                Place::First | Place::End => (None, None),
                Place::After(next) => (Some(next.as_str()), None),
                Place::Offset(offset) => (None, Some(*offset)),
            };
            let Self { collection, query, limit, .. } = *self;
            let body = json_bytes(&PageRequest { collection, query, limit, after, offset });
            let patience = Patience { at_most: PATIENCE, note: &|_| true };
            match self.client.send_patiently("find", &body, None, &patience) {
                Err(CallError::Refused { status: 400, message, .. }) if limit > 1 && says_too_long(&message) => {
                    self.limit = limit / 2;
                }
                answered => return answered,
            }
        }
    }
}

/// Where the page after one with so many documents begins.
fn place_after(place: &Place, found: u64, limit: u64, next: Option<String>, removes: bool) -> Place {
    match (next, place) {
        (Some(next), _) => Place::After(next),
        // It says where to go on where there is more.
        (None, Place::After(_) | Place::End) => Place::End,
        (None, _) if found < limit => Place::End,
        (None, _) if removes => Place::First,
        (None, Place::First) => Place::Offset(found),
        (None, Place::Offset(offset)) => Place::Offset(offset + found),
    }
}

/// Whether a find was refused because so many documents make too long a reply.
fn says_too_long(message: &str) -> bool {
    message.starts_with("the reply would be longer than")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_follows_the_other() {
        let after = |place: &Place, found, next: Option<&str>, removes| {
            place_after(place, found, 10, next.map(str::to_owned), removes)
        };
        let next = Place::After("n".into());
        assert_eq!(after(&Place::First, 10, Some("n"), false), next);
        assert_eq!(after(&Place::First, 3, Some("n"), false), next, "also where the page was cut short");
        assert_eq!(after(&next, 10, None, false), Place::End, "it would have said where to go on");
        assert_eq!(after(&Place::First, 10, None, false), Place::Offset(10));
        assert_eq!(after(&Place::Offset(10), 10, None, false), Place::Offset(20));
        assert_eq!(after(&Place::Offset(10), 9, None, false), Place::End);
        assert_eq!(after(&Place::First, 10, None, true), Place::First, "what was found is gone by now");
    }
}
