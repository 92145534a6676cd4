//! The one table of all pages: heads of columns, and cells whose text is cut where it is too long.
//!
//! `templates/table.html` writes the frame and the heads, `assets/table.css` cuts, keeps the first and the
//! action column in sight, and makes cards of rows on a phone. Invariants: a cell never makes its
//! column wider than the style sheet allows; what may be cut is whole in the title.
//! Not here: cutting what is too large for a page (`clip`), times (`moment`).

use askama::{Template, filters::HtmlSafe};

/// Characters that are never cut, however narrow the column is.
const NEVER_CUT: usize = 16;

/// The head of a column.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Head<'t> {
    pub(crate) words: &'t str,
    /// Of the style sheet.
    pub(crate) class: &'static str,
}

impl Head<'_> {
    pub(crate) fn is_time(&self) -> bool {
        self.class == "time"
    }

    /// The words of a column of actions are for those who do not see its buttons.
    pub(crate) fn is_seen(&self) -> bool {
        self.class != "act"
    }
}

/// A column of texts.
pub(crate) fn head(words: &str) -> Head<'_> {
    Head { words, class: "" }
}

/// A column of numbers, aligned to the right.
pub(crate) fn number(words: &str) -> Head<'_> {
    Head { words, class: "number" }
}

/// A column of times, which says whose.
pub(crate) fn time(words: &str) -> Head<'_> {
    Head { words, class: "time" }
}

/// The last column: what can be done with a row.
pub(crate) fn act(words: &str) -> Head<'_> {
    Head { words, class: "act" }
}

/// A text in a cell, on one line.
#[derive(Debug, Clone, Copy, Template)]
#[template(
    source = r#"{% match path %}{% when Some(path) %}<a class="cut" href="{{ path }}"{% when None %}<span class="cut"{% endmatch %}{% if self.may_be_cut() %} title="{{ text }}"{% endif %}>{% if is_code %}<code>{{ text }}</code>{% else %}{{ text }}{% endif %}</{% if path.is_some() %}a{% else %}span{% endif %}>"#,
    ext = "html"
)]
pub(crate) struct Cut<'t> {
    text: &'t str,
    path: Option<&'t str>,
    is_code: bool,
}

impl HtmlSafe for Cut<'_> {}

/// Words or a name.
pub(crate) fn text(text: &str) -> Cut<'_> {
    Cut { text, path: None, is_code: false }
}

/// What is written exactly so elsewhere: an id, a topic, a query.
pub(crate) fn code(text: &str) -> Cut<'_> {
    Cut { is_code: true, ..self::text(text) }
}

/// A name that leads somewhere.
pub(crate) fn link<'t>(path: &'t str, text: &'t str) -> Cut<'t> {
    Cut { path: Some(path), ..self::text(text) }
}

impl Cut<'_> {
    fn may_be_cut(&self) -> bool {
        self.text.chars().nth(NEVER_CUT).is_some()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_text_is_whole_in_its_title_and_escaped() {
        assert_eq!(text("Susan").to_string(), r#"<span class="cut">Susan</span>"#);
        assert_eq!(code("<b>").to_string(), r#"<span class="cut"><code>&#60;b&#62;</code></span>"#);
        let long = "a-name-that-is-long\"";
        assert_eq!(
            text(long).to_string(),
            r#"<span class="cut" title="a-name-that-is-long&#34;">a-name-that-is-long&#34;</span>"#
        );
        assert!(link("/b", "short").to_string().starts_with(r#"<a class="cut" href="/b">short"#));
    }
}
