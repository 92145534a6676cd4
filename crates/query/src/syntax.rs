//! The shape of a query: what the parser makes and binding reads.
//!
//! Invariants: `All` and `Any` have two parts or more; an array's elements are literals, arguments and arrays; a
//! literal is never an array or an object; printing and parsing again gives the same query, nested no deeper than it
//! was.

use std::fmt::{self, Display, Formatter, Write};

use document::{Path, PathSegment, Value};

use crate::pattern::Pattern;

/// Something that is true or false of a document.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Condition {
    Constant(bool),
    All(Vec<Condition>),
    Any(Vec<Condition>),
    Not(Box<Condition>),
    Compare { left: Operand, comparison: Comparison, right: Operand },
    Contains { array: Operand, element: Operand },
    StartsWith { text: Operand, prefix: Operand },
    EndsWith { text: Operand, suffix: Operand },
    Regex { text: Operand, pattern: PatternSource },
}

/// What stands beside a comparison or inside a function's parentheses.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Operand {
    Field(Path),
    Argument(Path),
    Literal(Value),
    Array(Vec<Operand>),
}

/// Where a regular expression comes from.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum PatternSource {
    Literal(Pattern),
    Argument(Path),
}

/// A comparison's operator.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Comparison {
    Equal,
    Unequal,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
}

/// Whether `text` can stand as a field's name without quotes (`[A-Za-z_][A-Za-z0-9_]*`, or any letters beyond ASCII).
pub(crate) fn is_name(text: &str) -> bool {
    let mut chars = text.chars();
    chars.next().is_some_and(is_name_start) && chars.all(is_name_part)
}

pub(crate) fn is_name_start(c: char) -> bool {
    c == '_' || c.is_alphabetic()
}

pub(crate) fn is_name_part(c: char) -> bool {
    c == '_' || c.is_alphanumeric()
}

/// Whether a name at the beginning of an operand is a literal and no field.
pub(crate) fn is_literal_name(name: &str) -> bool {
    matches!(name, "true" | "false" | "null")
}

impl Display for Condition {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Condition::Constant(value) => write!(f, "{value}"),
            Condition::All(parts) => {
                write_joined(f, parts, " && ", |part| matches!(part, Condition::All(_) | Condition::Any(_)))
            }
            Condition::Any(parts) => write_joined(f, parts, " || ", |part| matches!(part, Condition::Any(_))),
            Condition::Not(inner) if inner.needs_parentheses_after_not() => write!(f, "!({inner})"),
            Condition::Not(inner) => write!(f, "!{inner}"),
            Condition::Compare { left, comparison, right } => write!(f, "{left} {comparison} {right}"),
            Condition::Contains { array, element } => write!(f, "contains({array}, {element})"),
            Condition::StartsWith { text, prefix } => write!(f, "starts_with({text}, {prefix})"),
            Condition::EndsWith { text, suffix } => write!(f, "ends_with({text}, {suffix})"),
            Condition::Regex { text, pattern } => write!(f, "regex({text}, {pattern})"),
        }
    }
}

impl Condition {
    fn needs_parentheses_after_not(&self) -> bool {
        matches!(self, Condition::All(_) | Condition::Any(_) | Condition::Compare { .. })
    }
}

fn write_joined(
    f: &mut Formatter<'_>,
    parts: &[Condition],
    separator: &str,
    in_parentheses: impl Fn(&Condition) -> bool,
) -> fmt::Result {
    for (index, part) in parts.iter().enumerate() {
        if index > 0 {
            f.write_str(separator)?;
        }
        if in_parentheses(part) {
            write!(f, "({part})")?;
        } else {
            write!(f, "{part}")?;
        }
    }
    Ok(())
}

impl Display for Operand {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Operand::Field(path) => write_path(f, path),
            Operand::Argument(path) => write_argument(f, path),
            Operand::Literal(value) => write_literal(f, value),
            Operand::Array(elements) => {
                f.write_char('[')?;
                for (index, element) in elements.iter().enumerate() {
                    if index > 0 {
                        f.write_str(", ")?;
                    }
                    write!(f, "{element}")?;
                }
                f.write_char(']')
            }
        }
    }
}

impl Display for PatternSource {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            PatternSource::Literal(pattern) => write_quoted(f, pattern.source(), '\''),
            PatternSource::Argument(path) => write_argument(f, path),
        }
    }
}

impl Display for Comparison {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Comparison::Equal => "==",
            Comparison::Unequal => "!=",
            Comparison::Less => "<",
            Comparison::LessOrEqual => "<=",
            Comparison::Greater => ">",
            Comparison::GreaterOrEqual => ">=",
        })
    }
}

fn write_path(f: &mut Formatter<'_>, path: &Path) -> fmt::Result {
    let (first, rest) = path.segments.split_first().expect("a path has at least one segment");
    match first {
        PathSegment::Field(name) if is_name(name) && !is_literal_name(name) => f.write_str(name)?,
        PathSegment::Field(name) => write_quoted(f, name, '`')?,
        PathSegment::Index(_) => unreachable!("a path begins with a field"),
    }
    write_steps(f, rest)
}

/// Writes `$args.name…`, as errors that name an argument show it too.
pub(crate) fn write_argument(f: &mut impl Write, path: &Path) -> fmt::Result {
    f.write_str("$args")?;
    write_steps(f, &path.segments)
}

fn write_steps(f: &mut impl Write, steps: &[PathSegment]) -> fmt::Result {
    for step in steps {
        match step {
            PathSegment::Field(name) if is_name(name) => write!(f, ".{name}")?,
            PathSegment::Field(name) => {
                f.write_char('[')?;
                write_quoted(f, name, '\'')?;
                f.write_char(']')?;
            }
            PathSegment::Index(index) => write!(f, "[{index}]")?,
        }
    }
    Ok(())
}

fn write_literal(f: &mut Formatter<'_>, value: &Value) -> fmt::Result {
    match value {
        Value::Null => f.write_str("null"),
        Value::Bool(value) => write!(f, "{value}"),
        Value::Int(value) => write!(f, "{value}"),
        Value::Uint(value) => write!(f, "{value}"),
        Value::Float(value) => write!(f, "{value:?}"), // keeps the point or exponent that makes it a float
        Value::String(text) => write_quoted(f, text, '\''),
        Value::Array(_) | Value::Map(_) => unreachable!("a literal is neither array nor object"),
    }
}

fn write_quoted(f: &mut impl Write, text: &str, quote: char) -> fmt::Result {
    f.write_char(quote)?;
    for c in text.chars() {
        match c {
            '\\' => f.write_str("\\\\")?,
            '\n' => f.write_str("\\n")?,
            '\t' => f.write_str("\\t")?,
            '\r' => f.write_str("\\r")?,
            c if c == quote => write!(f, "\\{c}")?,
            c if c.is_ascii_control() => write!(f, "\\u{:04x}", u32::from(c))?,
            c => f.write_char(c)?,
        }
    }
    f.write_char(quote)
}
