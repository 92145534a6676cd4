//! Tokens to a [`Condition`], by recursive descent. The grammar is in `docs/reference/query-language.md`.
//!
//! Invariants: recursion is bounded by [`QUERY_DEPTH_MAX`]; each error says what was found, what was expected and
//! where.

use document::{Path, PathSegment, Value};

use crate::ParseError;
use crate::limits::{QUERY_BYTES_MAX, QUERY_DEPTH_MAX, QUERY_TERMS_MAX, REGEX_COUNT_MAX};
use crate::pattern::Pattern;
use crate::syntax::{Comparison, Condition, Operand, PatternSource, is_literal_name};
use crate::token::{Placed, Token, shortened, tokenize};

/// What a name without quotes means where a text is likely: at the right of a comparison, and as a function's second
/// argument.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum BareNames {
    /// A field.
    Fields,
    /// A mistake.
    ForgottenQuotes,
}

/// Parses the whole of `text`.
pub(crate) fn parse(text: &str, bare_names: BareNames) -> Result<Condition, ParseError> {
    if text.len() > QUERY_BYTES_MAX {
        let column = text.floor_char_boundary(QUERY_BYTES_MAX);
        let message = format!("the query is {} bytes long; the limit of {QUERY_BYTES_MAX} is crossed", text.len());
        return Err(ParseError::new(message, text[..column].chars().count() + 1));
    }
    let mut parser = Parser { tokens: tokenize(text)?, at: 0, depth: 0, terms: 0, patterns: 0, bare_names };
    if parser.token() == &Token::End {
        return Err(parser.error("the query is empty (`true` matches every document)"));
    }
    let condition = parser.any()?;
    parser.expect_end()?;
    Ok(condition)
}

struct Parser {
    tokens: Vec<Placed>,
    at: usize,
    depth: usize,
    terms: usize,
    patterns: usize,
    bare_names: BareNames,
}

/// What a single text in brackets means: `['full-name']`.
#[derive(Clone, Copy, PartialEq)]
enum Brackets {
    /// A field: at the left of a comparison, and where a function takes a text.
    Field,
    /// An array of one: at the right of a comparison, and in `contains`.
    Array,
}

impl Parser {
    fn any(&mut self) -> Result<Condition, ParseError> {
        let mut parts = vec![self.all()?];
        while self.take("||") {
            parts.push(self.all()?);
        }
        Ok(if parts.len() > 1 { Condition::Any(parts) } else { parts.remove(0) })
    }

    fn all(&mut self) -> Result<Condition, ParseError> {
        let mut parts = vec![self.unary()?];
        while self.take("&&") {
            parts.push(self.unary()?);
        }
        Ok(if parts.len() > 1 { Condition::All(parts) } else { parts.remove(0) })
    }

    fn unary(&mut self) -> Result<Condition, ParseError> {
        match self.token().clone() {
            Token::Symbol("!") => self.nested(Self::negation),
            Token::Symbol("(") => self.nested(Self::parenthesized),
            Token::Name(name) if self.at_constant() => {
                self.bump();
                Ok(Condition::Constant(name == "true"))
            }
            Token::Name(name) if self.next_token() == &Token::Symbol("(") => self.call(&name),
            _ if self.at_operand() => self.comparison(),
            _ => Err(self.expected("a condition, such as `name == 'Susan'`")),
        }
    }

    fn negation(&mut self) -> Result<Condition, ParseError> {
        self.bump();
        let inner = match self.token() {
            Token::Symbol("(" | "!") => self.unary()?,
            Token::Name(_) if self.at_constant() || self.next_token() == &Token::Symbol("(") => self.unary()?,
            Token::Name(name) if is_literal_name(name) => return Err(self.after_not()),
            Token::Name(_) | Token::QuotedName(_) | Token::Symbol("[") => self.negated_field()?,
            _ => return Err(self.after_not()),
        };
        Ok(Condition::Not(Box::new(inner)))
    }

    /// `!flag`. In `!a == 1` it is not said what is negated.
    fn negated_field(&mut self) -> Result<Condition, ParseError> {
        let start = self.at;
        self.count_term()?;
        match self.operand(Brackets::Field)? {
            field @ Operand::Field(_) if self.at_end_of_condition() => Ok(is_true(field)),
            _ => {
                self.at = start;
                Err(self.after_not())
            }
        }
    }

    fn after_not(&self) -> ParseError {
        self.expected("`(` or a field alone after `!`, as in `!(a == 1)` and `!flag`")
    }

    fn at_end_of_condition(&self) -> bool {
        matches!(self.token(), Token::End | Token::Symbol("&&" | "||" | ")"))
    }

    fn parenthesized(&mut self) -> Result<Condition, ParseError> {
        self.bump();
        let inner = self.any()?;
        if !self.take(")") {
            return Err(self.expected("`&&`, `||` or `)`"));
        }
        Ok(inner)
    }

    fn comparison(&mut self) -> Result<Condition, ParseError> {
        self.count_term()?;
        let left = self.operand(Brackets::Field)?;
        if matches!(left, Operand::Field(_)) && self.at_end_of_condition() {
            return Ok(is_true(left));
        }
        let Some(operator) = comparison(self.token()) else { return Err(self.no_comparison(&left)) };
        self.bump();
        self.check_quotes()?;
        let right = self.operand(Brackets::Array)?;
        if comparison(self.token()).is_some() {
            return Err(self.expected("`&&`, `||` or the end (comparisons cannot be chained)"));
        }
        Ok(Condition::Compare { left, comparison: operator, right })
    }

    /// Where a text is likely.
    fn check_quotes(&self) -> Result<(), ParseError> {
        let Token::Name(name) = self.token() else { return Ok(()) };
        let is_field = !is_literal_name(name) && name != "_id" && self.next_token() != &Token::Symbol("(");
        if self.bare_names == BareNames::Fields || !is_field {
            return Ok(());
        }
        let name = shortened(name);
        Err(self.error(format!(
            "found `{name}` without quotes where a value belongs (forgotten quotes? the text is written '{name}'; \
             a field is written `{name}` in backticks here, since what is selected is changed)"
        )))
    }

    fn no_comparison(&self, left: &Operand) -> ParseError {
        let hint = match (self.token(), left) {
            (Token::Symbol(")"), _) if comparison(self.next_token()).is_some() => {
                " (parentheses hold whole conditions)".to_string()
            }
            (Token::End | Token::Symbol("&&" | "||" | ")"), Operand::Argument(_)) => {
                format!(" (write `{} == true` to ask whether it is true)", shortened(&left.to_string()))
            }
            (Token::Number(Value::Int(..0)), Operand::Field(_)) => {
                " (a field with a hyphen in its name is written ['a-1'])".to_string()
            }
            _ => String::new(),
        };
        self.expected_with_hint("a comparison (== != < <= > >=)", &hint)
    }

    fn call(&mut self, name: &str) -> Result<Condition, ParseError> {
        let name = match name {
            "startsWith" => "starts_with",
            "endsWith" => "ends_with",
            name => name,
        };
        if !matches!(name, "contains" | "starts_with" | "ends_with" | "regex") {
            let hint = foreign_word(name).unwrap_or_default();
            let message =
                format!("expected a function (contains, starts_with, ends_with, regex), found {}{hint}", self.token());
            return Err(self.error(message));
        }
        self.count_term()?;
        self.bump();
        self.bump();
        let condition = match name {
            "contains" => {
                let array = self.array_operand()?;
                self.expect_comma(name)?;
                if matches!(array, Operand::Field(_)) {
                    self.check_quotes()?;
                }
                Condition::Contains { array, element: self.operand(Brackets::Array)? }
            }
            "starts_with" => {
                let text = self.text_operand(name)?;
                self.expect_comma(name)?;
                self.check_quotes()?;
                Condition::StartsWith { text, prefix: self.text_operand(name)? }
            }
            "ends_with" => {
                let text = self.text_operand(name)?;
                self.expect_comma(name)?;
                self.check_quotes()?;
                Condition::EndsWith { text, suffix: self.text_operand(name)? }
            }
            _ => {
                let text = self.text_operand(name)?;
                self.expect_comma(name)?;
                Condition::Regex { text, pattern: self.pattern()? }
            }
        };
        if !self.take(")") {
            return Err(self.expected(&format!("`)` after the second argument of `{name}`")));
        }
        Ok(condition)
    }

    fn expect_comma(&mut self, function: &str) -> Result<(), ParseError> {
        if self.take(",") {
            Ok(())
        } else {
            Err(self.expected(&format!("`,` after the first argument of `{function}`")))
        }
    }

    fn array_operand(&mut self) -> Result<Operand, ParseError> {
        if !self.at_operand() || self.at_literal() {
            return Err(
                self.expected("an array as the first argument of `contains`: a field, `['a', 'b']` or `$args.name`")
            );
        }
        self.operand(Brackets::Array)
    }

    fn text_operand(&mut self, function: &str) -> Result<Operand, ParseError> {
        let start = self.at;
        let operand = if self.at_operand() { Some(self.operand(Brackets::Field)?) } else { None };
        match operand {
            Some(operand @ (Operand::Field(_) | Operand::Argument(_) | Operand::Literal(Value::String(_)))) => {
                Ok(operand)
            }
            _ => {
                self.at = start;
                Err(self.expected(&format!("a string in `{function}`: a field, 'a literal' or `$args.name`")))
            }
        }
    }

    fn pattern(&mut self) -> Result<PatternSource, ParseError> {
        let start = self.at;
        self.patterns += 1;
        if self.patterns > REGEX_COUNT_MAX {
            return Err(
                self.error(format!("a query may have {REGEX_COUNT_MAX} regular expressions; the limit is crossed"))
            );
        }
        match self.token().clone() {
            Token::Text(source) => {
                self.bump();
                let pattern =
                    Pattern::compile(&source).map_err(|message| ParseError::new(message, self.tokens[start].column))?;
                Ok(PatternSource::Literal(pattern))
            }
            Token::Arguments => Ok(PatternSource::Argument(self.argument()?)),
            _ => Err(self.expected("a regular expression: 'a literal' or `$args.name`")),
        }
    }

    fn operand(&mut self, brackets: Brackets) -> Result<Operand, ParseError> {
        match self.token().clone() {
            Token::Text(text) => Ok(self.literal(Value::String(text))),
            Token::Number(number) => Ok(self.literal(number)),
            Token::Name(name) if is_literal_name(&name) => Ok(self.literal(match name.as_str() {
                "true" => Value::Bool(true),
                "false" => Value::Bool(false),
                _ => Value::Null,
            })),
            Token::Name(_) if self.next_token() == &Token::Symbol("(") => Err(self
                .expected_with_hint("a field, a literal or `$args.name`", " (a function is a condition of its own)")),
            Token::Name(name) | Token::QuotedName(name) => {
                self.bump();
                self.path(vec![PathSegment::Field(name)]).map(Operand::Field)
            }
            Token::Arguments => self.argument().map(Operand::Argument),
            Token::Symbol("[") => match self.bracketed_field(brackets) {
                Some(name) => {
                    self.at += 3;
                    self.path(vec![PathSegment::Field(name)]).map(Operand::Field)
                }
                None => self.nested(|parser| parser.array()),
            },
            _ => Err(self.expected("a field, a literal or `$args.name`")),
        }
    }

    fn literal(&mut self, value: Value) -> Operand {
        self.bump();
        Operand::Literal(value)
    }

    /// The name in `['full-name']` where that is a field: a path goes on behind it, or `brackets` says so.
    fn bracketed_field(&self, brackets: Brackets) -> Option<String> {
        let [_, Token::Text(name), Token::Symbol("]"), after] = [0, 1, 2, 3].map(|ahead| self.token_ahead(ahead))
        else {
            return None;
        };
        let goes_on = matches!(after, Token::Symbol("." | "["));
        (goes_on || brackets == Brackets::Field).then(|| name.clone())
    }

    fn array(&mut self) -> Result<Operand, ParseError> {
        self.bump();
        let mut elements = Vec::new();
        if self.take("]") {
            return Ok(Operand::Array(elements));
        }
        loop {
            let start = self.at;
            let element = if self.at_operand() { Some(self.operand(Brackets::Array)?) } else { None };
            match element {
                Some(element) if !matches!(element, Operand::Field(_)) => elements.push(element),
                _ => {
                    self.at = start;
                    return Err(self.expected("a literal or `$args.name` as an array's element"));
                }
            }
            if self.take("]") {
                return Ok(Operand::Array(elements));
            }
            if !self.take(",") {
                return Err(self.expected("`,` or `]` after an array's element"));
            }
        }
    }

    fn argument(&mut self) -> Result<Path, ParseError> {
        self.bump();
        let path = self.path(Vec::new())?;
        match path.segments.first() {
            Some(PathSegment::Field(_)) => Ok(path),
            Some(PathSegment::Index(_)) => Err(self.error("the arguments are an object; expected `$args.name`")),
            None => Err(self.expected("`.` and a name after `$args`")),
        }
    }

    /// The rest of a path behind `segments`.
    fn path(&mut self, mut segments: Vec<PathSegment>) -> Result<Path, ParseError> {
        loop {
            if self.take(".") {
                segments.push(self.field_after_point()?);
            } else if self.take("[") {
                segments.push(self.segment_in_brackets()?);
            } else {
                return Ok(Path { segments });
            }
        }
    }

    fn field_after_point(&mut self) -> Result<PathSegment, ParseError> {
        match self.token().clone() {
            Token::Name(name) | Token::QuotedName(name) => {
                self.bump();
                Ok(PathSegment::Field(name))
            }
            Token::Number(_) => {
                Err(self.expected("a field's name after `.` (an element is written `[0]`, a field of digits `['0']`)"))
            }
            _ => Err(self.expected("a field's name after `.`")),
        }
    }

    fn segment_in_brackets(&mut self) -> Result<PathSegment, ParseError> {
        let segment = match self.token().clone() {
            Token::Text(name) | Token::Name(name) => PathSegment::Field(name),
            Token::Number(Value::Int(index)) if index >= 0 && usize::try_from(index).is_ok() => {
                PathSegment::Index(index as usize)
            }
            _ => return Err(self.expected("an element's number from 0, or a field's name, after `[`")),
        };
        self.bump();
        if !self.take("]") {
            return Err(self.expected("`]`"));
        }
        Ok(segment)
    }

    fn nested<T>(&mut self, parse: impl FnOnce(&mut Self) -> Result<T, ParseError>) -> Result<T, ParseError> {
        self.depth += 1;
        if self.depth > QUERY_DEPTH_MAX {
            return Err(self
                .error(format!("parentheses, `!` and arrays may nest {QUERY_DEPTH_MAX} deep; the limit is crossed")));
        }
        let parsed = parse(self)?;
        self.depth -= 1;
        Ok(parsed)
    }

    fn count_term(&mut self) -> Result<(), ParseError> {
        self.terms += 1;
        if self.terms > QUERY_TERMS_MAX {
            let message = format!(
                "a query may have {QUERY_TERMS_MAX} comparisons and functions (a list of values is better one `contains`); the limit is crossed"
            );
            return Err(self.error(message));
        }
        Ok(())
    }

    fn expect_end(&self) -> Result<(), ParseError> {
        if self.token() == &Token::End { Ok(()) } else { Err(self.expected("`&&`, `||` or the end of the query")) }
    }

    /// At `true` or `false` as a condition of its own.
    fn at_constant(&self) -> bool {
        let is_boolean = matches!(self.token(), Token::Name(name) if matches!(name.as_str(), "true" | "false"));
        is_boolean && comparison(self.next_token()).is_none()
    }

    fn at_operand(&self) -> bool {
        !matches!(self.token(), Token::Symbol(_) | Token::End) || self.token() == &Token::Symbol("[")
    }

    fn at_literal(&self) -> bool {
        match self.token() {
            Token::Text(_) | Token::Number(_) => true,
            Token::Name(name) => is_literal_name(name),
            _ => false,
        }
    }

    fn take(&mut self, symbol: &str) -> bool {
        let is_there = matches!(self.token(), Token::Symbol(found) if *found == symbol);
        if is_there {
            self.bump();
        }
        is_there
    }

    fn bump(&mut self) {
        self.at = (self.at + 1).min(self.tokens.len() - 1);
    }

    fn token(&self) -> &Token {
        self.token_ahead(0)
    }

    fn next_token(&self) -> &Token {
        self.token_ahead(1)
    }

    fn token_ahead(&self, ahead: usize) -> &Token {
        self.tokens.get(self.at + ahead).map_or(&Token::End, |placed| &placed.token)
    }

    fn expected(&self, what: &str) -> ParseError {
        self.expected_with_hint(what, "")
    }

    fn expected_with_hint(&self, what: &str, hint: &str) -> ParseError {
        let word = match self.token() {
            Token::Name(name) => foreign_word(name).unwrap_or_default(),
            _ => "",
        };
        self.error(format!("expected {what}, found {}{hint}{word}", self.token()))
    }

    fn error(&self, message: impl Into<String>) -> ParseError {
        ParseError::new(message, self.tokens[self.at].column)
    }
}

/// A field as a condition of its own.
fn is_true(field: Operand) -> Condition {
    Condition::Compare { left: field, comparison: Comparison::Equal, right: Operand::Literal(Value::Bool(true)) }
}

fn comparison(token: &Token) -> Option<Comparison> {
    let Token::Symbol(symbol) = token else { return None };
    Some(match *symbol {
        "==" => Comparison::Equal,
        "!=" => Comparison::Unequal,
        "<" => Comparison::Less,
        "<=" => Comparison::LessOrEqual,
        ">" => Comparison::Greater,
        ">=" => Comparison::GreaterOrEqual,
        _ => return None,
    })
}

/// What to write instead of another language's word.
fn foreign_word(word: &str) -> Option<&'static str> {
    Some(match word.to_ascii_lowercase().as_str() {
        "and" => " (\"and\" is written `&&`)",
        "or" => " (\"or\" is written `||`)",
        "not" => " (\"not\" is written `!( )`)",
        "is" => " (\"is\" is written `==`)",
        "in" => " (\"a in b\" is written `contains(b, a)`)",
        "like" => " (\"like\" is written `starts_with`, `ends_with` or `regex`)",
        "beginswith" | "startswith" => " (it is written `starts_with`)",
        "endswith" => " (it is written `ends_with`)",
        _ => return None,
    })
}
