//! Functions on dates: ISO-8601 texts, in UTC where they name no zone, and milliseconds since the
//! epoch. What comes out is in the form of what went in.
//!
//! Not here: calendars ([`crate::dql::date`]).

use document::Value;

use super::Arguments;
use crate::budget::{Budget, TooExpensive};
use crate::dql::arithmetic::integer;
use crate::dql::date::{Date, Part};
use crate::dql::function::Function;
use crate::dql::limits::TEXT_BYTES_MAX;
use crate::dql::node::Made;

/// To read a date and write another.
const DATE_STEPS: u64 = 64;

/// To follow one byte of a format: no field of a date has more bytes than this.
const FORMAT_BYTE_STEPS: u64 = 16;

pub(crate) fn call(
    function: Function,
    arguments: &Arguments<'_>,
    budget: &mut Budget,
) -> Result<Option<Value>, TooExpensive> {
    budget.charge(DATE_STEPS)?;
    if function == Function::DateCast {
        return cast(arguments, budget);
    }
    let Some(date) = arguments.value(0).and_then(Date::of) else { return Ok(None) };
    Ok(match function {
        // What `tz_offset` says of a zone's name is known once a statement is bound.
        Function::TzOffset => (arguments.len() == 1).then(|| Value::Int(date.offset_minutes())),
        Function::DateAdd => added(date, 1, arguments),
        Function::DateSub => added(date, -1, arguments),
        Function::DateDiff => difference(date, arguments),
        Function::DateRange => range(date, arguments, budget)?,
        Function::DatePart => arguments.text(1).and_then(|part| date.part(part)).map(Value::Int),
        Function::DateTrunc => {
            arguments.text(1).and_then(Part::named).and_then(|part| date.truncated(part)).map(Date::value)
        }
        _ => match arguments.text(1) {
            Some(format) if may_follow(format, budget)? => date.formatted(format).map(Value::String),
            _ => None,
        },
    })
}

fn may_follow(format: &str, budget: &mut Budget) -> Result<bool, TooExpensive> {
    budget.charge(FORMAT_BYTE_STEPS.saturating_mul(format.len() as u64))?;
    Ok(format.len() <= TEXT_BYTES_MAX / 16)
}

/// `date_add(date, part, number)`, and with the number before the part.
fn added(date: Date, sign: i128, arguments: &Arguments<'_>) -> Option<Value> {
    let (part, number) = match arguments.text(1) {
        Some(part) => (part, arguments.integer(2)?),
        None => (arguments.text(2)?, arguments.integer(1)?),
    };
    date.plus(sign * i128::from(number), Part::named(part)?).map(Date::value)
}

fn difference(date: Date, arguments: &Arguments<'_>) -> Option<Value> {
    let earlier = Date::of(arguments.value(1)?)?;
    integer(date.parts_since(earlier, Part::named(arguments.text(2)?)?)?)
}

/// `date_range(from, to, part, step)`: every so many parts from the one date to before the other, or
/// back to after it.
fn range(from: Date, arguments: &Arguments<'_>, budget: &mut Budget) -> Result<Option<Value>, TooExpensive> {
    let (Some(to), Some(part)) = (arguments.value(1).and_then(Date::of), arguments.text(2).and_then(Part::named))
    else {
        return Ok(None);
    };
    let step = if arguments.len() < 4 { Some(1) } else { arguments.integer(3) };
    let Some(step) = step.filter(|step| *step != 0).map(i128::from) else { return Ok(None) };
    let mut made = Made::new();
    let mut dates = Vec::new();
    // Each is counted from the first, or months that are short would move all that follow.
    let mut next = Some(from);
    while let Some(date) = next.filter(|date| if step > 0 { date.is_before(to) } else { to.is_before(*date) }) {
        budget.charge(DATE_STEPS)?;
        let value = date.value();
        if !made.takes(&value, budget)? {
            return Ok(None);
        }
        dates.push(value);
        next = i128::try_from(dates.len()).ok().and_then(|count| from.plus(count * step, part));
    }
    Ok(Some(Value::Array(dates)))
}

/// `date_cast(text, format)`: milliseconds since the epoch of a text in that format;
/// `date_cast(date, kind)`: as a text or as milliseconds.
fn cast(arguments: &Arguments<'_>, budget: &mut Budget) -> Result<Option<Value>, TooExpensive> {
    let (Some(value), Some(format)) = (arguments.value(0), arguments.text(1)) else { return Ok(None) };
    if !may_follow(format, budget)? {
        return Ok(None);
    }
    Ok(match (value, format.to_ascii_lowercase().as_str()) {
        (Value::String(text), _) if format.contains('%') => Date::parsed(text, format).map(Date::milliseconds),
        (date, "string" | "text" | "iso") => Date::of(date).map(Date::text),
        (date, "integer" | "millisecond" | "milliseconds" | "ms") => Date::of(date).map(Date::milliseconds),
        _ => None,
    })
}
