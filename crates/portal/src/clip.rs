//! Texts cut so that a page stays small, whatever is stored.
//!
//! Invariant: what one clipper gives out takes, escaped, no more than it was made for, but for the marks that say
//! where it cut.

/// What the templates make of a character at most: `&#34;`.
const ESCAPED_BYTES: usize = 5;

/// Hands out room for texts on one page.
#[derive(Debug)]
pub(crate) struct Clipper {
    left: usize,
}

impl Clipper {
    /// Room for this many bytes of HTML.
    pub(crate) fn new(bytes: usize) -> Self {
        Self { left: bytes }
    }

    /// As much of `text` as `bytes_max` of HTML and the room that is left hold; a `…` where it was cut.
    pub(crate) fn clip(&mut self, text: &str, bytes_max: usize) -> String {
        let room = bytes_max.min(self.left);
        let mut used = 0;
        for (at, character) in text.char_indices() {
            let cost =
                if matches!(character, '<' | '>' | '&' | '"' | '\'') { ESCAPED_BYTES } else { character.len_utf8() };
            if used + cost > room {
                self.left -= used;
                return format!("{}…", &text[..at]);
            }
            used += cost;
        }
        self.left -= used;
        text.to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_cut_at_characters_and_quotes_count_as_what_they_become() {
        let mut clipper = Clipper::new(100);
        assert_eq!(clipper.clip("ääää", 5), "ää…");
        assert_eq!(clipper.clip("\"\"\"", 10), "\"\"…");
        assert_eq!(clipper.clip("short", 10), "short");
        assert_eq!(clipper.clip(&"x".repeat(200), 200).len(), 100 - 4 - 10 - 5 + '…'.len_utf8());
        assert_eq!(clipper.clip("more", 10), "…");
    }
}
