//! Paths: those that are read, with elements of arrays, and those that are written, of names alone.

use super::super::SyntaxError;
use super::super::limits::STEPS_MAX;
use super::super::syntax::Step;
use super::super::token::Token;
use super::Parser;

impl Parser<'_> {
    /// `a.b[0].c`. A `.*` after it is left to be read.
    pub(super) fn path(&mut self) -> Result<Vec<Step>, SyntaxError> {
        self.count_term()?;
        let mut steps = vec![Step::Field(self.name("a field")?)];
        loop {
            if self.is_symbol(".") && !self.is_symbol_ahead(1, "*") {
                self.bump();
                steps.push(Step::Field(self.name_after_point()?));
            } else if self.take("[") {
                steps.push(Step::Index(self.element()?));
            } else {
                return Ok(steps);
            }
            self.check_steps(steps.len())?;
        }
    }

    /// `a.b.c`.
    pub(super) fn written_path(&mut self) -> Result<Vec<String>, SyntaxError> {
        self.count_term()?;
        let mut names = vec![self.name("a field")?];
        while self.take(".") {
            names.push(self.name_after_point()?);
            self.check_steps(names.len())?;
        }
        if self.is_symbol("[") {
            return Err(self.error("an element of an array has no place here (expected names with `.` between them)"));
        }
        Ok(names)
    }

    pub(super) fn check_steps(&self, steps: usize) -> Result<(), SyntaxError> {
        if steps > STEPS_MAX {
            return Err(self.error(format!("a path may have {STEPS_MAX} steps; the limit is crossed")));
        }
        Ok(())
    }

    fn name_after_point(&mut self) -> Result<String, SyntaxError> {
        let hint = match self.token() {
            Token::Integer(_) | Token::Float(_) => " (an element is written `[0]`, a field of digits in backticks)",
            Token::Text(_) => " (a name is quoted with backticks)",
            _ => "",
        };
        self.take_name().ok_or_else(|| self.expected_with_hint("a field's name after `.`", hint))
    }

    fn element(&mut self) -> Result<usize, SyntaxError> {
        let index = match self.token() {
            Token::Integer(index) => usize::try_from(*index).ok(),
            _ => None,
        };
        let Some(index) = index else {
            let hint = match self.token() {
                Token::Text(_) | Token::QuotedName(_) | Token::Word(_) => " (a field is written .name or .`name`)",
                Token::Symbol(":") => " (a path has no parameters)",
                _ => "",
            };
            return Err(self.expected_with_hint("an element's number from 0 after `[`", hint));
        };
        self.bump();
        self.expect("]", "`]` after an element's number")?;
        Ok(index)
    }
}
