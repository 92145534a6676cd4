//! What functions do.
//!
//! Invariants: an argument of the wrong kind (null is one) makes the result MISSING, unless the function is about
//! null and MISSING; what a function makes takes at most [`super::limits::TEXT_BYTES_MAX`] or
//! [`super::limits::VALUE_BYTES_MAX`], is MISSING otherwise, and was paid for before it was made. Not here: `clock`
//! and `request_info`, which are constants once a statement is bound (`bind`).

use std::borrow::Cow;

use document::Value;

use super::arithmetic;
use super::compare::compare_within;
use super::function::Function;
use super::node::{Environment, Evaluated, NULL, Node, Truth};
use crate::budget::{Budget, TooExpensive};
use crate::compare::Number;

pub(crate) mod array;
pub(crate) mod convert;
pub(crate) mod date;
pub(crate) mod number;
pub(crate) mod object;
pub(crate) mod text;

/// The result of `function`.
pub(crate) fn call<'e>(
    function: Function,
    arguments: &'e [Node],
    environment: &Environment<'e>,
    budget: &mut Budget,
) -> Result<Evaluated<'e>, TooExpensive> {
    use Function::*;
    match function {
        Coalesce | IfMissing | IfNull | IfMissingOrNull => first(function, arguments, environment, budget),
        Decode => decode(arguments, environment, budget),
        _ => {
            let values = arguments.iter().map(|argument| argument.value(environment, budget));
            let arguments = Arguments { values: values.collect::<Result<_, _>>()? };
            of_values(function, arguments, budget)
        }
    }
}

fn of_values<'e>(
    function: Function,
    arguments: Arguments<'e>,
    budget: &mut Budget,
) -> Result<Evaluated<'e>, TooExpensive> {
    use Function::*;
    let value = match function {
        Coalesce | IfMissing | IfNull | IfMissingOrNull | Decode => unreachable!("evaluated argument by argument"),
        // Constants by now.
        Clock | RequestInfo => None,
        NullIf | MissingIf => return unless_equal(function, arguments, budget),
        IsMissing => Some(Value::Bool(arguments.value(0).is_none())),
        IsNull => Some(Value::Bool(arguments.value(0) == Some(&NULL))),
        IsMissingOrNull => Some(Value::Bool(arguments.value(0).is_none_or(|value| *value == NULL))),
        Abs | Ceil | Floor => number::call(function, &arguments),
        Concat | Contains | StartsWith | EndsWith | ByteLength | CharLength | Lower | Upper | Substr | Pos | Split
        | JoinStr | LTrim | RTrim | Trim | LPad | RPad | Repeat | RegexpLike => {
            text::call(function, &arguments, budget)?
        }
        Type | JsonType | IsNumber | IsString | IsBoolean | SerializeJson | DeserializeJson | ObjectSize => {
            convert::call(function, &arguments, budget)?
        }
        ArrayContains | ArrayContainsNull | ArrayLength => array::call(function, &arguments, budget)?,
        ObjectLength | ObjectKeys | ObjectValues | ObjectSet | ObjectUnset | ObjectRename | ObjectConcat => {
            object::call(function, arguments, budget)?
        }
        DateAdd | DateSub | DateDiff | DatePart | DateRange | DateTrunc | DateFormat | DateCast | TzOffset => {
            date::call(function, &arguments, budget)?
        }
    };
    Ok(value.map(Cow::Owned))
}

/// The first argument that is neither null nor MISSING, or not the one of them that is meant. Where
/// there is none: null if one was null.
fn first<'e>(
    function: Function,
    arguments: &'e [Node],
    environment: &Environment<'e>,
    budget: &mut Budget,
) -> Result<Evaluated<'e>, TooExpensive> {
    let mut none = None;
    for argument in arguments {
        let value = argument.value(environment, budget)?;
        let passes = match value.as_deref() {
            None => function == Function::IfNull,
            Some(Value::Null) => function == Function::IfMissing,
            Some(_) => true,
        };
        if passes {
            return Ok(value);
        }
        none = none.or(value);
    }
    Ok(none)
}

/// `decode(value, search, result, …, default)`: as the order compares, so that null finds null.
fn decode<'e>(
    arguments: &'e [Node],
    environment: &Environment<'e>,
    budget: &mut Budget,
) -> Result<Evaluated<'e>, TooExpensive> {
    let Some((value, rest)) = arguments.split_first() else { return Ok(None) };
    let value = value.value(environment, budget)?;
    let mut pairs = rest.chunks_exact(2);
    for pair in pairs.by_ref() {
        let search = pair[0].value(environment, budget)?;
        if compare_within(value.as_deref(), search.as_deref(), budget)?.is_eq() {
            return pair[1].value(environment, budget);
        }
    }
    match pairs.remainder() {
        [default] => default.value(environment, budget),
        _ => Ok(Truth::Null.value()),
    }
}

/// `nullif` and `missingif`.
fn unless_equal<'e>(
    function: Function,
    mut arguments: Arguments<'e>,
    budget: &mut Budget,
) -> Result<Evaluated<'e>, TooExpensive> {
    let (Some(a), Some(b)) = (arguments.value(0), arguments.value(1)) else { return Ok(arguments.take(0)) };
    let are_equal = compare_within(Some(a), Some(b), budget)?.is_eq();
    Ok(match (are_equal, function) {
        (true, Function::NullIf) => Truth::Null.value(),
        (true, _) => None,
        (false, _) => arguments.take(0),
    })
}

/// The arguments of a call, evaluated.
pub(crate) struct Arguments<'e> {
    values: Vec<Evaluated<'e>>,
}

impl<'e> Arguments<'e> {
    pub(crate) fn len(&self) -> usize {
        self.values.len()
    }

    pub(crate) fn value(&self, at: usize) -> Option<&Value> {
        self.values.get(at)?.as_deref()
    }

    pub(crate) fn values(&self) -> impl Iterator<Item = Option<&Value>> {
        self.values.iter().map(Option::as_deref)
    }

    pub(crate) fn text(&self, at: usize) -> Option<&str> {
        match self.value(at)? {
            Value::String(text) => Some(text),
            _ => None,
        }
    }

    /// `default` where there is no such argument.
    pub(crate) fn text_or<'s>(&'s self, at: usize, default: &'s str) -> Option<&'s str> {
        if at < self.len() { self.text(at) } else { Some(default) }
    }

    /// A boolean that may be left out: then it is false.
    pub(crate) fn flag(&self, at: usize) -> Option<bool> {
        match self.value(at) {
            Some(Value::Bool(flag)) => Some(*flag),
            None if at >= self.len() => Some(false),
            _ => None,
        }
    }

    /// An integer; a float that is one, too.
    pub(crate) fn integer(&self, at: usize) -> Option<i64> {
        match arithmetic::whole(Number::of(self.value(at)?)?)? {
            Value::Int(integer) => Some(integer),
            _ => None,
        }
    }

    pub(crate) fn array(&self, at: usize) -> Option<&[Value]> {
        match self.value(at)? {
            Value::Array(elements) => Some(elements),
            _ => None,
        }
    }

    pub(crate) fn object(&self, at: usize) -> Option<&document::Map> {
        match self.value(at)? {
            Value::Map(map) => Some(map),
            _ => None,
        }
    }

    pub(crate) fn take(&mut self, at: usize) -> Evaluated<'e> {
        self.values.get_mut(at)?.take()
    }
}
