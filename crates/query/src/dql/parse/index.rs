//! CREATE INDEX, DROP INDEX and SHOW.

use super::super::SyntaxError;
use super::super::syntax::{CreateIndex, DropIndex, Like, Show};
use super::Parser;

impl Parser<'_> {
    pub(super) fn create_index(&mut self) -> Result<CreateIndex, SyntaxError> {
        self.bump();
        self.expect_word("INDEX")?;
        let if_not_exists = self.is_word_ahead(1, "NOT") && self.take_word("IF");
        if if_not_exists {
            self.expect_word("NOT")?;
            self.expect_word("EXISTS")?;
        }
        let (name, collection) = self.index_name()?;
        self.expect("(", "`(` and the fields of the index")?;
        let keys = self.list(|parser| {
            let path = parser.written_path()?;
            Ok((path, parser.is_descending()))
        })?;
        self.expect(")", "`,` or `)` after a field of the index")?;
        Ok(CreateIndex { name, collection, keys, if_not_exists })
    }

    pub(super) fn drop_index(&mut self) -> Result<DropIndex, SyntaxError> {
        self.bump();
        self.expect_word("INDEX")?;
        let if_exists = self.is_word_ahead(1, "EXISTS") && self.take_word("IF");
        if if_exists {
            self.expect_word("EXISTS")?;
        }
        let (name, collection) = self.index_name()?;
        Ok(DropIndex { name, collection, if_exists })
    }

    /// `name ON collection`, or `collection.name`: the index's name and the collection's.
    fn index_name(&mut self) -> Result<(String, String), SyntaxError> {
        let is_prefixed = self.is_symbol_ahead(1, ":");
        if !is_prefixed && !self.is_symbol_ahead(1, ".") {
            let name = self.name("an index's name")?;
            if !self.take_word("ON") {
                return Err(self.expected("ON and a collection after an index's name"));
            }
            return Ok((name, self.collection_name("")?));
        }
        let collection = self.collection_name("")?;
        self.expect(".", "`.` and an index's name")?;
        Ok((self.name("an index's name after `.`")?, collection))
    }

    pub(super) fn show(&mut self) -> Result<Show, SyntaxError> {
        self.bump();
        if !self.is_word("ALL") {
            return self.name("a parameter's name, or ALL").map(Show::Name);
        }
        self.bump();
        let any_case = self.is_word("ILIKE");
        if !any_case && !self.is_word("LIKE") {
            return Ok(Show::All { like: None });
        }
        self.bump();
        let pattern = self.text("a pattern in quotes")?;
        Ok(Show::All { like: Some(Like { pattern, any_case }) })
    }
}
