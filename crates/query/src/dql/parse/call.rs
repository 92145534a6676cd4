//! Calls, aggregates, and the constructs that begin with a word: CASE, CAST, POSITION, TRIM, ANY,
//! EVERY, ARRAY, OBJECT.
//!
//! Each of their words is a field's name too (`case`, `any`): what follows decides.

use super::super::SyntaxError;
use super::super::function::Function;
use super::super::syntax::{Aggregate, Binding, CastKind, Expression, Quantifier};
use super::super::token::Token;
use super::Parser;
use super::expression::{INFIX_WORDS, Level};

/// Words that follow an operand: where one follows `case` or `array`, that is a field.
const AFTER_OPERAND: &[&str] = &[
    "AND",
    "APPLY",
    "AS",
    "ASC",
    "BETWEEN",
    "DESC",
    "ELSE",
    "END",
    "ESCAPE",
    "FOR",
    "FROM",
    "GROUP",
    "HAVING",
    "ILIKE",
    "IN",
    "IS",
    "LIKE",
    "LIMIT",
    "NOT",
    "OFFSET",
    "ON",
    "OR",
    "ORDER",
    "RETURNING",
    "SATISFIES",
    "SET",
    "THEN",
    "UNSET",
    "USE",
    "WHERE",
    "XOR",
];

/// How far a name may be from a function's for an error to name that one.
const TYPING_ERRORS_MAX: usize = 2;

impl Parser<'_> {
    /// The construct that begins with `word`, the next token. `None`: it is a name here, or a
    /// literal.
    pub(super) fn construct(&mut self, word: &str) -> Option<Result<Expression, SyntaxError>> {
        let is = |keyword: &str| word.eq_ignore_ascii_case(keyword);
        let is_call = self.is_symbol_ahead(1, "(");
        match word.len() {
            3 if is("ANY") && self.is_binding_ahead(1) => Some(self.nested(|p| p.quantified(1, Quantifier::Any))),
            3 if is("ANY")
                && self.is_word_ahead(1, "AND")
                && self.is_word_ahead(2, "EVERY")
                && self.is_binding_ahead(3) =>
            {
                Some(self.nested(|parser| parser.quantified(3, Quantifier::AnyAndEvery)))
            }
            5 if is("EVERY") && self.is_binding_ahead(1) => Some(self.nested(|p| p.quantified(1, Quantifier::Every))),
            5 if is("ARRAY") && self.begins_operand(1) => Some(self.nested(Self::comprehension)),
            4 if is("CASE") && (self.is_word_ahead(1, "WHEN") || self.begins_operand(1)) => {
                Some(self.nested(Self::case))
            }
            4 if is("CAST") && is_call => Some(self.nested(Self::cast)),
            8 if is("POSITION") && is_call => Some(self.nested(Self::position)),
            4 if is("TRIM") && is_call && self.is_trim_ahead() => Some(self.nested(Self::trim)),
            6 if is("OBJECT") && self.is_object_of_list_ahead() => Some(self.nested(Self::keyed_comprehension)),
            6 if is("EXISTS") && is_call => Some(Err(self.not_here("EXISTS (a subquery)"))),
            _ => None,
        }
    }

    /// Whether an operand begins there that cannot be what follows one.
    fn begins_operand(&self, ahead: usize) -> bool {
        match self.token_ahead(ahead) {
            Token::Integer(_) | Token::Float(_) | Token::Text(_) | Token::QuotedName(_) => true,
            Token::Symbol(symbol) => matches!(*symbol, "(" | "{" | ":"),
            Token::Word(_) => !self.is_one_of(ahead, AFTER_OPERAND),
            Token::End => false,
        }
    }

    /// `[index:] name IN`, or WITHIN.
    fn is_binding_ahead(&self, ahead: usize) -> bool {
        let name = if self.is_symbol_ahead(ahead + 1, ":") { ahead + 2 } else { ahead };
        self.is_name_ahead(ahead)
            && !self.is_one_of(ahead, INFIX_WORDS)
            && self.is_name_ahead(name)
            && self.is_one_of(name + 1, &["IN", "WITHIN"])
    }

    /// How the key of `OBJECT key : value FOR …` begins: not so that it could be an alias.
    fn is_object_of_list_ahead(&self) -> bool {
        let goes_on = matches!(self.token_ahead(2), Token::Symbol(":" | "." | "(" | "[" | "||"));
        goes_on
            && (matches!(self.token_ahead(1), Token::Text(_))
                || (self.is_name_ahead(1) && !self.is_one_of(1, AFTER_OPERAND) && !self.is_word_ahead(1, "WHEN")))
    }

    fn quantified(&mut self, words: usize, quantifier: Quantifier) -> Result<Expression, SyntaxError> {
        self.count_term()?;
        for _ in 0..words {
            self.bump();
        }
        let binding = self.binding()?;
        self.expect_word("SATISFIES")?;
        let condition = Box::new(self.expression()?);
        self.expect_word("END")?;
        Ok(Expression::Quantified { quantifier, binding, condition })
    }

    fn comprehension(&mut self) -> Result<Expression, SyntaxError> {
        self.count_term()?;
        self.bump();
        self.comprehended(None)
    }

    /// `OBJECT key : value FOR …`.
    fn keyed_comprehension(&mut self) -> Result<Expression, SyntaxError> {
        self.count_term()?;
        self.bump();
        let key = Box::new(self.expression()?);
        self.expect(":", "`:` after a key of OBJECT")?;
        self.comprehended(Some(key))
    }

    fn comprehended(&mut self, key: Option<Box<Expression>>) -> Result<Expression, SyntaxError> {
        let element = Box::new(self.expression()?);
        self.expect_word("FOR")?;
        let binding = self.binding()?;
        let condition = if self.take_word("WHEN") { Some(Box::new(self.expression()?)) } else { None };
        self.expect_word("END")?;
        Ok(Expression::Comprehension { key, element, binding, condition })
    }

    fn binding(&mut self) -> Result<Binding, SyntaxError> {
        let first = self.name("a variable's name")?;
        let (index, name) =
            if self.take(":") { (Some(first), self.name("a variable's name after `:`")?) } else { (None, first) };
        let within = self.take_word("WITHIN");
        if !within && !self.take_word("IN") {
            return Err(self.expected("IN or WITHIN after a variable's name"));
        }
        let list = Box::new(self.expression()?);
        Ok(Binding { index, name, within, list })
    }

    fn case(&mut self) -> Result<Expression, SyntaxError> {
        self.count_term()?;
        self.bump();
        let operand = if self.is_word("WHEN") { None } else { Some(Box::new(self.expression()?)) };
        if !self.is_word("WHEN") {
            return Err(self.expected("WHEN"));
        }
        let mut branches = Vec::new();
        while self.take_word("WHEN") {
            let condition = self.expression()?;
            self.expect_word("THEN")?;
            branches.push((condition, self.expression()?));
        }
        let otherwise = if self.take_word("ELSE") { Some(Box::new(self.expression()?)) } else { None };
        let what = if otherwise.is_some() { "END" } else { "WHEN, ELSE or END" };
        if !self.take_word("END") {
            return Err(self.expected(what));
        }
        Ok(Expression::Case { operand, branches, otherwise })
    }

    /// `CAST(e AS type)`, or `CAST(e, 'type')`.
    fn cast(&mut self) -> Result<Expression, SyntaxError> {
        const TYPES: &str = "a type (BOOLEAN, STRING, INTEGER, FLOAT, ARRAY or OBJECT)";
        self.begin_call()?;
        let value = Box::new(self.expression()?);
        let is_quoted = self.take(",");
        if !is_quoted {
            self.expect_word("AS")?;
        }
        let kind = match self.token() {
            Token::Word(word) if !is_quoted => cast_kind(word),
            Token::Text(text) if is_quoted => cast_kind(text),
            _ => None,
        };
        let Some(kind) = kind else {
            return Err(self.expected_with_hint(TYPES, if is_quoted { " (here it is written in quotes)" } else { "" }));
        };
        self.bump();
        self.expect(")", "`)` after the type")?;
        Ok(Expression::Cast { value, kind })
    }

    /// `POSITION(part IN string)`.
    fn position(&mut self) -> Result<Expression, SyntaxError> {
        self.begin_call()?;
        let part = self.expression_from(Level::Shift)?;
        self.expect_word("IN")?;
        let string = self.expression()?;
        self.expect(")", "`)` after the string of POSITION")?;
        Ok(Expression::Call { function: Function::Pos, arguments: vec![string, part] })
    }

    /// Whether `TRIM(` is followed by `LEADING`, `TRAILING` or `BOTH` as a keyword.
    fn is_trim_ahead(&self) -> bool {
        self.is_one_of(2, &["BOTH", "LEADING", "TRAILING"])
            && !matches!(self.token_ahead(3), Token::Symbol("." | "," | ")" | "[" | "||"))
    }

    /// `TRIM(LEADING characters FROM string)`.
    fn trim(&mut self) -> Result<Expression, SyntaxError> {
        self.begin_call()?;
        let function = if self.is_word("LEADING") {
            Function::LTrim
        } else if self.is_word("TRAILING") {
            Function::RTrim
        } else {
            Function::Trim
        };
        self.bump();
        let characters = self.expression()?;
        self.expect_word("FROM")?;
        let string = self.expression()?;
        self.expect(")", "`)` after the string of TRIM")?;
        Ok(Expression::Call { function, arguments: vec![string, characters] })
    }

    fn begin_call(&mut self) -> Result<(), SyntaxError> {
        self.count_term()?;
        self.bump();
        self.bump();
        Ok(())
    }

    /// A function or an aggregate: a name and `(`.
    pub(super) fn call(&mut self) -> Result<Expression, SyntaxError> {
        let offset = self.offset();
        let name = self.name("a function")?;
        if let Some(aggregate) = aggregate(&name) {
            return self.nested(|parser| parser.aggregate(aggregate));
        }
        let Some((function, least, most)) = Function::named(&name) else {
            return Err(self.error_at(offset, unknown(&name)));
        };
        self.count_term()?;
        self.bump();
        let arguments = self.nested(|parser| {
            if parser.take(")") {
                return Ok(Vec::new());
            }
            let arguments = parser.list(Self::expression)?;
            parser.expect(")", "an operator, `,` or `)`")?;
            Ok(arguments)
        })?;
        let count = arguments.len();
        if !(least..=most).contains(&count) {
            return Err(self.error_at(offset, wrong_count(&name, least, most, count)));
        }
        Ok(Expression::Call { function, arguments })
    }

    /// From `(` on.
    fn aggregate(&mut self, aggregate: Aggregate) -> Result<Expression, SyntaxError> {
        self.count_term()?;
        self.bump();
        if aggregate == Aggregate::Count && self.take("*") {
            self.expect(")", "`)` after `COUNT(*`")?;
            return Ok(Expression::Aggregate { aggregate, distinct: false, argument: None });
        }
        if self.is_symbol("*") {
            return Err(self.expected_with_hint("an expression", " (only COUNT takes `*`)"));
        }
        let is_keyword = self.is_word("DISTINCT")
            && !matches!(self.token_ahead(1), Token::Symbol("." | ")" | "," | "+" | "/" | "%" | "||"));
        if is_keyword && !matches!(aggregate, Aggregate::Count | Aggregate::Sum | Aggregate::Avg) {
            return Err(self.error("DISTINCT can only stand in COUNT, SUM and AVG"));
        }
        let distinct = is_keyword && self.take_word("DISTINCT");
        let argument = Some(Box::new(self.expression()?));
        self.expect(")", "an operator or `)` (an aggregate takes 1 argument)")?;
        Ok(Expression::Aggregate { aggregate, distinct, argument })
    }
}

fn aggregate(name: &str) -> Option<Aggregate> {
    let is = |keyword: &str| name.eq_ignore_ascii_case(keyword);
    Some(match name.len() {
        3 if is("SUM") => Aggregate::Sum,
        3 if is("AVG") => Aggregate::Avg,
        3 if is("MIN") => Aggregate::Min,
        3 if is("MAX") => Aggregate::Max,
        3 if is("MID") => Aggregate::Mid,
        5 if is("COUNT") => Aggregate::Count,
        6 if is("MEDIAN") => Aggregate::Median,
        _ => return None,
    })
}

fn cast_kind(name: &str) -> Option<CastKind> {
    let is = |keyword: &str| name.eq_ignore_ascii_case(keyword);
    Some(match name.len() {
        5 if is("ARRAY") => CastKind::Array,
        5 if is("FLOAT") => CastKind::Float,
        6 if is("OBJECT") => CastKind::Object,
        6 if is("STRING") => CastKind::String,
        7 if is("BOOLEAN") => CastKind::Boolean,
        7 if is("INTEGER") => CastKind::Integer,
        _ => return None,
    })
}

fn wrong_count(name: &str, least: usize, most: usize, found: usize) -> String {
    let takes = match (least, most) {
        (1, 1) => "1 argument".to_owned(),
        (least, most) if least == most => format!("{least} arguments"),
        (1, usize::MAX) => "1 argument or more".to_owned(),
        (least, usize::MAX) => format!("{least} arguments or more"),
        (least, most) => format!("{least} to {most} arguments"),
    };
    format!("`{name}` takes {takes}, found {found}")
}

fn unknown(name: &str) -> String {
    let shown = crate::token::shortened(name);
    if let Some(here) = of_other_languages(name) {
        return format!("there is no function `{shown}` (here it is `{here}`)");
    }
    match nearest(name) {
        Some(nearest) => format!("there is no function `{shown}` (the nearest is `{nearest}`)"),
        None => format!("there is no function `{shown}`"),
    }
}

/// What a function of other languages is here.
fn of_other_languages(name: &str) -> Option<&'static str> {
    let known = [("length", "char_length"), ("now", "clock"), ("if", "CASE"), ("size", "array_length")];
    known.into_iter().find(|(other, _)| name.eq_ignore_ascii_case(other)).map(|(_, here)| here)
}

/// The known function that `name` may have been meant to be.
fn nearest(name: &str) -> Option<&'static str> {
    let name = name.to_ascii_lowercase();
    let aggregates = ["count", "sum", "avg", "min", "max", "median", "mid"];
    let known = Function::all().map(|(known, ..)| known).chain(aggregates);
    let near = known.filter(|known| known.len().abs_diff(name.len()) <= TYPING_ERRORS_MAX);
    let (errors, nearest) = near.map(|known| (typing_errors(&name, known), known)).min()?;
    (errors <= TYPING_ERRORS_MAX && errors * 2 < name.len()).then_some(nearest)
}

/// How many bytes must be put in, left out or changed to make one of the other (Levenshtein).
fn typing_errors(from: &str, to: &str) -> usize {
    let mut previous: Vec<usize> = (0..=to.len()).collect();
    for (left_out, byte) in from.bytes().enumerate() {
        let mut row = vec![left_out + 1];
        for (at, other) in to.bytes().enumerate() {
            let changed = previous[at] + usize::from(byte != other);
            row.push(changed.min(previous[at + 1] + 1).min(row[at] + 1));
        }
        previous = row;
    }
    previous[to.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_function_is_one_that_was_likely_meant() {
        let found = ["start_with", "SUBSTRR", "cuont", "date_ad", "length", "xyz", "ab"].map(nearest);
        let expected = [Some("starts_with"), Some("substr"), Some("count"), Some("date_add"), None, None, None];
        assert_eq!(found, expected);
    }
}
