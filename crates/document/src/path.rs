//! Paths to places inside documents: `a.b`, `a['b-c']`, `a[0]`
//! (docs/reference/query-language.md, "Fields").

use std::fmt::{self, Write};
use std::iter::Peekable;
use std::str::Chars;

use crate::limits::DEPTH_MAX;
use crate::{Map, Value};

/// A place inside a document: `a.b`, `a['b-c']`, `a[0]`.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Path {
    /// At least one; the first is always a field.
    pub segments: Vec<PathSegment>,
}

/// One step of a [`Path`].
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum PathSegment {
    /// A field of an object.
    Field(String),
    /// An element of an array, from 0.
    Index(usize),
}

/// Why text is no path.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[error("{message} at column {column} of the path")]
pub struct PathError {
    /// What is wrong.
    pub message: String,
    /// Where, from 1, in characters.
    pub column: usize,
}

impl Path {
    /// Reads `a.b`, `a['b-c']`, `a["b"]`, `a[0]`, `['a']`. A bare name holds anything but white
    /// space, control characters, quotes, `.`, `[` and `]`; in a quoted one `\` takes the next
    /// character as it is. At most [`crate::limits::DEPTH_MAX`] steps.
    pub fn parse(text: &str) -> Result<Self, PathError> {
        let mut parser = Parser { rest: text.chars().peekable(), column: 1 };
        let first = match parser.rest.peek() {
            Some('[') => parser.parse_brackets()?,
            _ => parser.parse_bare_name()?,
        };
        if let PathSegment::Index(_) = first {
            return Err(PathError { message: "a path must begin with a field, not an index,".into(), column: 1 });
        }
        let mut segments = vec![first];
        while let Some(&next) = parser.rest.peek() {
            if segments.len() == DEPTH_MAX {
                return Err(parser.error(format!("more than {DEPTH_MAX} steps")));
            }
            segments.push(match next {
                '.' => {
                    parser.advance();
                    parser.parse_bare_name()?
                }
                '[' => parser.parse_brackets()?,
                other => return Err(parser.error(format!("expected `.` or `[`, not `{}`", other.escape_debug()))),
            });
        }
        Ok(Self { segments })
    }

    /// What stands there in `map`; `None` where nothing does.
    pub fn lookup<'a>(&self, map: &'a Map) -> Option<&'a Value> {
        let (first, rest) = self.segments.split_first()?;
        let PathSegment::Field(name) = first else { return None };
        rest.iter().try_fold(map.field(name)?, |value, segment| match (segment, value) {
            (PathSegment::Field(name), Value::Map(map)) => map.field(name),
            (PathSegment::Index(index), Value::Array(elements)) => elements.get(*index),
            _ => None,
        })
    }
}

/// The shortest text that [`Path::parse`] reads as this path.
impl fmt::Display for Path {
    fn fmt(&self, formatter: &mut fmt::Formatter) -> fmt::Result {
        fmt_segments(&self.segments, formatter)
    }
}

pub(crate) fn fmt_segments(segments: &[PathSegment], out: &mut impl Write) -> fmt::Result {
    for (position, segment) in segments.iter().enumerate() {
        match segment {
            PathSegment::Index(index) => write!(out, "[{index}]")?,
            PathSegment::Field(name) if !name.is_empty() && name.chars().all(is_bare) => {
                out.write_str(if position == 0 { "" } else { "." })?;
                out.write_str(name)?;
            }
            PathSegment::Field(name) => {
                write!(out, "['{}']", name.replace('\\', "\\\\").replace('\'', "\\'"))?;
            }
        }
    }
    Ok(())
}

fn is_bare(character: char) -> bool {
    !character.is_whitespace() && !character.is_control() && !matches!(character, '.' | '[' | ']' | '\'' | '"' | '`')
}

struct Parser<'a> {
    rest: Peekable<Chars<'a>>,
    column: usize,
}

impl Parser<'_> {
    fn parse_bare_name(&mut self) -> Result<PathSegment, PathError> {
        let mut name = String::new();
        while let Some(character) = self.rest.next_if(|&c| is_bare(c)) {
            self.column += 1;
            name.push(character);
        }
        if !name.is_empty() {
            return Ok(PathSegment::Field(name));
        }
        Err(self.error("expected a field's name (write names with special characters as ['a b'])"))
    }

    fn parse_brackets(&mut self) -> Result<PathSegment, PathError> {
        self.advance();
        let segment = match self.rest.peek() {
            Some(&quote @ ('\'' | '"')) => self.parse_quoted_name(quote)?,
            Some('0'..='9') => self.parse_index()?,
            _ => return Err(self.error("expected an index or a quoted name")),
        };
        if self.rest.peek() != Some(&']') {
            return Err(self.error("expected `]`"));
        }
        self.advance();
        Ok(segment)
    }

    fn parse_quoted_name(&mut self, quote: char) -> Result<PathSegment, PathError> {
        self.advance();
        let mut name = String::new();
        loop {
            match self.advance() {
                Some(end) if end == quote => return Ok(PathSegment::Field(name)),
                Some('\\') => name.push(self.advance().ok_or_else(|| self.error("the quote is not closed"))?),
                Some(character) => name.push(character),
                None => return Err(self.error("the quote is not closed")),
            }
        }
    }

    fn parse_index(&mut self) -> Result<PathSegment, PathError> {
        let column = self.column;
        let mut digits = String::new();
        while let Some(digit) = self.rest.next_if(char::is_ascii_digit) {
            self.column += 1;
            digits.push(digit);
        }
        let index = digits.parse().map_err(|_| PathError { message: "the index is too large".into(), column })?;
        Ok(PathSegment::Index(index))
    }

    fn advance(&mut self) -> Option<char> {
        let character = self.rest.next()?;
        self.column += 1;
        Some(character)
    }

    fn error(&self, message: impl Into<String>) -> PathError {
        PathError { message: message.into(), column: self.column }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, display: &str, segments: &[&str]) {
        let path = Path::parse(text).unwrap();
        let names: Vec<String> = path
            .segments
            .iter()
            .map(|segment| match segment {
                PathSegment::Field(name) => name.clone(),
                PathSegment::Index(index) => format!("#{index}"),
            })
            .collect();
        assert_eq!(names, segments);
        assert_eq!(path.to_string(), display);
        assert_eq!(Path::parse(&path.to_string()), Ok(path));
    }

    #[test]
    fn paths_are_read_and_shown() {
        check("a", "a", &["a"]);
        check("a.b.c", "a.b.c", &["a", "b", "c"]);
        check("a['b-c'][\"d\"][0].é", "a.b-c.d[0].é", &["a", "b-c", "d", "#0", "é"]);
        check("['it\\'s \\\\ a.b'].x", "['it\\'s \\\\ a.b'].x", &["it's \\ a.b", "x"]);
        check("a['']", "a['']", &["a", ""]);
    }

    fn check_error(text: &str, expected: &str) {
        assert_eq!(Path::parse(text).unwrap_err().to_string(), expected);
    }

    #[test]
    fn errors_say_where() {
        let name = "expected a field's name (write names with special characters as ['a b'])";
        check_error("", &format!("{name} at column 1 of the path"));
        check_error("é..b", &format!("{name} at column 3 of the path"));
        check_error("a.", &format!("{name} at column 3 of the path"));
        check_error("a b", "expected `.` or `[`, not ` ` at column 2 of the path");
        check_error("a[0]b", "expected `.` or `[`, not `b` at column 5 of the path");
        check_error("[0]", "a path must begin with a field, not an index, at column 1 of the path");
        check_error("a[-1]", "expected an index or a quoted name at column 3 of the path");
        check_error("a[0", "expected `]` at column 4 of the path");
        check_error("a['b", "the quote is not closed at column 5 of the path");
        check_error("a[99999999999999999999]", "the index is too large at column 3 of the path");
        check_error(&"a.".repeat(65), "more than 64 steps at column 128 of the path");
    }

    #[test]
    fn lookup_goes_through_objects_and_arrays() {
        let Value::Map(map) = Value::from_json(br#"{"a":{"b":[1,{"c":2}]}}"#).unwrap() else { unreachable!() };
        let lookup = |text| Path::parse(text).unwrap().lookup(&map).cloned();
        assert_eq!(lookup("a.b[1].c"), Some(Value::Int(2)));
        assert_eq!(lookup("a.b[2]"), None);
        assert_eq!(lookup("a[0]"), None);
        assert_eq!(lookup("a.b.c"), None);
    }
}
