//! What somebody typed into a form and did not carry out yet: a preview, a mistake, or a form that
//! came after the session had ended. The page of the form shows it again, whatever way one comes
//! back to it.
//!
//! Invariants: a draft belongs to one session and one form; they are bounded in number and bytes, and
//! the oldest leaves first; they are in memory alone, since what is typed may be somebody's document.

use std::collections::VecDeque;

use crate::{
    form::Form,
    limits::{DRAFTS_BYTES_MAX, DRAFTS_MAX},
};

/// What was typed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Draft {
    pub(crate) form: Form,
    /// What is wrong with it, where the server knew when it was sent.
    pub(crate) error: Option<String>,
    /// The field that it is about; `None`: the form.
    pub(crate) wrong_field: Option<&'static str>,
}

impl Draft {
    /// What is wrong, apart from this field, and with it.
    pub(crate) fn errors_beside(self, field: &str) -> [Option<String>; 2] {
        match self.wrong_field == Some(field) {
            true => [None, self.error],
            false => [self.error, None],
        }
    }
}

/// The drafts of a session.
#[derive(Debug, Default)]
pub(crate) struct Drafts {
    kept: VecDeque<Kept>,
    count: u64,
}

#[derive(Debug)]
struct Kept {
    number: u64,
    of: String,
    draft: Draft,
}

impl Drafts {
    /// Keeps what was typed into the form `of`; gives its number.
    pub(crate) fn keep(&mut self, of: &str, draft: Draft) -> u64 {
        self.count += 1;
        self.kept.push_back(Kept { number: self.count, of: of.to_owned(), draft });
        while self.kept.len() > DRAFTS_MAX || (self.kept.len() > 1 && self.bytes() > DRAFTS_BYTES_MAX) {
            self.kept.pop_front();
        }
        self.count
    }

    /// The one of that number, if it is of this form.
    pub(crate) fn numbered(&self, of: &str, number: u64) -> Option<&Draft> {
        self.kept.iter().find(|kept| kept.number == number && kept.of == of).map(|kept| &kept.draft)
    }

    /// What was typed into this form last.
    pub(crate) fn latest(&self, of: &str) -> Option<&Draft> {
        self.kept.iter().rev().find(|kept| kept.of == of).map(|kept| &kept.draft)
    }

    /// It was carried out, or is not wanted any more.
    pub(crate) fn forget(&mut self, of: &str) {
        self.kept.retain(|kept| kept.of != of);
    }

    fn bytes(&self) -> usize {
        self.kept.iter().map(|kept| kept.draft.form.bytes()).sum()
    }
}

/// What a form is called by: where it goes, and which field of a document it is for.
pub(crate) fn name_of(action: &str, form: &Form) -> String {
    match form.filled("path") {
        Some(field) => format!("{action}#{field}"),
        None => action.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn draft(text: &str) -> Draft {
        Draft { form: Form::parse(format!("text={text}").as_bytes()).unwrap(), ..Draft::default() }
    }

    #[test]
    fn a_draft_is_found_by_its_number_and_the_latest_without() {
        let mut drafts = Drafts::default();
        let [first, second, other] =
            [("/a", "1"), ("/a", "2"), ("/b", "3")].map(|(of, text)| drafts.keep(of, draft(text)));
        assert_eq!(drafts.numbered("/a", first), Some(&draft("1")));
        assert_eq!(drafts.latest("/a"), drafts.numbered("/a", second));
        assert_eq!((drafts.numbered("/a", other), drafts.latest("/c")), (None, None), "not another form's");
        drafts.forget("/a");
        assert_eq!((drafts.latest("/a"), drafts.latest("/b")), (None, Some(&draft("3"))));
    }

    #[test]
    fn drafts_are_bounded_in_number_and_in_bytes() {
        let mut drafts = Drafts::default();
        for n in 0..DRAFTS_MAX + 3 {
            drafts.keep("/a", draft(&n.to_string()));
        }
        assert_eq!((drafts.kept.len(), drafts.kept[0].draft.clone()), (DRAFTS_MAX, draft("3")));
        drafts.keep("/a", draft(&"x".repeat(DRAFTS_BYTES_MAX)));
        assert_eq!(drafts.kept.len(), 1, "the newest stays");
    }

    #[test]
    fn the_fields_of_a_document_have_drafts_of_their_own() {
        let form = |text: &[u8]| Form::parse(text).unwrap();
        assert_eq!(name_of("/edit", &form(b"text=1")), "/edit");
        assert_eq!(name_of("/edit", &form(b"text=1&path=a.b")), "/edit#a.b");
    }
}
