//! SELECT, its projection (RETURNING's too), and ORDER BY, LIMIT, OFFSET.

use super::super::SyntaxError;
use super::super::syntax::{Expression, Item, OrderKey, Projection, Select, Source, Step, Tail};
use super::super::token::Token;
use super::Parser;
use super::expression::INFIX_WORDS;

/// What a SELECT that names no collection may have meant.
const NO_DOCUMENTS: &str = " (without documents it is FROM system:dual)";

impl Parser<'_> {
    pub(super) fn select(&mut self) -> Result<Select, SyntaxError> {
        self.bump();
        let distinct = self.is_distinct() && self.take_word("DISTINCT");
        let mut projection = self.projection()?;
        if !self.take_word("FROM") {
            let what = if is_all(&projection) { "FROM" } else { "an operator, `,` or FROM" };
            let is_end = self.token() == &Token::End || self.is_symbol(";");
            return Err(self.expected_with_hint(what, if is_end { NO_DOCUMENTS } else { "" }));
        }
        let source = self.source(&[])?;
        if self.is_symbol(",") {
            return Err(self.not_here("a second collection after FROM"));
        }
        resolve_all(&mut projection, &source);
        let condition = self.condition()?;
        let group_by = if self.take_word("GROUP") {
            self.expect_word("BY")?;
            self.list(Self::expression)?
        } else {
            Vec::new()
        };
        let having = if self.take_word("HAVING") { Some(self.expression()?) } else { None };
        let tail = self.tail()?;
        Ok(Select { distinct, projection, source, condition, group_by, having, tail })
    }

    /// Whether `distinct` is the keyword here, not a field.
    fn is_distinct(&self) -> bool {
        let is_name = matches!(
            self.token_ahead(1),
            Token::Symbol("." | "," | "=" | "==" | "!=" | "<>" | "<" | "<=" | ">" | ">=" | "+" | "/" | "%" | "||")
        );
        self.is_word("DISTINCT") && !is_name && !self.is_one_of(1, &["AND", "AS", "FROM", "IN", "IS", "LIKE", "OR"])
    }

    /// `*`, or items.
    pub(super) fn projection(&mut self) -> Result<Projection, SyntaxError> {
        if !self.is_symbol("*") {
            return self.list(Self::item).map(|items| Projection { items });
        }
        self.bump();
        if self.is_symbol(",") {
            let message = "`*` stands alone (every field beside other items is written `name.*`, after the collection \
                           or its alias)";
            return Err(self.error(message));
        }
        Ok(Projection { items: vec![Item::All] })
    }

    fn item(&mut self) -> Result<Item, SyntaxError> {
        if self.is_symbol("*") {
            let hint = " (every field beside other items is written `name.*`, after the collection or its alias)";
            return Err(self.expected_with_hint("an expression", hint));
        }
        if self.is_word("MISSING") && self.is_name_ahead(1) && !self.is_one_of(1, INFIX_WORDS) {
            self.bump();
            return self.path().map(Item::Without);
        }
        let expression = self.expression()?;
        match expression {
            Expression::Path(steps) if self.is_symbol(".") && self.is_symbol_ahead(1, "*") => {
                self.bump();
                self.bump();
                Ok(Item::AllOf(steps))
            }
            expression => Ok(Item::Value { expression, name: self.item_alias()? }),
        }
    }

    fn item_alias(&mut self) -> Result<Option<String>, SyntaxError> {
        if self.take_word("AS") {
            if self.is_word("FROM") && self.is_name_ahead(1) && !self.is_word_ahead(1, "FROM") {
                return Err(self.expected("an alias after AS"));
            }
            return self.name("an alias after AS").map(Some);
        }
        let is_keyword = self.is_one_of(0, &["FROM", "NOT", "WHERE"]) || self.foreign().is_some();
        Ok(if is_keyword { None } else { self.take_alias() })
    }

    pub(super) fn tail(&mut self) -> Result<Tail, SyntaxError> {
        let mut tail = Tail::default();
        if self.take_word("ORDER") {
            self.expect_word("BY")?;
            tail.order = self.list(Self::order_key)?;
        }
        if self.take_word("LIMIT") {
            tail.limit = Some(self.expression()?);
        }
        if self.take_word("OFFSET") {
            tail.offset = Some(self.expression()?);
            if self.is_word("LIMIT") {
                return Err(self.expected_with_hint("the end of the statement", " (LIMIT stands before OFFSET)"));
            }
        }
        Ok(tail)
    }

    fn order_key(&mut self) -> Result<OrderKey, SyntaxError> {
        let expression = self.expression()?;
        Ok(OrderKey { expression, descending: self.is_descending() })
    }

    /// Takes ASC or DESC.
    pub(super) fn is_descending(&mut self) -> bool {
        let descending = self.take_word("DESC");
        if !descending {
            self.take_word("ASC");
        }
        descending
    }

    /// `[RETURNING …]` of what is written to `source`.
    pub(super) fn returning(&mut self, source: &Source) -> Result<Option<Projection>, SyntaxError> {
        if !self.take_word("RETURNING") {
            return Ok(None);
        }
        let mut projection = self.projection()?;
        resolve_all(&mut projection, source);
        Ok(Some(projection))
    }
}

fn is_all(projection: &Projection) -> bool {
    projection.items == [Item::All]
}

/// `name.*` of the source itself is every field.
fn resolve_all(projection: &mut Projection, source: &Source) {
    for item in &mut projection.items {
        if let Item::AllOf(steps) = item
            && let [Step::Field(name)] = steps.as_slice()
            && (*name == source.name || Some(name) == source.alias.as_ref())
        {
            *item = Item::All;
        }
    }
}
