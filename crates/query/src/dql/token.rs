//! Text to tokens, each with the place where it begins.
//!
//! Invariants: a token borrows from the text, and copies only where an escape stands in it; the
//! last token is [`Token::End`], there are never more tokens than characters, plus one; where a
//! piece of the text is no token, the tokens before it end there and [`Tokens::wrong`] says why, so
//! that a parser reports what is wrong first.
//! Not here: which words are keywords where (`parse`).

use std::borrow::Cow;
use std::fmt::{self, Display, Formatter};

use super::SyntaxError;
use crate::token::shortened;

/// The smallest piece of a statement that means something.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Token<'t> {
    /// A name without quotes, or a keyword.
    Word(&'t str),
    /// A name in backticks.
    QuotedName(Cow<'t, str>),
    /// `'…'` or `"…"`.
    Text(Cow<'t, str>),
    /// Without a sign.
    Integer(u64),
    /// Without a sign; finite.
    Float(f64),
    /// An operator or a bracket.
    Symbol(&'static str),
    End,
}

/// A token and the byte where it begins.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Placed<'t> {
    pub(super) token: Token<'t>,
    pub(super) offset: usize,
}

/// All tokens of a text, or those before what is none.
#[derive(Debug)]
pub(super) struct Tokens<'t> {
    pub(super) all: Vec<Placed<'t>>,
    /// Why the last token stands where it does, if not for the text's end.
    pub(super) wrong: Option<SyntaxError>,
}

/// What is wrong, and at which byte.
type Wrong = (String, usize);

/// Splits `text`.
pub(super) fn tokenize(text: &str) -> Tokens<'_> {
    let mut reader = Reader { text, at: 0 };
    let mut all = Vec::with_capacity(text.len() / 5 + 2);
    loop {
        let read = reader.skip_spaces_and_comments().and_then(|()| {
            let offset = reader.at;
            Ok(Placed { token: reader.token()?, offset })
        });
        match read {
            Ok(placed) => {
                let is_end = placed.token == Token::End;
                all.push(placed);
                if is_end {
                    return Tokens { all, wrong: None };
                }
            }
            Err((message, offset)) => {
                all.push(Placed { token: Token::End, offset });
                return Tokens { all, wrong: Some(error_at(text, offset, message)) };
            }
        }
    }
}

/// An error with the line and the column of a byte of `text`.
pub(super) fn error_at(text: &str, offset: usize, message: impl Into<String>) -> SyntaxError {
    let before = &text[..offset];
    let line = before.bytes().filter(|byte| *byte == b'\n').count() + 1;
    let line_from = before.rfind('\n').map_or(0, |newline| newline + 1);
    SyntaxError { message: message.into(), line, column: before[line_from..].chars().count() + 1 }
}

impl Display for Token<'_> {
    /// As an error shows it after "found".
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Token::Word(name) => write!(f, "`{}`", shortened(name)),
            Token::QuotedName(name) => write!(f, "`{}`", shortened(name)),
            Token::Text(text) => write!(f, "the string '{}'", shortened(text)),
            Token::Integer(number) => write!(f, "the number {number}"),
            Token::Float(number) => write!(f, "the number {number:?}"),
            Token::Symbol(symbol) => write!(f, "`{symbol}`"),
            Token::End => f.write_str("the end of the text"),
        }
    }
}

struct Reader<'t> {
    text: &'t str,
    /// The next byte.
    at: usize,
}

impl<'t> Reader<'t> {
    fn token(&mut self) -> Result<Token<'t>, Wrong> {
        let Some(first) = self.byte(0) else { return Ok(Token::End) };
        match first {
            b'\'' | b'"' => Ok(Token::Text(self.string(first)?)),
            b'`' => Ok(Token::QuotedName(self.quoted_name()?)),
            b'0'..=b'9' => self.number(),
            _ if is_word_start(first) => Ok(Token::Word(self.word())),
            _ => self.symbol(first),
        }
    }

    fn word(&mut self) -> &'t str {
        let from = self.at;
        self.skip_while(is_word_part);
        &self.text[from..self.at]
    }

    fn symbol(&mut self, first: u8) -> Result<Token<'t>, Wrong> {
        let symbol = match (first, self.byte(1)) {
            (b'=', Some(b'=')) => "==",
            (b'!', Some(b'=')) => "!=",
            (b'<', Some(b'=')) => "<=",
            (b'<', Some(b'>')) => "<>",
            (b'<', Some(b'<')) => "<<",
            (b'>', Some(b'=')) => ">=",
            (b'>', Some(b'>')) => ">>",
            (b'|', Some(b'|')) => "||",
            (b'-', Some(b'>')) => "->",
            (b'=', _) => "=",
            (b'<', _) => "<",
            (b'>', _) => ">",
            (b'+', _) => "+",
            (b'-', _) => "-",
            (b'*', _) => "*",
            (b'/', _) => "/",
            (b'%', _) => "%",
            (b'(', _) => "(",
            (b')', _) => ")",
            (b'[', _) => "[",
            (b']', _) => "]",
            (b'{', _) => "{",
            (b'}', _) => "}",
            (b',', _) => ",",
            (b'.', _) => ".",
            (b':', _) => ":",
            (b';', _) => ";",
            _ => return Err((self.unknown_character(), self.at)),
        };
        self.at += symbol.len();
        Ok(Token::Symbol(symbol))
    }

    fn unknown_character(&self) -> String {
        match self.character() {
            Some('!') => "found `!` (\"not\" is written NOT)".into(),
            Some('&') => "found `&` (\"and\" is written AND)".into(),
            Some('|') => "found `|` (\"or\" is written OR)".into(),
            Some('?' | '$' | '@') => "found a sign that means nothing here (a parameter is written `:name`)".into(),
            Some(c @ ('‘' | '’' | '“' | '”')) => format!("found {c} (a string is quoted with ' or \")"),
            Some(c) if c.is_control() => format!("found the control character U+{:04X}", u32::from(c)),
            Some(c) if c.is_alphabetic() => format!("found `{c}` (a name with `{c}` in it is written in backticks)"),
            Some(c) => format!("found `{}`, which means nothing here", c.escape_debug()),
            None => unreachable!("the caller saw a byte"),
        }
    }

    /// `42`, `2.5`, `1e3`, `0xFF`. With point or exponent it is a float.
    fn number(&mut self) -> Result<Token<'t>, Wrong> {
        let from = self.at;
        if self.byte(0) == Some(b'0') && matches!(self.byte(1), Some(b'x' | b'X')) {
            return self.hexadecimal();
        }
        self.skip_while(|byte| byte.is_ascii_digit());
        if self.at - from > 1 && self.text.as_bytes()[from] == b'0' {
            return Err(("a number must not begin with 0".into(), from));
        }
        let mut is_float = false;
        if self.byte(0) == Some(b'.') {
            is_float = true;
            self.at += 1;
            self.digits("after the point")?;
        }
        if matches!(self.byte(0), Some(b'e' | b'E')) {
            is_float = true;
            self.at += 1;
            if matches!(self.byte(0), Some(b'+' | b'-')) {
                self.at += 1;
            }
            self.digits("in the exponent")?;
        }
        self.check_number_ends(from)?;
        let text = &self.text[from..self.at];
        if !is_float {
            return text.parse().map(Token::Integer).map_err(|_| (too_large(text), from));
        }
        match text.parse::<f64>() {
            Ok(float) if float.is_finite() => Ok(Token::Float(float)),
            _ => Err((format!("the number {} is beyond 1.8e308", shortened(text)), from)),
        }
    }

    fn hexadecimal(&mut self) -> Result<Token<'t>, Wrong> {
        let from = self.at;
        self.at += 2;
        let digits_from = self.at;
        self.skip_while(|byte| byte.is_ascii_hexdigit());
        if self.at == digits_from {
            return Err((format!("expected a hexadecimal digit after `0x`, found {}", self.found()), self.at));
        }
        self.check_number_ends(from)?;
        u64::from_str_radix(&self.text[digits_from..self.at], 16).map(Token::Integer).map_err(|_| {
            (format!("the integer {} does not fit in 64 bits", shortened(&self.text[from..self.at])), from)
        })
    }

    fn digits(&mut self, place: &str) -> Result<(), Wrong> {
        if !self.byte(0).is_some_and(|byte| byte.is_ascii_digit()) {
            return Err((format!("expected a digit {place}, found {}", self.found()), self.at));
        }
        self.skip_while(|byte| byte.is_ascii_digit());
        Ok(())
    }

    fn check_number_ends(&mut self, from: usize) -> Result<(), Wrong> {
        if !self.byte(0).is_some_and(is_word_part) {
            return Ok(());
        }
        self.skip_while(is_word_part);
        let word = shortened(&self.text[from..self.at]);
        Err((format!("found `{word}`, which is neither a number nor a name (a name is written in backticks)"), from))
    }

    /// A text in quotes, with its escapes resolved.
    fn string(&mut self, quote: u8) -> Result<Cow<'t, str>, Wrong> {
        let opened_at = self.at;
        self.at += 1;
        let mut from = self.at;
        let mut resolved = String::new();
        loop {
            self.skip_while(|byte| byte != quote && byte != b'\\');
            let piece = &self.text[from..self.at];
            match self.byte(0) {
                None => return Err((never_closed("string", quote), opened_at)),
                Some(b'\\') => {
                    resolved.push_str(piece);
                    resolved.push(
                        self.escape().map_err(|wrong| wrong.unwrap_or((never_closed("string", quote), opened_at)))?,
                    );
                    from = self.at;
                }
                Some(_) => {
                    if self.byte(1) == Some(quote) {
                        return Err((doubled_quote(quote), self.at));
                    }
                    self.at += 1;
                    if resolved.is_empty() {
                        return Ok(Cow::Borrowed(piece));
                    }
                    resolved.push_str(piece);
                    return Ok(Cow::Owned(resolved));
                }
            }
        }
    }

    /// A JSON escape; of any other, the character itself. The error is none where the text ends.
    fn escape(&mut self) -> Result<char, Option<Wrong>> {
        let offset = self.at;
        self.at += 1;
        let c = self.character().ok_or(None)?;
        self.at += c.len_utf8();
        match c {
            'b' => Ok('\u{8}'),
            'f' => Ok('\u{c}'),
            'n' => Ok('\n'),
            'r' => Ok('\r'),
            't' => Ok('\t'),
            'u' => self.unicode_escape(offset).map_err(Some),
            c => Ok(c),
        }
    }

    /// The rest of `\uXXXX`; beyond U+FFFF it takes two of them, a surrogate pair.
    fn unicode_escape(&mut self, offset: usize) -> Result<char, Wrong> {
        let first = self.hex_digits(offset)?;
        if let Some(c) = char::from_u32(first) {
            return Ok(c);
        }
        let lone = || ("a surrogate without its other half (a pair is written like \\ud83d\\ude00)".to_owned(), offset);
        if first >= 0xdc00 || !self.text[self.at..].starts_with("\\u") {
            return Err(lone());
        }
        self.at += 2;
        let second = self.hex_digits(offset)?;
        let low = second.checked_sub(0xdc00).filter(|low| *low < 0x400).ok_or_else(lone)?;
        char::from_u32(0x10000 + ((first - 0xd800) << 10) + low).ok_or_else(lone)
    }

    fn hex_digits(&mut self, offset: usize) -> Result<u32, Wrong> {
        let mut value = 0;
        for _ in 0..4 {
            let Some(digit) = self.byte(0).and_then(|byte| char::from(byte).to_digit(16)) else {
                return Err(("expected four hexadecimal digits after `\\u`".into(), offset));
            };
            value = value * 16 + digit;
            self.at += 1;
        }
        Ok(value)
    }

    /// A name in backticks; a doubled one stands for one.
    fn quoted_name(&mut self) -> Result<Cow<'t, str>, Wrong> {
        let opened_at = self.at;
        self.at += 1;
        let mut from = self.at;
        let mut resolved = String::new();
        loop {
            self.skip_while(|byte| byte != b'`');
            let piece = &self.text[from..self.at];
            match (self.byte(0), self.byte(1)) {
                (None, _) => return Err((never_closed("name", b'`'), opened_at)),
                (_, Some(b'`')) => {
                    resolved.push_str(piece);
                    resolved.push('`');
                    self.at += 2;
                    from = self.at;
                }
                _ => {
                    self.at += 1;
                    if resolved.is_empty() {
                        return Ok(Cow::Borrowed(piece));
                    }
                    resolved.push_str(piece);
                    return Ok(Cow::Owned(resolved));
                }
            }
        }
    }

    fn skip_spaces_and_comments(&mut self) -> Result<(), Wrong> {
        loop {
            match (self.byte(0), self.byte(1)) {
                (Some(b'-'), Some(b'-')) => self.skip_while(|byte| byte != b'\n'),
                (Some(b'/'), Some(b'*')) => self.skip_block_comment()?,
                (Some(byte), _) if byte.is_ascii_whitespace() => self.at += 1,
                (Some(0x80.. | 0x0b), _) => match self.character().filter(|c| c.is_whitespace()) {
                    Some(c) => self.at += c.len_utf8(),
                    None => return Ok(()),
                },
                _ => return Ok(()),
            }
        }
    }

    fn skip_block_comment(&mut self) -> Result<(), Wrong> {
        match self.text[self.at + 2..].find("*/") {
            Some(length) => self.at += 2 + length + 2,
            None => return Err(("a comment that is never closed (expected */) begins".into(), self.at)),
        }
        Ok(())
    }

    /// The byte that stands so far ahead.
    fn byte(&self, ahead: usize) -> Option<u8> {
        self.text.as_bytes().get(self.at + ahead).copied()
    }

    fn character(&self) -> Option<char> {
        self.text[self.at..].chars().next()
    }

    /// Goes past bytes. What it stops at must be an ASCII byte, or the end.
    fn skip_while(&mut self, wanted: impl Fn(u8) -> bool) {
        let rest = &self.text.as_bytes()[self.at..];
        self.at += rest.iter().position(|byte| !wanted(*byte)).unwrap_or(rest.len());
    }

    fn found(&self) -> String {
        self.character().map_or_else(|| Token::End.to_string(), |c| format!("`{}`", c.escape_debug()))
    }
}

fn is_word_start(byte: u8) -> bool {
    byte.is_ascii_alphabetic() || byte == b'_'
}

fn is_word_part(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_'
}

/// Of an integer in digits, without its sign.
pub(super) fn too_large(integer: &str) -> String {
    let integer = shortened(integer);
    format!("the integer {integer} does not fit in 64 bits (as a float it is written {integer}.0)")
}

/// Followed by the place where it was opened.
fn never_closed(what: &str, quote: u8) -> String {
    format!("a {what} that is never closed (expected another {}) begins", char::from(quote))
}

fn doubled_quote(quote: u8) -> String {
    let quote = char::from(quote);
    format!("found {quote}{quote} in a string (a {quote} in it is written \\{quote})")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tokens(text: &str) -> Vec<String> {
        let read = tokenize(text);
        let shown = read.all.iter().map(|placed| format!("{:?}", placed.token));
        shown.chain(read.wrong.map(|wrong| wrong.to_string())).collect()
    }

    fn texts(text: &str) -> Vec<String> {
        let of_token = |placed: Placed<'_>| match placed.token {
            Token::Text(text) | Token::QuotedName(text) => Some(text.into_owned()),
            _ => None,
        };
        tokenize(text).all.into_iter().filter_map(of_token).collect()
    }

    #[test]
    fn comments_and_spaces_are_between_tokens() {
        let text = "--+ {\"#x\": 1}\na/* b\n*/c\u{a0}- -1 -- d";
        assert_eq!(tokens(text), ["Word(\"a\")", "Word(\"c\")", "Symbol(\"-\")", "Symbol(\"-\")", "Integer(1)", "End"]);
    }

    #[test]
    fn escapes_are_those_of_json_and_others_drop_the_backslash() {
        assert_eq!(texts(r#"'it\'s' "\n\/\\\d\"" '\u00e9\ud83d\ude00' '\😀'"#), ["it's", "\n/\\d\"", "é😀", "😀"]);
        assert_eq!(texts("'a\"`' \"'\" '' `größe` `a``b` ````"), ["a\"`", "'", "", "größe", "a`b", "`"]);
    }

    #[test]
    fn numbers_are_read_to_the_bit() {
        assert_eq!(
            tokens("18446744073709551615 0xfFffFFFFffffffff 2.50 1e3 0"),
            [
                "Integer(18446744073709551615)",
                "Integer(18446744073709551615)",
                "Float(2.5)",
                "Float(1000.0)",
                "Integer(0)",
                "End"
            ]
        );
    }

    #[test]
    fn what_is_no_token_ends_them_at_its_place() {
        assert_eq!(
            tokens("é"),
            ["End", "found `é` (a name with `é` in it is written in backticks) at line 1, column 1"]
        );
        let unclosed = "Word(\"a\") End a comment that is never closed (expected */) begins at line 2, column 2";
        assert_eq!(tokens("a\n /*/ b").join(" "), unclosed);
    }
}
