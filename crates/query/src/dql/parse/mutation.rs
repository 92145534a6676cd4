//! INSERT, UPDATE, DELETE and TOMBSTONE.

use super::super::SyntaxError;
use super::super::syntax::{
    Apply, Assigned, Assignment, ConflictPolicy, CounterChange, Delete, Expression, Insert, InsertSource, Update,
};
use super::Parser;

impl Parser<'_> {
    pub(super) fn insert(&mut self) -> Result<Insert, SyntaxError> {
        self.bump();
        self.expect_word("INTO")?;
        let source = self.collection()?;
        self.keys_are_strings = true;
        let initial = self.take_word("INITIAL");
        let documents = if self.take_word("DOCUMENTS") || self.take_word("VALUES") {
            InsertSource::Documents(self.list(Self::inserted)?)
        } else if !initial && self.is_word("SELECT") {
            self.keys_are_strings = false;
            InsertSource::Select(Box::new(self.select()?))
        } else {
            return Err(self.expected(if initial { "DOCUMENTS" } else { "DOCUMENTS, INITIAL DOCUMENTS or SELECT" }));
        };
        if initial && self.is_word("ON") {
            return Err(self.error("INITIAL DOCUMENTS and ON ID CONFLICT do not go together"));
        }
        let conflict = self.conflict_policy()?;
        self.keys_are_strings = false;
        let returning = self.returning(&source)?;
        Ok(Insert { source, initial, documents, conflict, returning })
    }

    /// `(expression)`.
    fn inserted(&mut self) -> Result<Expression, SyntaxError> {
        self.expect("(", "`(` and a document")?;
        let document = self.expression()?;
        self.expect(")", "`)` after a document (each document has its own parentheses)")?;
        Ok(document)
    }

    fn conflict_policy(&mut self) -> Result<ConflictPolicy, SyntaxError> {
        if !self.take_word("ON") {
            return Ok(ConflictPolicy::Fail);
        }
        self.expect_word("ID")?;
        self.expect_word("CONFLICT")?;
        self.take_word("DO");
        let policies = [
            ("FAIL", ConflictPolicy::Fail),
            ("NOTHING", ConflictPolicy::Nothing),
            ("UPDATE", ConflictPolicy::Update),
            ("MERGE", ConflictPolicy::Update),
            ("UPDATE_LOCAL_DIFF", ConflictPolicy::UpdateLocalDiff),
        ];
        let Some((_, policy)) = policies.into_iter().find(|(word, _)| self.is_word(word)) else {
            return Err(self.expected("FAIL, NOTHING, UPDATE, UPDATE_LOCAL_DIFF or MERGE"));
        };
        self.bump();
        Ok(policy)
    }

    pub(super) fn update(&mut self) -> Result<Update, SyntaxError> {
        self.bump();
        let source = self.source(&["APPLY", "SET", "UNSET"])?;
        self.keys_are_strings = true;
        let (mut apply, mut set, mut unset) = (Vec::new(), Vec::new(), Vec::new());
        loop {
            let clause = ["APPLY", "SET", "UNSET"].into_iter().find(|word| self.is_word(word));
            let is_new = match clause {
                Some("APPLY") => apply.is_empty(),
                Some("SET") => set.is_empty(),
                Some(_) => unset.is_empty(),
                None => break,
            };
            if !is_new {
                return Err(self.error(format!("{} is written once, with `,` between what it holds", self.token())));
            }
            self.bump();
            match clause {
                Some("APPLY") => apply = self.list(Self::counter_change)?,
                Some("SET") => self.assignments(&[], &mut set)?,
                _ => unset = self.list(Self::written_path)?,
            }
        }
        if apply.is_empty() && set.is_empty() && unset.is_empty() {
            return Err(self.expected("APPLY, SET or UNSET"));
        }
        let condition = self.condition()?;
        let tail = self.tail()?;
        self.keys_are_strings = false;
        let returning = self.returning(&source)?;
        Ok(Update { source, apply, set, unset, condition, tail, returning })
    }

    fn counter_change(&mut self) -> Result<Apply, SyntaxError> {
        let path = self.written_path()?;
        let change = if self.take_word("INCREMENT") || self.take_word("PN_INCREMENT") {
            self.expect_word("BY")?;
            CounterChange::Increment(self.expression()?)
        } else if self.take_word("RESTART") {
            CounterChange::Restart(if self.take_word("WITH") { Some(self.expression()?) } else { None })
        } else {
            return Err(self.expected("INCREMENT BY, PN_INCREMENT BY or RESTART after a counter"));
        };
        Ok(Apply { path, change })
    }

    /// What SET or `parent -> (` is followed by.
    fn assignments(&mut self, parent: &[String], set: &mut Vec<Assignment>) -> Result<(), SyntaxError> {
        loop {
            let path = self.written_path()?;
            let path = self.written_out(parent, path)?;
            if self.take("=") {
                set.push(Assignment { path, value: Assigned::Value(self.expression()?) });
            } else if self.take("->") {
                self.assignments_within(path, set)?;
            } else {
                return Err(self.expected("`=` or `->` after a field"));
            }
            if !self.take(",") {
                return Ok(());
            }
        }
    }

    /// From behind `path ->`.
    fn assignments_within(&mut self, path: Vec<String>, set: &mut Vec<Assignment>) -> Result<(), SyntaxError> {
        if self.is_symbol("(") {
            return self.nested(|parser| {
                parser.bump();
                parser.assignments(&path, set)?;
                parser.expect(")", "`,` or `)` after what is set")
            });
        }
        let value = if self.is_word("TOMBSTONE") {
            Assigned::Tombstone
        } else if self.is_word("DEFAULT") {
            Assigned::Default
        } else {
            return Err(self.expected("`(`, tombstone() or default() after `->`"));
        };
        self.bump();
        self.expect("(", "`()`")?;
        self.expect(")", "`)`")?;
        set.push(Assignment { path, value });
        Ok(())
    }

    pub(super) fn delete(&mut self) -> Result<Delete, SyntaxError> {
        self.bump();
        self.expect_word("FROM")?;
        let source = self.source(&[])?;
        if source.alias.is_some() && source.use_ids.is_none() && !self.is_word("WHERE") {
            // Otherwise `DELETE FROM boats sunk`, with WHERE forgotten, would delete every boat.
            return Err(self.expected("WHERE after an alias"));
        }
        self.keys_are_strings = true;
        let condition = self.condition()?;
        let tail = self.tail()?;
        self.keys_are_strings = false;
        let returning = self.returning(&source)?;
        Ok(Delete { source, condition, tail, returning })
    }
}
