//! Sentences of the API's description: what stands between backticks is code.

use askama::{Template, filters::HtmlSafe};

/// A text with code in it.
#[derive(Debug, Clone, Template)]
#[template(
    source = r#"{% for (text, is_code) in parts %}{% if *is_code %}<code>{{ text }}</code>{% else %}{{ text }}{% endif %}{% endfor %}"#,
    ext = "html"
)]
pub(crate) struct Prose<'t> {
    parts: Vec<(&'t str, bool)>,
}

impl HtmlSafe for Prose<'_> {}

/// Every second part is code; a backtick without another is one.
pub(crate) fn prose(text: &str) -> Prose<'_> {
    let are_pairs = text.matches('`').count().is_multiple_of(2);
    let parts = if are_pairs { text.split('`').collect() } else { vec![text] };
    Prose { parts: parts.into_iter().enumerate().map(|(at, part)| (part, at % 2 == 1)).collect() }
}

#[cfg(test)]
mod tests {
    use super::prose;

    #[test]
    fn what_stands_between_backticks_is_code() {
        assert_eq!(prose("a `b<` c").to_string(), "a <code>b&#60;</code> c");
        assert_eq!(prose("a ` b").to_string(), "a ` b");
    }
}
