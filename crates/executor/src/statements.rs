//! Parsed statements, kept by their texts: applications send the same few again and again.
//!
//! Invariants: bounded in number and in bytes of text; nothing is parsed under the lock.

use std::{
    collections::{HashMap, VecDeque},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use query::dql::{Statement, SyntaxError};

use crate::limits::{STATEMENT_KEPT_BYTES_MAX, STATEMENTS_BYTES_MAX, STATEMENTS_MAX};

/// The statements that were parsed lately.
#[derive(Debug, Default)]
pub struct Statements {
    kept: Mutex<Kept>,
}

#[derive(Debug, Default)]
struct Kept {
    by_text: HashMap<Arc<str>, Entry>,
    /// Every text once; the first goes next, unless it was asked for since it came here.
    queue: VecDeque<Arc<str>>,
    text_bytes: usize,
}

#[derive(Debug)]
struct Entry {
    statement: Arc<Statement>,
    was_asked_for: bool,
}

impl Statements {
    /// The statement that `text` is.
    ///
    /// # Errors
    /// As [`Statement::parse`].
    pub fn parse(&self, text: &str) -> Result<Arc<Statement>, SyntaxError> {
        if let Some(known) = self.kept().find(text) {
            return Ok(known);
        }
        let statement = Arc::new(Statement::parse(text)?);
        if text.len() <= STATEMENT_KEPT_BYTES_MAX {
            self.kept().keep(text, &statement);
        }
        Ok(statement)
    }

    fn kept(&self) -> MutexGuard<'_, Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Kept {
    fn find(&mut self, text: &str) -> Option<Arc<Statement>> {
        let entry = self.by_text.get_mut(text)?;
        entry.was_asked_for = true;
        Some(entry.statement.clone())
    }

    fn keep(&mut self, text: &str, statement: &Arc<Statement>) {
        if self.by_text.contains_key(text) {
            return; // another request was faster
        }
        while self.by_text.len() >= STATEMENTS_MAX || self.text_bytes + text.len() > STATEMENTS_BYTES_MAX {
            self.drop_one();
        }
        let text: Arc<str> = text.into();
        self.text_bytes += text.len();
        self.queue.push_back(text.clone());
        self.by_text.insert(text, Entry { statement: statement.clone(), was_asked_for: false });
    }

    fn drop_one(&mut self) {
        while let Some(text) = self.queue.pop_front() {
            let entry = self.by_text.get_mut(&text).expect("what is in the queue is kept");
            if std::mem::take(&mut entry.was_asked_for) {
                self.queue.push_back(text);
                continue;
            }
            self.by_text.remove(&text);
            self.text_bytes -= text.len();
            return;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_statement_is_parsed_once_and_what_is_asked_for_stays() {
        let statements = Statements::default();
        let often = statements.parse("SELECT * FROM often").unwrap();
        for n in 0..3 * STATEMENTS_MAX {
            statements.parse(&format!("SELECT * FROM t{n}")).unwrap();
            assert!(Arc::ptr_eq(&often, &statements.parse("SELECT * FROM often").unwrap()));
        }
        let kept = statements.kept.lock().unwrap();
        assert_eq!((kept.by_text.len(), kept.queue.len()), (STATEMENTS_MAX, STATEMENTS_MAX));
        assert_eq!(kept.text_bytes, kept.by_text.keys().map(|text| text.len()).sum::<usize>());
    }

    #[test]
    fn long_ones_are_not_kept_and_texts_are_bounded() {
        let statements = Statements::default();
        let long = format!("SELECT * FROM c -- {}", "x".repeat(STATEMENT_KEPT_BYTES_MAX));
        statements.parse(&long).unwrap();
        assert_eq!(statements.kept.lock().unwrap().by_text.len(), 0);
        for n in 0..400 {
            statements.parse(&format!("SELECT * FROM c -- {n} {}", "x".repeat(STATEMENT_KEPT_BYTES_MAX - 30))).unwrap();
        }
        let kept = statements.kept.lock().unwrap();
        assert!(kept.text_bytes <= STATEMENTS_BYTES_MAX && kept.by_text.len() > 200, "{}", kept.text_bytes);
    }
}
