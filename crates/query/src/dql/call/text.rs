//! Functions on strings. They count characters (Unicode scalar values), from 0.

use std::borrow::Cow;

use document::Value;

use super::Arguments;
use crate::budget::{Budget, TooExpensive, VALUE_STEPS};
use crate::dql::function::Function;
use crate::dql::limits::TEXT_BYTES_MAX;
use crate::pattern::Pattern;

/// To change the case of one byte: what comes of it may be longer.
const CASE_BYTE_STEPS: u64 = 4;

/// The longest pattern that is compiled for a document, in bytes.
const PATTERN_BYTES_MAX: usize = 64 * 1024;

pub(crate) fn call(
    function: Function,
    arguments: &Arguments<'_>,
    budget: &mut Budget,
) -> Result<Option<Value>, TooExpensive> {
    use Function::*;
    match function {
        Concat => return concatenated(arguments, budget),
        JoinStr => return joined(arguments, budget),
        RegexpLike => return regexp_like(arguments, budget),
        _ => {}
    }
    let Some(text) = arguments.text(0) else { return Ok(None) };
    budget.charge(text.len() as u64)?;
    Ok(match function {
        Contains => with_part(arguments, budget, |part| Value::Bool(text.contains(part)))?,
        StartsWith => with_part(arguments, budget, |part| Value::Bool(text.starts_with(part)))?,
        EndsWith => with_part(arguments, budget, |part| Value::Bool(text.ends_with(part)))?,
        Pos => with_part(arguments, budget, |part| match text.find(part) {
            Some(at) => count(text[..at].chars().count()),
            None => Value::Int(-1),
        })?,
        ByteLength => Some(count(text.len())),
        CharLength => Some(count(text.chars().count())),
        Lower | Upper => {
            budget.charge(CASE_BYTE_STEPS * text.len() as u64)?;
            let changed = if function == Lower { text.to_lowercase() } else { text.to_uppercase() };
            (changed.len() <= TEXT_BYTES_MAX).then_some(Value::String(changed))
        }
        Substr => substring(text, arguments),
        Split => match arguments.text(1) {
            Some(separator) => split(text, separator, budget)?,
            None => None,
        },
        Trim | LTrim | RTrim => trimmed(function, text, arguments, budget)?,
        LPad | RPad => padded(function, text, arguments, budget)?,
        Repeat => repeated(text, arguments.integer(1), budget)?,
        _ => unreachable!("no function on strings"),
    })
}

fn count(number: usize) -> Value {
    Value::Int(i64::try_from(number).unwrap_or(i64::MAX))
}

/// Whether a text of so many bytes may be made; pays for it.
fn may_make(bytes: usize, budget: &mut Budget) -> Result<bool, TooExpensive> {
    if bytes > TEXT_BYTES_MAX {
        return Ok(false);
    }
    budget.charge(bytes as u64)?;
    Ok(true)
}

fn with_part(
    arguments: &Arguments<'_>,
    budget: &mut Budget,
    test: impl FnOnce(&str) -> Value,
) -> Result<Option<Value>, TooExpensive> {
    let Some(part) = arguments.text(1) else { return Ok(None) };
    budget.charge(part.len() as u64)?;
    Ok(Some(test(part)))
}

fn concatenated(arguments: &Arguments<'_>, budget: &mut Budget) -> Result<Option<Value>, TooExpensive> {
    let texts: Option<Vec<&str>> = (0..arguments.len()).map(|at| arguments.text(at)).collect();
    let Some(texts) = texts else { return Ok(None) };
    let bytes = texts.iter().map(|text| text.len()).sum();
    Ok(may_make(bytes, budget)?.then(|| Value::String(texts.concat())))
}

/// `joinstr(separator, array)`, in either order.
fn joined(arguments: &Arguments<'_>, budget: &mut Budget) -> Result<Option<Value>, TooExpensive> {
    let (separator, elements) = match (arguments.text(0), arguments.array(1)) {
        (Some(separator), Some(elements)) => (separator, elements),
        _ => match (arguments.array(0), arguments.text(1)) {
            (Some(elements), Some(separator)) => (separator, elements),
            _ => return Ok(None),
        },
    };
    budget.charge(VALUE_STEPS * elements.len() as u64)?;
    let texts: Option<Vec<&str>> = elements.iter().map(text_of).collect();
    let Some(texts) = texts else { return Ok(None) };
    let of_texts: usize = texts.iter().map(|text| text.len()).sum();
    let bytes = of_texts.saturating_add(separator.len().saturating_mul(texts.len().saturating_sub(1)));
    Ok(may_make(bytes, budget)?.then(|| Value::String(texts.join(separator))))
}

fn text_of(value: &Value) -> Option<&str> {
    match value {
        Value::String(text) => Some(text),
        _ => None,
    }
}

/// `substr(text, from, length)`: a negative `from` counts from the end; what lies outside is not there.
fn substring(text: &str, arguments: &Arguments<'_>) -> Option<Value> {
    let from = arguments.integer(1)?;
    let length = match arguments.len() {
        2 => usize::MAX,
        _ => usize::try_from(arguments.integer(2)?).ok()?,
    };
    let from = match usize::try_from(from) {
        Ok(from) => from,
        Err(_) => text.chars().count().saturating_sub(usize::try_from(from.unsigned_abs()).ok()?),
    };
    Some(Value::String(text.chars().skip(from).take(length).collect()))
}

/// An empty separator parts characters.
fn split(text: &str, separator: &str, budget: &mut Budget) -> Result<Option<Value>, TooExpensive> {
    budget.charge((text.len() + separator.len()) as u64)?;
    let pieces = match separator {
        "" => text.chars().count(),
        _ => text.matches(separator).count() + 1,
    };
    let bytes = text.len() + pieces.saturating_mul(size_of::<Value>());
    if bytes > TEXT_BYTES_MAX {
        return Ok(None);
    }
    budget.charge(VALUE_STEPS * pieces as u64 + text.len() as u64)?;
    Ok(Some(Value::Array(match separator {
        "" => text.chars().map(|character| Value::String(character.to_string())).collect(),
        _ => text.split(separator).map(|piece| Value::String(piece.to_owned())).collect(),
    })))
}

/// Without the characters of the second argument, or white space, at its ends.
fn trimmed(
    function: Function,
    text: &str,
    arguments: &Arguments<'_>,
    budget: &mut Budget,
) -> Result<Option<Value>, TooExpensive> {
    let Some(characters) = arguments.text_or(1, "") else { return Ok(None) };
    budget.charge((text.len() as u64).saturating_mul(characters.len() as u64 + 1))?;
    let is_white = arguments.len() < 2;
    let goes = |character: char| if is_white { character.is_whitespace() } else { characters.contains(character) };
    let left = if function == Function::RTrim { text } else { text.trim_start_matches(goes) };
    let left = if function == Function::LTrim { left } else { left.trim_end_matches(goes) };
    Ok(Some(Value::String(left.to_owned())))
}

/// `lpad(text, length, pad)`: exactly `length` characters; what is longer loses its end. Nothing can
/// be filled with an empty pad.
fn padded(
    function: Function,
    text: &str,
    arguments: &Arguments<'_>,
    budget: &mut Budget,
) -> Result<Option<Value>, TooExpensive> {
    let (Some(length), Some(pad)) = (arguments.integer(1), arguments.text_or(2, " ")) else { return Ok(None) };
    let Ok(length) = usize::try_from(length) else { return Ok(None) };
    let characters = text.chars().count();
    if length <= characters || pad.is_empty() {
        return Ok(Some(Value::String(text.chars().take(length).collect())));
    }
    let lacking = length - characters;
    budget.charge(pad.len() as u64)?;
    let of_pad = pad.chars().count();
    let last: &str = match pad.char_indices().nth(lacking % of_pad) {
        Some((at, _)) => &pad[..at],
        None => pad,
    };
    let bytes = (lacking / of_pad).saturating_mul(pad.len()).saturating_add(last.len() + text.len());
    if !may_make(bytes, budget)? {
        return Ok(None);
    }
    let fill = [&pad.repeat(lacking / of_pad), last].concat();
    Ok(Some(Value::String(match function {
        Function::LPad => [&fill, text].concat(),
        _ => [text, &fill].concat(),
    })))
}

fn repeated(text: &str, times: Option<i64>, budget: &mut Budget) -> Result<Option<Value>, TooExpensive> {
    let Some(times) = times.and_then(|times| usize::try_from(times).ok()) else { return Ok(None) };
    let bytes = text.len().saturating_mul(times);
    Ok(may_make(bytes, budget)?.then(|| Value::String(text.repeat(times))))
}

/// A pattern that depends on the document: compiled for each; what is none is MISSING.
fn regexp_like(arguments: &Arguments<'_>, budget: &mut Budget) -> Result<Option<Value>, TooExpensive> {
    let (Some(text), Some(pattern), Some(flags)) = (arguments.text(0), arguments.text(1), arguments.text_or(2, ""))
    else {
        return Ok(None);
    };
    budget.charge(flags.len() as u64)?;
    if pattern.len() > PATTERN_BYTES_MAX {
        return Ok(None);
    }
    let Some(source) = with_flags(pattern, flags) else { return Ok(None) };
    match Pattern::compile_within(&source, budget)? {
        Ok(pattern) => Ok(Some(Value::Bool(pattern.matches(text, budget)?))),
        Err(_) => Ok(None),
    }
}

/// The pattern with its flags in it: `c` (case counts, as ever), `i` (it does not), `m` (`^` and `$`
/// are of lines), `s` (`.` is any character), `x` (white space and comments do not count). `None`
/// of another flag.
pub(crate) fn with_flags<'t>(pattern: &'t str, flags: &str) -> Option<Cow<'t, str>> {
    let mut kept = String::new();
    for flag in flags.chars() {
        match flag {
            'c' => kept = kept.replace('i', ""),
            'i' | 'm' | 's' | 'x' if !kept.contains(flag) => kept.push(flag),
            'i' | 'm' | 's' | 'x' => {}
            _ => return None,
        }
    }
    Some(if kept.is_empty() { Cow::Borrowed(pattern) } else { Cow::Owned(format!("(?{kept}){pattern}")) })
}
