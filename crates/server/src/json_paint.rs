//! JSON in colours, for a terminal: names, texts, numbers and words each in one.
//!
//! Invariant: without the colours the text is what it was, byte for byte.

use crate::output::{Colour, Marks};

/// The JSON text with colours, where `marks` has any.
pub(crate) fn painted(json: &str, marks: Marks) -> String {
    if !marks.are_shown() {
        return json.to_owned();
    }
    let mut out = String::with_capacity(json.len() * 2);
    let mut rest = json;
    while let Some(first) = rest.chars().next() {
        let (colour, len) = match first {
            '"' => {
                let len = string_len(rest);
                let is_name = rest[len..].trim_start().starts_with(':');
                (Some(if is_name { Colour::Cyan } else { Colour::Green }), len)
            }
            '-' | '0'..='9' => (Some(Colour::Yellow), word_len(rest)),
            'a'..='z' => (Some(Colour::Magenta), word_len(rest)),
            other => (None, other.len_utf8()),
        };
        let (token, after) = rest.split_at(len);
        match colour {
            Some(colour) => out.push_str(&marks.coloured(colour, token)),
            None => out.push_str(token),
        }
        rest = after;
    }
    out
}

/// Bytes of the string that the text begins with, its quotes included.
fn string_len(text: &str) -> usize {
    let mut escaped = false;
    for (at, byte) in text.bytes().enumerate().skip(1) {
        match byte {
            b'"' if !escaped => return at + 1,
            b'\\' => escaped = !escaped,
            _ => escaped = false,
        }
    }
    text.len()
}

/// Bytes of the number or word that the text begins with.
fn word_len(text: &str) -> usize {
    let is_part = |byte: u8| byte.is_ascii_alphanumeric() || b"+-.".contains(&byte);
    text.bytes().take_while(|byte| is_part(*byte)).count()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_kind_has_its_colour_and_the_text_stays() {
        let json = r#"{"a\"b" : "x: \\", "n":-1.5e+3,"t":[true,null,"ä"],"o":{}}"#;
        assert_eq!(painted(json, Marks::none()), json);
        let text = painted(json, Marks::all());
        let (cyan, green, end) = ("\u{1b}[36m", "\u{1b}[32m", "\u{1b}[0m");
        assert!(text.contains(&format!(r#"{cyan}"a\"b"{end} : {green}"x: \\"{end}, {cyan}"n"{end}:"#)), "{text}");
        assert!(text.contains("\u{1b}[33m-1.5e+3\u{1b}[0m,") && text.contains("\u{1b}[35mnull\u{1b}[0m,"), "{text}");
        let bare =
            ["36", "32", "33", "35", "0"].iter().fold(text, |text, code| text.replace(&format!("\u{1b}[{code}m"), ""));
        assert_eq!(bare, json);
    }
}
