//! What a browser sends: the fields of a form, or of a query.

use axum::body::Body;
use bytes::{Bytes, BytesMut};
use http_body_util::BodyExt as _;
use tokio::time::timeout;

use crate::{
    failure::Failure,
    limits::{FORM_FIELDS_MAX, FORM_TIMEOUT},
};

/// The field of every form that changes something.
pub(crate) const CSRF: &str = "csrf";

/// The field that tells a form that is to be carried out from one that is to be looked at first.
pub(crate) const STEP: &str = "step";

/// Fields in the order in which they stand; a name may stand more than once.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Form {
    fields: Vec<(String, String)>,
}

impl Form {
    /// Reads `application/x-www-form-urlencoded` text.
    pub(crate) fn parse(encoded: &[u8]) -> Result<Self, Failure> {
        let fields: Vec<_> = form_urlencoded::parse(encoded).into_owned().take(FORM_FIELDS_MAX + 1).collect();
        if fields.len() > FORM_FIELDS_MAX {
            return Err(Failure::FormUnreadable { why: format!("it has more than {FORM_FIELDS_MAX} fields") });
        }
        Ok(Self { fields })
    }

    /// Reads the fields of a request's body.
    pub(crate) async fn read(body: Body, bytes_max: usize) -> Result<Self, Failure> {
        let late = |_| Failure::FormUnreadable { why: "it did not arrive in time".to_owned() };
        Self::parse(&timeout(FORM_TIMEOUT, collect(body, bytes_max)).await.map_err(late)??)
    }

    /// The field's text, without the line ends that browsers add; empty if it is not there.
    pub(crate) fn text(&self, name: &str) -> &str {
        self.fields.iter().find(|(known, _)| known == name).map_or("", |(_, value)| value)
    }

    /// As [`Form::text`], without white space around it; `None` if nothing is left.
    pub(crate) fn filled(&self, name: &str) -> Option<&str> {
        Some(self.text(name).trim()).filter(|text| !text.is_empty())
    }

    /// The form as it was, but for these fields.
    pub(crate) fn without(&self, names: &[&str]) -> Self {
        let kept = self.fields.iter().filter(|(known, _)| !names.contains(&known.as_str()));
        Self { fields: kept.cloned().collect() }
    }

    /// As browsers send it.
    pub(crate) fn encoded(&self) -> String {
        form_urlencoded::Serializer::new(String::new()).extend_pairs(&self.fields).finish()
    }

    /// Of all names and texts.
    pub(crate) fn bytes(&self) -> usize {
        self.fields.iter().map(|(name, value)| name.len() + value.len()).sum()
    }

    /// Whether there is a field of that name, empty or not.
    pub(crate) fn has(&self, name: &str) -> bool {
        self.fields.iter().any(|(known, _)| known == name)
    }

    /// Whether there are no fields at all.
    pub(crate) fn is_empty(&self) -> bool {
        self.fields.is_empty()
    }

    /// Every text of that name.
    pub(crate) fn all<'f>(&'f self, name: &'f str) -> impl Iterator<Item = &'f str> {
        self.fields.iter().filter(move |(known, _)| known == name).map(|(_, value)| value.as_str())
    }
}

async fn collect(mut body: Body, bytes_max: usize) -> Result<Bytes, Failure> {
    let mut bytes = BytesMut::new();
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|error| Failure::FormUnreadable { why: error.to_string() })?;
        let Ok(data) = frame.into_data() else { continue };
        if bytes.len() + data.len() > bytes_max {
            return Err(Failure::FormTooLarge { bytes_max });
        }
        bytes.extend_from_slice(&data);
    }
    Ok(bytes.freeze())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_form_can_be_sent_again_without_its_token() {
        let form = Form::parse(b"csrf=1&a=1+2&b=%C3%A4&csrf=2").unwrap().without(&[CSRF]);
        assert_eq!(form.encoded(), "a=1+2&b=%C3%A4");
        assert_eq!((form.bytes(), Form::parse(form.encoded().as_bytes()).unwrap()), (7, form));
    }

    #[test]
    fn fields_are_found_by_name() {
        let form = Form::parse(b"a=1+2&b=%C3%A4&a=3&c=+").unwrap();
        assert_eq!((form.text("a"), form.text("b"), form.text("x")), ("1 2", "ä", ""));
        assert_eq!(form.all("a").collect::<Vec<_>>(), ["1 2", "3"]);
        assert_eq!((form.filled("c"), form.filled("b")), (None, Some("ä")));
        assert!(Form::parse("a&".repeat(FORM_FIELDS_MAX + 1).as_bytes()).is_err());
    }
}
