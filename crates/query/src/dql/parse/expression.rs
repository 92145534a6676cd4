//! Expressions, by the precedence of their operators.
//!
//! Not here: calls, CASE and what else begins with a word (`call`).

use document::Value;

use super::super::SyntaxError;
use super::super::limits::LIST_MAX;
use super::super::syntax::{Binary, Expression, InList, Is};
use super::super::token::{Token, too_large};
use super::Parser;

/// How tightly operators bind, the loosest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Level {
    Or,
    Xor,
    And,
    Not,
    Is,
    Like,
    Comparison,
    Shift,
    Sum,
    Product,
    Unary,
}

/// An operator after its first operand.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Infix {
    Binary(Binary),
    Is,
    /// ILIKE: in any case.
    Like {
        any_case: bool,
    },
    Between,
    In,
}

/// What an operand may be, for an error.
const OPERAND: &str = "an expression";

/// What may follow an operand in an item of a SELECT, where the operand itself is a word that could
/// begin something.
pub(super) const INFIX_WORDS: &[&str] =
    &["AND", "AS", "BETWEEN", "FROM", "ILIKE", "IN", "IS", "LIKE", "NOT", "OR", "XOR"];

/// Keywords that are a name only where what follows shows it: `from.name`, `from = 'x'`.
const NEVER_ALONE: &[&str] = &[
    "AND",
    "AS",
    "BETWEEN",
    "ELSE",
    "FROM",
    "ILIKE",
    "IN",
    "IS",
    "LIKE",
    "NOT",
    "OR",
    "SATISFIES",
    "SELECT",
    "THEN",
    "WHEN",
    "WHERE",
    "XOR",
];

impl Parser<'_> {
    /// An expression of any kind.
    pub(super) fn expression(&mut self) -> Result<Expression, SyntaxError> {
        self.expression_from(Level::Or)
    }

    /// An expression whose operators bind as tightly as `least`, or more so.
    pub(super) fn expression_from(&mut self, least: Level) -> Result<Expression, SyntaxError> {
        let beside = std::mem::take(&mut self.height);
        let (mut left, mut most) = if least <= Level::Not && self.is_word("NOT") {
            (self.nested(Self::negation)?, Level::Not)
        } else {
            (self.unary()?, Level::Unary)
        };
        while let Some((infix, negated, level)) = self.infix() {
            if level < least {
                break;
            }
            if level > most {
                let what = "AND, OR or the end of the expression (a comparison goes into parentheses before it is \
                            compared)";
                return Err(self.expected(what));
            }
            self.count_term()?;
            left = self.continued(left, infix, negated, level)?;
            most = if matches!(infix, Infix::Binary(_)) && level != Level::Comparison { level } else { level.looser() };
        }
        self.rise(beside, 0)?;
        Ok(left)
    }

    fn negation(&mut self) -> Result<Expression, SyntaxError> {
        self.bump();
        self.count_term()?;
        Ok(Expression::Not(Box::new(self.expression_from(Level::Not)?)))
    }

    /// The operator that the next tokens are, whether NOT stands before it, and how tightly it
    /// binds.
    fn infix(&self) -> Option<(Infix, bool, Level)> {
        match self.token() {
            Token::Symbol(symbol) => binary(symbol).map(|(binary, level)| (Infix::Binary(binary), false, level)),
            Token::Word(word) if word.eq_ignore_ascii_case("NOT") => match self.token_ahead(1) {
                Token::Word(word) => match word_infix(word)? {
                    (Infix::Binary(_) | Infix::Is, _) => None,
                    (infix, level) => Some((infix, true, level)),
                },
                _ => None,
            },
            Token::Word(word) => word_infix(word).map(|(infix, level)| (infix, false, level)),
            _ => None,
        }
    }

    fn continued(
        &mut self,
        left: Expression,
        infix: Infix,
        negated: bool,
        level: Level,
    ) -> Result<Expression, SyntaxError> {
        self.bump();
        if negated {
            self.bump();
        }
        let value = Box::new(left);
        let below = std::mem::take(&mut self.height);
        let made = match infix {
            Infix::Binary(operator @ (Binary::And | Binary::Or)) => {
                return self.row(*value, operator, level, below);
            }
            Infix::Binary(operator) => {
                let right = Box::new(self.expression_from(level.tighter())?);
                Expression::Binary { operator, left: value, right }
            }
            Infix::Is => self.is(value)?,
            Infix::Like { any_case } => {
                let pattern = Box::new(self.expression_from(Level::Comparison)?);
                Expression::Like { value, pattern, escape: self.escape()?, any_case, negated }
            }
            Infix::Between => {
                let low = Box::new(self.expression_from(Level::Shift)?);
                self.expect_word("AND")?;
                let high = Box::new(self.expression_from(Level::Shift)?);
                Expression::Between { value, low, high, negated }
            }
            Infix::In => Expression::In { value, list: self.in_list()?, negated },
        };
        self.height = self.height.max(below);
        self.rise(0, 1)?;
        Ok(made)
    }

    /// `a AND b AND c …` from the second operand on. It does not matter how such a row is put in
    /// parentheses, so that it is halved over and over: a long one makes no deep tree.
    fn row(
        &mut self,
        first: Expression,
        operator: Binary,
        level: Level,
        below: usize,
    ) -> Result<Expression, SyntaxError> {
        let keyword = if operator == Binary::And { "AND" } else { "OR" };
        let mut operands = vec![first, self.expression_from(level.tighter())?];
        while self.take_word(keyword) {
            self.count_term()?;
            operands.push(self.expression_from(level.tighter())?);
        }
        self.height = self.height.max(below);
        self.rise(0, operands.len().next_power_of_two().ilog2() as usize)?;
        let count = operands.len();
        Ok(halved(&mut operands.into_iter(), count, operator))
    }

    fn is(&mut self, value: Box<Expression>) -> Result<Expression, SyntaxError> {
        let negated = self.take_word("NOT");
        let what = if self.take_word("NULL") || self.take_word("UNKNOWN") {
            Is::Null
        } else if self.take_word("MISSING") {
            Is::Missing
        } else {
            return Err(self.expected("NULL, UNKNOWN or MISSING after IS"));
        };
        Ok(Expression::Is { value, what, negated })
    }

    fn escape(&mut self) -> Result<Option<char>, SyntaxError> {
        if !self.take_word("ESCAPE") {
            return Ok(None);
        }
        let offset = self.offset();
        let text = self.text("a string of one character after ESCAPE")?;
        let mut characters = text.chars();
        match (characters.next(), characters.next()) {
            (Some(escape), None) => Ok(Some(escape)),
            _ => Err(self.error_at(offset, "expected a string of one character after ESCAPE")),
        }
    }

    fn in_list(&mut self) -> Result<InList, SyntaxError> {
        if !self.is_symbol("(") {
            return self.expression_from(Level::Shift).map(|array| InList::Array(Box::new(array)));
        }
        self.nested(|parser| {
            parser.bump();
            let each = parser.elements()?;
            parser.expect(")", "`,` or `)` after a value of IN")?;
            Ok(InList::Each(each))
        })
    }

    /// Elements of an array, of IN or of USE IDS, one at least. Literals and parameters are no
    /// terms.
    pub(super) fn elements(&mut self) -> Result<Vec<Expression>, SyntaxError> {
        let mut elements = Vec::new();
        loop {
            if elements.len() == LIST_MAX {
                return Err(self.error(format!("a list may have {LIST_MAX} elements; the limit is crossed")));
            }
            let terms = self.terms;
            let element = self.expression()?;
            if matches!(element, Expression::Literal(_) | Expression::Parameter(_)) {
                self.terms = terms;
            }
            elements.push(element);
            if !self.take(",") {
                return Ok(elements);
            }
        }
    }

    fn unary(&mut self) -> Result<Expression, SyntaxError> {
        if !self.is_symbol("-") {
            return self.primary();
        }
        match *self.token_ahead(1) {
            Token::Integer(magnitude) => {
                let offset = self.offset();
                self.bump();
                match 0_i64.checked_sub_unsigned(magnitude) {
                    Some(negative) => self.literal(Value::Int(negative)),
                    None => Err(self.error_at(offset, too_large(&format!("-{magnitude}")))),
                }
            }
            Token::Float(magnitude) => {
                self.bump();
                self.literal(Value::Float(-magnitude))
            }
            _ => self.nested(|parser| {
                parser.bump();
                parser.count_term()?;
                Ok(Expression::Negate(Box::new(parser.unary()?)))
            }),
        }
    }

    fn primary(&mut self) -> Result<Expression, SyntaxError> {
        match self.token() {
            Token::Integer(number) => {
                let value = i64::try_from(*number).map_or(Value::Uint(*number), Value::Int);
                self.literal(value)
            }
            Token::Float(number) => {
                let value = Value::Float(*number);
                self.literal(value)
            }
            Token::Text(_) => {
                self.count_term()?;
                Ok(Expression::Literal(Value::String(self.text(OPERAND)?)))
            }
            Token::Symbol("(") => self.nested(Self::parenthesized),
            Token::Symbol("[") => self.nested(Self::array),
            Token::Symbol("{") => self.nested(Self::object),
            Token::Symbol(":") => self.parameter(),
            Token::QuotedName(_) if self.is_symbol_ahead(1, "(") => self.call(),
            Token::QuotedName(_) => self.path().map(Expression::Path),
            Token::Word(word) => {
                let word = *word;
                self.worded(word)
            }
            Token::Symbol(_) | Token::End => Err(self.expected(OPERAND)),
        }
    }

    /// A literal that is one token.
    pub(super) fn literal(&mut self, value: Value) -> Result<Expression, SyntaxError> {
        self.count_term()?;
        self.bump();
        Ok(Expression::Literal(value))
    }

    fn parenthesized(&mut self) -> Result<Expression, SyntaxError> {
        self.bump();
        let inner = self.expression()?;
        self.expect(")", "an operator or `)`")?;
        Ok(inner)
    }

    fn array(&mut self) -> Result<Expression, SyntaxError> {
        self.bump();
        self.count_term()?;
        if self.take("]") {
            return Ok(Expression::Array(Vec::new()));
        }
        let elements = self.elements()?;
        self.expect("]", "`,` or `]` after an element of an array")?;
        Ok(Expression::Array(elements))
    }

    fn object(&mut self) -> Result<Expression, SyntaxError> {
        self.bump();
        self.count_term()?;
        if self.take("}") {
            return Ok(Expression::Object(Vec::new()));
        }
        let fields = self.list(|parser| {
            let key = parser.key()?;
            parser.expect(":", "`:` after an object's key")?;
            Ok((key, parser.expression()?))
        })?;
        self.expect("}", "`,` or `}` after a value of an object")?;
        Ok(Expression::Object(fields))
    }

    fn key(&mut self) -> Result<Expression, SyntaxError> {
        if let Some(key) = self.take_text() {
            return Ok(Expression::Literal(Value::String(key)));
        }
        if !self.is_name_ahead(0) {
            return Err(self.expected("an object's key, a string"));
        }
        if self.keys_are_strings {
            return Err(self.expected_with_hint("an object's key, a string", " (it is written in quotes: {'a': 1})"));
        }
        self.path().map(Expression::Path)
    }

    /// `:name`; nothing stands between the two.
    fn parameter(&mut self) -> Result<Expression, SyntaxError> {
        let offset = self.offset();
        let is_adjacent = self.tokens.get(self.at + 1).is_some_and(|next| next.offset == offset + 1);
        let Token::Word(name) = *self.token_ahead(1) else { return Err(self.no_parameter()) };
        if !is_adjacent {
            return Err(self.no_parameter());
        }
        self.count_term()?;
        self.bump();
        self.bump();
        Ok(Expression::Parameter(name.to_owned()))
    }

    fn no_parameter(&self) -> SyntaxError {
        self.expected_with_hint(OPERAND, " (a parameter is written `:name`)")
    }

    /// What begins with a word: a literal, a construct of its own, a call or a path.
    fn worded(&mut self, word: &str) -> Result<Expression, SyntaxError> {
        if let Some(made) = self.construct(word) {
            return made;
        }
        let constant = match word.len() {
            4 if word.eq_ignore_ascii_case("TRUE") => Some(Value::Bool(true)),
            4 if word.eq_ignore_ascii_case("NULL") => Some(Value::Null),
            5 if word.eq_ignore_ascii_case("FALSE") => Some(Value::Bool(false)),
            _ => None,
        };
        if let Some(constant) = constant {
            return self.literal(constant);
        }
        self.check_is_name()?;
        if self.is_symbol_ahead(1, "(") { self.call() } else { self.path().map(Expression::Path) }
    }

    /// Whether the word here can be a field or a function, or is a keyword before which something
    /// is missing.
    fn check_is_name(&self) -> Result<(), SyntaxError> {
        let begins_by = self.is_one_of(0, &["GROUP", "ORDER"]) && self.is_word_ahead(1, "BY");
        let is_shown_name = matches!(
            self.token_ahead(1),
            Token::Symbol(
                "." | ","
                    | ")"
                    | "]"
                    | "}"
                    | "="
                    | "=="
                    | "!="
                    | "<>"
                    | "<"
                    | "<="
                    | ">"
                    | ">="
                    | "+"
                    | "/"
                    | "%"
                    | "||"
            )
        );
        if !begins_by && (is_shown_name || !self.is_one_of(0, NEVER_ALONE)) {
            return Ok(());
        }
        if self.is_word("SELECT") && (self.is_name_ahead(1) || self.is_symbol_ahead(1, "*")) {
            return Err(self.not_here("a subquery"));
        }
        let hint = match self.token() {
            Token::Word(word) if word.eq_ignore_ascii_case("NOT") => " (NOT goes into parentheses here)".to_owned(),
            Token::Word(word) if self.is_one_of(1, &["AS", "FROM", "IS", "IN", "LIKE"]) => {
                format!(" (a field of that name is written `{word}` in backticks)")
            }
            _ => String::new(),
        };
        Err(self.expected_with_hint(OPERAND, &hint))
    }
}

impl Level {
    fn tighter(self) -> Self {
        match self {
            Level::Or => Level::Xor,
            Level::Xor => Level::And,
            Level::And => Level::Not,
            Level::Not => Level::Is,
            Level::Is => Level::Like,
            Level::Like => Level::Comparison,
            Level::Comparison => Level::Shift,
            Level::Shift => Level::Sum,
            Level::Sum => Level::Product,
            Level::Product | Level::Unary => Level::Unary,
        }
    }

    fn looser(self) -> Self {
        match self {
            Level::Comparison => Level::Like,
            Level::Like => Level::Is,
            Level::Is => Level::Not,
            other => other,
        }
    }
}

fn binary(symbol: &str) -> Option<(Binary, Level)> {
    Some(match symbol {
        "=" | "==" => (Binary::Equal, Level::Comparison),
        "!=" | "<>" => (Binary::NotEqual, Level::Comparison),
        "<" => (Binary::Less, Level::Comparison),
        "<=" => (Binary::LessOrEqual, Level::Comparison),
        ">" => (Binary::Greater, Level::Comparison),
        ">=" => (Binary::GreaterOrEqual, Level::Comparison),
        "<<" => (Binary::ShiftLeft, Level::Shift),
        ">>" => (Binary::ShiftRight, Level::Shift),
        "+" => (Binary::Add, Level::Sum),
        "-" => (Binary::Subtract, Level::Sum),
        "||" => (Binary::Concat, Level::Sum),
        "*" => (Binary::Multiply, Level::Product),
        "/" => (Binary::Divide, Level::Product),
        "%" => (Binary::Remainder, Level::Product),
        _ => return None,
    })
}

fn word_infix(word: &str) -> Option<(Infix, Level)> {
    let is = |keyword: &str| word.eq_ignore_ascii_case(keyword);
    Some(match word.len() {
        2 if is("OR") => (Infix::Binary(Binary::Or), Level::Or),
        2 if is("IS") => (Infix::Is, Level::Is),
        2 if is("IN") => (Infix::In, Level::Comparison),
        3 if is("AND") => (Infix::Binary(Binary::And), Level::And),
        3 if is("XOR") => (Infix::Binary(Binary::Xor), Level::Xor),
        4 if is("LIKE") => (Infix::Like { any_case: false }, Level::Like),
        5 if is("ILIKE") => (Infix::Like { any_case: true }, Level::Like),
        7 if is("BETWEEN") => (Infix::Between, Level::Comparison),
        _ => return None,
    })
}

/// A tree of so many operands, which stand in it from left to right.
fn halved(operands: &mut impl Iterator<Item = Expression>, count: usize, operator: Binary) -> Expression {
    if count == 1 {
        return operands.next().expect("there are as many operands as are counted");
    }
    let left = Box::new(halved(operands, count.div_ceil(2), operator));
    let right = Box::new(halved(operands, count / 2, operator));
    Expression::Binary { operator, left, right }
}
