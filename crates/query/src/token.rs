//! Text to tokens, each with its column.
//!
//! Invariants: columns count characters from 1; the last token is [`Token::End`], one column past the text; there are
//! never more tokens than characters, plus one.

use std::fmt::{self, Display, Formatter};
use std::str::Chars;

use document::Value;

use crate::ParseError;
use crate::syntax::{is_name_part, is_name_start};

/// How much of a long token an error shows, in characters.
const SHOWN_CHARACTERS_MAX: usize = 40;

/// The smallest piece of a query that means something.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Token {
    /// A name without quotes.
    Name(String),
    /// A name in backticks.
    QuotedName(String),
    /// `'…'` or `"…"`.
    Text(String),
    Number(Value),
    /// An operator or a bracket.
    Symbol(&'static str),
    /// `$args`.
    Arguments,
    End,
}

/// A token and the column where it begins.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Placed {
    pub(crate) token: Token,
    pub(crate) column: usize,
}

/// Longer symbols before their beginnings.
const SYMBOLS: [&str; 15] = ["==", "!=", "<=", ">=", "&&", "||", "<", ">", "!", "(", ")", "[", "]", ",", "."];

/// Operators of other languages, and what they are here.
const FOREIGN_SYMBOLS: [(&str, &str); 3] = [("===", "=="), ("!==", "!="), ("<>", "!=")];

/// All tokens of `text`.
pub(crate) fn tokenize(text: &str) -> Result<Vec<Placed>, ParseError> {
    let mut reader = Reader { rest: text.chars(), column: 1, previous: None };
    let mut tokens = Vec::new();
    loop {
        reader.skip_spaces();
        let column = reader.column;
        let token = reader.token()?;
        let is_end = token == Token::End;
        tokens.push(Placed { token, column });
        if is_end {
            return Ok(tokens);
        }
    }
}

impl Display for Token {
    /// As an error shows it after "found".
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Token::Name(name) | Token::QuotedName(name) => write!(f, "`{}`", shortened(name)),
            Token::Text(text) => write!(f, "the string '{}'", shortened(text)),
            Token::Number(Value::Int(number)) => write!(f, "the number {number}"),
            Token::Number(Value::Uint(number)) => write!(f, "the number {number}"),
            Token::Number(Value::Float(number)) => write!(f, "the number {number:?}"),
            Token::Number(other) => unreachable!("a number token holds {other:?}"),
            Token::Symbol(symbol) => write!(f, "`{symbol}`"),
            Token::Arguments => f.write_str("`$args`"),
            Token::End => f.write_str("the end of the query"),
        }
    }
}

/// The beginning of `text` in one line, for an error that must stay short.
pub(crate) fn shortened(text: &str) -> String {
    let shown: String = text.chars().take(SHOWN_CHARACTERS_MAX).map(|c| if c.is_control() { ' ' } else { c }).collect();
    if shown.len() < text.len() { shown + "…" } else { shown }
}

struct Reader<'t> {
    rest: Chars<'t>,
    /// Of the next character.
    column: usize,
    previous: Option<char>,
}

impl Reader<'_> {
    fn token(&mut self) -> Result<Token, ParseError> {
        let Some(first) = self.peek() else { return Ok(Token::End) };
        match first {
            '\'' | '"' => Ok(Token::Text(self.quoted()?)),
            '`' => Ok(Token::QuotedName(self.quoted()?)),
            '$' => self.arguments(),
            '-' | '0'..='9' => self.number(),
            c if is_name_start(c) => Ok(Token::Name(self.name())),
            c => self.symbol(c),
        }
    }

    fn symbol(&mut self, first: char) -> Result<Token, ParseError> {
        let rest = self.rest.as_str();
        if let Some((found, expected)) = FOREIGN_SYMBOLS.iter().find(|(found, _)| rest.starts_with(found)) {
            return Err(self.error(format!("found `{found}`, expected `{expected}`")));
        }
        let Some(symbol) = SYMBOLS.iter().find(|symbol| rest.starts_with(**symbol)) else {
            return Err(self.error(unknown_character(first) + &self.hint_in_name(first)));
        };
        symbol.chars().for_each(|_| self.bump());
        Ok(Token::Symbol(symbol))
    }

    /// What to do about `c` where it seems to belong to a field's name.
    fn hint_in_name(&self, c: char) -> String {
        let stands_in_name =
            self.previous.is_some_and(is_name_part) && self.rest.clone().nth(1).is_some_and(is_name_part);
        if stands_in_name { format!(" (a field with `{c}` in its name is written ['a{c}b'])") } else { String::new() }
    }

    fn arguments(&mut self) -> Result<Token, ParseError> {
        let column = self.column;
        self.bump();
        let name = self.name();
        if name == "args" {
            return Ok(Token::Arguments);
        }
        Err(ParseError::new(format!("found `${}` (an argument is written `$args.name`)", shortened(&name)), column))
    }

    fn name(&mut self) -> String {
        let mut name = String::new();
        while let Some(c) = self.peek().filter(|c| is_name_part(*c)) {
            name.push(c);
            self.bump();
        }
        name
    }

    /// `-?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][+-]?[0-9]+)?`: JSON's numbers (RFC 8259, section 6). With point or exponent
    /// it is a float.
    fn number(&mut self) -> Result<Token, ParseError> {
        let column = self.column;
        let mut text = String::new();
        let hint = self.hint_in_name('-');
        self.take_if(&mut text, |c| c == '-');
        let whole_from = text.len();
        self.digits(&mut text, "after `-`").map_err(|error| ParseError::new(error.message + &hint, error.column))?;
        if text[whole_from..].len() > 1 && text[whole_from..].starts_with('0') {
            return Err(ParseError::new("a number must not begin with 0", column));
        }
        let mut is_float = false;
        if self.take_if(&mut text, |c| c == '.') {
            is_float = true;
            self.digits(&mut text, "after the point")?;
        }
        if self.take_if(&mut text, |c| c == 'e' || c == 'E') {
            is_float = true;
            self.take_if(&mut text, |c| c == '+' || c == '-');
            self.digits(&mut text, "in the exponent")?;
        }
        if self.peek().is_some_and(is_name_part) {
            let word = text + &self.name();
            let message = format!(
                "found `{0}`, which is neither a number nor a name (as a field it is written ['{0}'])",
                shortened(&word)
            );
            return Err(ParseError::new(message, column));
        }
        number_value(&text, is_float).map(Token::Number).map_err(|message| ParseError::new(message, column))
    }

    fn digits(&mut self, text: &mut String, place: &str) -> Result<(), ParseError> {
        if !self.peek().is_some_and(|c| c.is_ascii_digit()) {
            return Err(self.error(format!("expected a digit {place}, found {}", self.found())));
        }
        while self.take_if(text, |c| c.is_ascii_digit()) {}
        Ok(())
    }

    fn take_if(&mut self, text: &mut String, wanted: impl Fn(char) -> bool) -> bool {
        let next = self.peek().filter(|c| wanted(*c));
        if let Some(c) = next {
            text.push(c);
            self.bump();
        }
        next.is_some()
    }

    /// A text or a name in quotes, with its escapes resolved.
    fn quoted(&mut self) -> Result<String, ParseError> {
        let opened_at = self.column;
        let quote = self.peek().expect("the caller saw a quote");
        self.bump();
        let mut text = String::new();
        loop {
            match self.peek() {
                None => return Err(ParseError::new(never_closed(quote), opened_at)),
                Some('\\') => text.push(self.escape()?),
                Some(c) => {
                    self.bump();
                    if c == quote {
                        return Ok(text);
                    }
                    text.push(c);
                }
            }
        }
    }

    fn escape(&mut self) -> Result<char, ParseError> {
        let column = self.column;
        self.bump();
        let Some(c) = self.peek() else {
            return Err(ParseError::new("expected an escape after `\\`, found the end of the query", column));
        };
        self.bump();
        match c {
            '\\' | '\'' | '"' | '`' => Ok(c),
            'n' => Ok('\n'),
            't' => Ok('\t'),
            'r' => Ok('\r'),
            'u' => self.unicode_escape(column),
            c => {
                let message = format!(
                    "`\\{c}` is no escape (expected \\\\ \\' \\\" \\` \\n \\t \\r or \\uXXXX; a backslash itself is written \\\\)"
                );
                Err(ParseError::new(message, column))
            }
        }
    }

    /// The rest of `\uXXXX`; beyond U+FFFF it takes two of them, a surrogate pair.
    fn unicode_escape(&mut self, column: usize) -> Result<char, ParseError> {
        let first = self.hex_digits(column)?;
        if let Some(c) = char::from_u32(first) {
            return Ok(c);
        }
        let lone =
            || ParseError::new("a surrogate without its other half (a pair is written like \\ud83d\\ude00)", column);
        if first >= 0xdc00 || !self.rest.as_str().starts_with("\\u") {
            return Err(lone());
        }
        self.bump();
        self.bump();
        let second = self.hex_digits(column)?;
        let low = second.checked_sub(0xdc00).filter(|low| *low < 0x400).ok_or_else(lone)?;
        char::from_u32(0x10000 + ((first - 0xd800) << 10) + low).ok_or_else(lone)
    }

    fn hex_digits(&mut self, column: usize) -> Result<u32, ParseError> {
        let mut value = 0;
        for _ in 0..4 {
            let digit = self.peek().and_then(|c| c.to_digit(16));
            let Some(digit) = digit else {
                return Err(ParseError::new("expected four hexadecimal digits after `\\u`", column));
            };
            value = value * 16 + digit;
            self.bump();
        }
        Ok(value)
    }

    fn skip_spaces(&mut self) {
        while self.peek().is_some_and(char::is_whitespace) {
            self.bump();
        }
    }

    fn peek(&self) -> Option<char> {
        self.rest.clone().next()
    }

    fn bump(&mut self) {
        if let Some(c) = self.rest.next() {
            self.column += 1;
            self.previous = Some(c);
        }
    }

    fn found(&self) -> String {
        self.peek().map_or_else(|| Token::End.to_string(), |c| format!("`{c}`"))
    }

    fn error(&self, message: impl Into<String>) -> ParseError {
        ParseError::new(message, self.column)
    }
}

fn number_value(text: &str, is_float: bool) -> Result<Value, String> {
    if is_float {
        let float: f64 = text.parse().map_err(|_| format!("{} is no number", shortened(text)))?;
        return if float.is_finite() {
            Ok(Value::Float(float))
        } else {
            Err(format!("the number {} is beyond 1.8e308", shortened(text)))
        };
    }
    let signed = text.parse().map(Value::Int);
    let number = signed.or_else(|_| text.parse().map(Value::Uint));
    number.map_err(|_| {
        format!(
            "the integer {} does not fit in 64 bits (as a float it is written {}.0)",
            shortened(text),
            shortened(text)
        )
    })
}

fn unknown_character(c: char) -> String {
    match c {
        '=' => "found `=`, expected `==`".into(),
        '&' => "found `&`, expected `&&`".into(),
        '|' => "found `|`, expected `||`".into(),
        '‘' | '’' | '“' | '”' => format!("found {c} (a string is quoted with ' or \")"),
        '{' | '}' => format!("found `{c}` (an object can only be given as an argument, `$args.name`)"),
        c if c.is_control() => format!("found the control character U+{:04X}", u32::from(c)),
        c => format!("found `{}`, which means nothing here", c.escape_debug()),
    }
}

/// Followed by the column where it was opened.
fn never_closed(quote: char) -> String {
    let what = if quote == '`' { "name" } else { "string" };
    format!("a {what} that is never closed (expected another {quote}) begins")
}
