//! Regular expressions, bounded in compiled size, and what compiling one and matching it cost.
//!
//! Matching takes time linear in the text (the `regex` crate's promise), but also in the expression's states where
//! the text is made for it. Both costs follow from the expression's text alone: not from Unicode's tables, which
//! grow.

use regex::{Regex, RegexBuilder};
use regex_syntax::ast::{
    Ast, ClassSet, ClassSetItem, Flag, FlagsItemKind, GroupKind, RepetitionKind, RepetitionRange, parse::Parser,
};

use crate::budget::{Budget, TooExpensive};
use crate::limits::{REGEX_BYTES_MAX, REGEX_COMPILE_STEPS_MAX};

/// States of a class: characters beyond ASCII take up to four bytes, one state each.
const CLASS_STATES: u64 = 4;

/// To compile one state.
const STATE_STEPS: u64 = 10;

/// To compile a class such as `\w` for UTF-8, in each of its copies.
const UNICODE_CLASS_STEPS: u64 = 60_000;

/// The same of `.` and of a class of a few ranges.
const SMALL_CLASS_STEPS: u64 = 1_000;

/// To look a class such as `\w` up.
const LOOK_UP_STEPS: u64 = 1_000;

/// To find the other cases of one character.
const FOLD_STEPS: u64 = 2;

/// To read one byte of an expression.
const SOURCE_BYTE_STEPS: u64 = 32;

/// Compiling copies ends when [`REGEX_BYTES_MAX`] is crossed, so it takes no more.
const COPIES_STEPS_MAX: u64 = 500_000;

/// A compiled regular expression; equal to another if its source is.
#[derive(Debug, Clone)]
pub(crate) struct Pattern {
    regex: Regex,
    cost: Cost,
}

/// What an expression costs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Cost {
    /// About its states when compiled.
    states: u64,
    /// To compile it.
    compile: u64,
}

impl Cost {
    /// None where `source` is malformed: compiling it says why.
    fn of(source: &str) -> Self {
        Parser::new().parse(source).map_or(Self { states: 0, compile: 0 }, |ast| cost(&ast))
    }
}

impl Pattern {
    /// Compiles `source`; the error is one line that says why it cannot be.
    pub(crate) fn compile(source: &str) -> Result<Self, String> {
        Self::build(source, Cost::of(source))
    }

    /// As [`Pattern::compile`], paid for before it is done.
    pub(crate) fn compile_within(source: &str, budget: &mut Budget) -> Result<Result<Self, String>, TooExpensive> {
        budget.charge(SOURCE_BYTE_STEPS * source.len() as u64)?;
        let cost = Cost::of(source);
        if cost.compile <= REGEX_COMPILE_STEPS_MAX {
            budget.charge(cost.compile)?;
        }
        Ok(Self::build(source, cost))
    }

    fn build(source: &str, cost: Cost) -> Result<Self, String> {
        if cost.compile > REGEX_COMPILE_STEPS_MAX {
            return Err("the regular expression is too large (it has too many classes of characters)".to_owned());
        }
        RegexBuilder::new(source)
            .size_limit(REGEX_BYTES_MAX)
            .dfa_size_limit(REGEX_BYTES_MAX)
            .build()
            .map(|regex| Self { regex, cost })
            .map_err(|error| explain(&error))
    }

    /// The text it was compiled from.
    pub(crate) fn source(&self) -> &str {
        self.regex.as_str()
    }

    /// What it took to compile it, in steps.
    pub(crate) fn compile_steps(&self) -> u64 {
        self.cost.compile
    }

    /// Whether it matches anywhere in `text`. Costs its states for every byte.
    pub(crate) fn matches(&self, text: &str, budget: &mut Budget) -> Result<bool, TooExpensive> {
        budget.charge(self.cost.states.saturating_mul(text.len() as u64 + 1))?;
        Ok(self.regex.is_match(text))
    }
}

impl PartialEq for Pattern {
    fn eq(&self, other: &Self) -> bool {
        self.source() == other.source()
    }
}

fn cost(ast: &Ast) -> Cost {
    let mut classes = Classes { folds: folds_case(ast), look_up: 0 };
    let (states, copies) = classes.of(ast);
    let compile = copies.saturating_add(states.saturating_mul(STATE_STEPS)).min(COPIES_STEPS_MAX);
    Cost { states, compile: compile.saturating_add(classes.look_up) }
}

/// Counts states, and what the classes cost.
struct Classes {
    /// Whether case is ignored anywhere.
    folds: bool,
    /// To make the classes, once each.
    look_up: u64,
}

impl Classes {
    /// The states, and what compiling classes costs in every copy. Recursion is as deep as the parser lets groups nest.
    fn of(&mut self, ast: &Ast) -> (u64, u64) {
        match ast {
            Ast::Empty(_) | Ast::Flags(_) | Ast::Assertion(_) => (1, 0),
            Ast::Literal(literal) => (literal.c.len_utf8() as u64, 0),
            Ast::Dot(_) => (CLASS_STATES, SMALL_CLASS_STEPS),
            Ast::ClassUnicode(_) | Ast::ClassPerl(_) => {
                self.look_up = self.look_up.saturating_add(LOOK_UP_STEPS);
                (CLASS_STATES, UNICODE_CLASS_STEPS)
            }
            Ast::ClassBracketed(class) => (CLASS_STATES, self.of_set(&class.kind).max(SMALL_CLASS_STEPS)),
            Ast::Repetition(repetition) => {
                let (states, copies) = self.of(&repetition.ast);
                let (times, more) = repeated(&repetition.op.kind);
                (states.saturating_mul(times).saturating_add(more), copies.saturating_mul(times))
            }
            Ast::Group(group) => {
                let (states, copies) = self.of(&group.ast);
                (states.saturating_add(2), copies)
            }
            Ast::Alternation(alternation) => self.of_all(&alternation.asts, 1),
            Ast::Concat(concat) => self.of_all(&concat.asts, 0),
        }
    }

    fn of_all(&mut self, asts: &[Ast], each: u64) -> (u64, u64) {
        asts.iter().fold((0, 0), |(states, copies): (u64, u64), ast| {
            let (more_states, more_copies) = self.of(ast);
            (states.saturating_add(more_states).saturating_add(each), copies.saturating_add(more_copies))
        })
    }

    fn of_set(&mut self, set: &ClassSet) -> u64 {
        match set {
            ClassSet::Item(item) => self.of_item(item),
            ClassSet::BinaryOp(operation) => self.of_set(&operation.lhs).saturating_add(self.of_set(&operation.rhs)),
        }
    }

    fn of_item(&mut self, item: &ClassSetItem) -> u64 {
        let (look_up, compile) = match item {
            ClassSetItem::Empty(_) => (0, 0),
            ClassSetItem::Literal(_) => (FOLD_STEPS, STATE_STEPS),
            ClassSetItem::Range(range) => {
                let width = u64::from(u32::from(range.end.c)).saturating_sub(u64::from(u32::from(range.start.c))) + 1;
                (if self.folds { width * FOLD_STEPS } else { FOLD_STEPS }, STATE_STEPS)
            }
            ClassSetItem::Ascii(_) => (LOOK_UP_STEPS, SMALL_CLASS_STEPS),
            ClassSetItem::Unicode(_) | ClassSetItem::Perl(_) => (LOOK_UP_STEPS, UNICODE_CLASS_STEPS),
            ClassSetItem::Bracketed(class) => return self.of_set(&class.kind),
            ClassSetItem::Union(union) => {
                return union.items.iter().fold(0_u64, |sum, item| sum.saturating_add(self.of_item(item)));
            }
        };
        self.look_up = self.look_up.saturating_add(look_up);
        compile
    }
}

/// How many copies of what is repeated are compiled, and the states beside them.
fn repeated(kind: &RepetitionKind) -> (u64, u64) {
    match kind {
        RepetitionKind::ZeroOrOne => (1, 1),
        RepetitionKind::ZeroOrMore | RepetitionKind::OneOrMore => (1, 2),
        RepetitionKind::Range(RepetitionRange::Exactly(times)) => (u64::from(*times).max(1), 0),
        RepetitionKind::Range(RepetitionRange::AtLeast(times)) => (u64::from(*times).max(1), 2),
        RepetitionKind::Range(RepetitionRange::Bounded(least, most)) => {
            (u64::from(*most).max(1), u64::from(most.saturating_sub(*least)))
        }
    }
}

fn folds_case(ast: &Ast) -> bool {
    let flags = match ast {
        Ast::Flags(set) => &set.flags,
        Ast::Group(group) => match &group.kind {
            GroupKind::NonCapturing(flags) => {
                if folds_case(&group.ast) {
                    return true;
                }
                flags
            }
            _ => return folds_case(&group.ast),
        },
        Ast::Repetition(repetition) => return folds_case(&repetition.ast),
        Ast::Alternation(alternation) => return alternation.asts.iter().any(folds_case),
        Ast::Concat(concat) => return concat.asts.iter().any(folds_case),
        _ => return false,
    };
    flags.items.iter().any(|item| matches!(item.kind, FlagsItemKind::Flag(Flag::CaseInsensitive)))
}

fn explain(error: &regex::Error) -> String {
    match error {
        // Several lines: the pattern, a caret below it, and last `error: unclosed group`.
        regex::Error::Syntax(report) => {
            let reason = report.lines().last().unwrap_or(report);
            format!("the regular expression is malformed ({})", reason.strip_prefix("error: ").unwrap_or(reason))
        }
        regex::Error::CompiledTooBig(limit) => {
            format!("the regular expression is too large (compiled, it takes more than {limit} bytes)")
        }
        other => format!("the regular expression cannot be compiled ({other})"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check_error(source: &str, expect: &str) {
        assert_eq!(Pattern::compile(source).unwrap_err(), expect);
    }

    fn matches(source: &str, text: &str) -> bool {
        Pattern::compile(source).unwrap().matches(text, &mut Budget::of_a_document()).unwrap()
    }

    #[test]
    fn a_bad_pattern_says_why_in_one_line() {
        check_error("(a", "the regular expression is malformed (unclosed group)");
        check_error(
            "(?=a)",
            "the regular expression is malformed (look-around, including look-ahead and look-behind, is not supported)",
        );
        check_error(r"(a)\1", "the regular expression is malformed (backreferences are not supported)");
        for source in ["((a{1000}){1000}){1000}", "a{0,900}.{900}b", r"\w{16}", "(?:.?){500}"] {
            check_error(source, "the regular expression is too large (compiled, it takes more than 262144 bytes)");
        }
    }

    /// Compiling the first of them takes 40 s otherwise.
    #[test]
    fn what_takes_long_to_compile_is_not_compiled() {
        let classes = ["(?i)", &"[\u{0}-\u{10ffff}]".repeat(5000)].concat();
        for source in [classes, r"\w".repeat(20_000), format!("[{}]", r"\w".repeat(20_000))] {
            check_error(&source, "the regular expression is too large (it has too many classes of characters)");
        }
    }

    #[test]
    fn a_match_may_be_anywhere() {
        assert!(matches("b+", "abbc"));
        assert!(!matches("^b+$", "abbc"));
    }

    /// They are part of the language: they may fall, never rise.
    #[test]
    fn what_expressions_cost() {
        for (source, states, compile) in [
            ("", 1, 10),
            ("Lord", 4, 40),
            ("^[A-Z]", 5, 1_052),
            (r"^\d+$", 8, 61_080),
            ("(?i)lord", 5, 50),
            ("(?i)[a-z]", 5, 1_102),
            ("(a|b|ab)*c", 12, 120),
            ("a{2,5}b", 9, 90),
            ("(?:é{3}){4,}", 34, 340),
            ("a{500}.{200}b", 1_301, 213_010),
            ("[ac]*a[ac]{2000}b", 8_008, 500_008),
            (r"(?:[^\w\s]|[[:alpha:]&&[^x]])*", 14, 124_152),
        ] {
            assert_eq!(Pattern::compile(source).unwrap().cost, Cost { states, compile }, "{source}");
        }
    }

    #[test]
    fn a_text_is_charged_before_it_is_looked_at() {
        let pattern = Pattern::compile("[ac]*a[ac]{2000}b").unwrap();
        let mut budget = Budget::of_a_document();
        assert!(pattern.matches(&"a".repeat(100_000), &mut budget).is_err());
        assert_eq!(budget.spent(), 0);
        assert_eq!(pattern.matches(&"a".repeat(999), &mut budget), Ok(false));
        assert_eq!(budget.spent(), 8_008 * 1000);
    }
}
