//! Texts for people, which may be cut.

/// At most `bytes_max` bytes of the text, whole characters.
pub(crate) fn shortened(mut text: String, bytes_max: usize) -> String {
    text.truncate(text.floor_char_boundary(bytes_max));
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whole_characters_stay() {
        assert_eq!(shortened("aüb".to_owned(), 2), "a");
        assert_eq!(shortened("aüb".to_owned(), 3), "aü");
        assert_eq!(shortened("aüb".to_owned(), 9), "aüb");
    }
}
