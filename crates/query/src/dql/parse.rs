//! Tokens to a [`Tree`], by recursive descent (docs/reference/dql.md).
//!
//! A word is a keyword only where it begins or ends a clause at that point; anywhere else it is a
//! name, so that a field may be called `count`, `order` or `end`.
//!
//! Invariants: no token is read twice, so that the work is linear in the text; recursion is bounded
//! by [`DEPTH_MAX`], the tree by [`TREE_DEPTH_MAX`]; each error says what was found, what was
//! expected and where; what other versions of SQL have and this one does not is refused by name.
//! Not here: what names mean (`bind`).

mod call;
mod expression;
mod index;
mod mutation;
mod path;
mod select;
mod source;

#[cfg(test)]
mod laws;
#[cfg(test)]
mod tests;

use super::SyntaxError;
use super::limits::{DEPTH_MAX, STATEMENT_BYTES_MAX, TERMS_MAX, TREE_DEPTH_MAX};
use super::syntax::{Expression, Tree};
use super::token::{Placed, Token, error_at, tokenize};

/// What may begin a statement.
const STATEMENTS: &str = "a statement (SELECT, INSERT, UPDATE, DELETE, CREATE INDEX, DROP INDEX, EXPLAIN or SHOW)";

/// The statement that `text` is.
pub(crate) fn parse(text: &str) -> Result<Tree, SyntaxError> {
    let mut parser = Parser::new(text)?;
    if parser.token() == &Token::End {
        return Err(parser.error("expected a statement"));
    }
    let tree = parser.statement()?;
    if parser.take(";") {
        parser.expect_end("the end after `;` (one statement at a time)")?;
    }
    parser.expect_end("the end of the statement")?;
    Ok(tree)
}

/// The condition that `text` is, alone.
pub(crate) fn parse_condition(text: &str) -> Result<Expression, SyntaxError> {
    let mut parser = Parser::new(text)?;
    if parser.token() == &Token::End {
        return Err(parser.error("expected a condition"));
    }
    if parser.is_word("SELECT") && (parser.is_name_ahead(1) || parser.is_symbol_ahead(1, "*")) {
        return Err(parser.error("expected a condition alone, as it stands after WHERE, not a whole SELECT"));
    }
    let condition = parser.expression()?;
    parser.expect_end("the end of the condition")?;
    Ok(condition)
}

struct Parser<'t> {
    text: &'t str,
    tokens: Vec<Placed<'t>>,
    /// Why the last token stands where it does, if not for the text's end.
    wrong: Option<SyntaxError>,
    /// The next token.
    at: usize,
    depth: usize,
    terms: usize,
    /// How deep the tree is of what was parsed in the innermost [`Parser::nested`].
    height: usize,
    /// What [`super::limits::NESTED_PATHS_BYTES_MAX`] bounds.
    nested_path_bytes: usize,
    /// The token after an alias without AS, and that alias.
    alias: Option<(usize, &'t str)>,
    /// Whether a key of an object must be a string, as in what is written.
    keys_are_strings: bool,
    /// How often a token was looked at.
    #[cfg(test)]
    looks: std::cell::Cell<usize>,
}

impl<'t> Parser<'t> {
    fn new(text: &'t str) -> Result<Self, SyntaxError> {
        if text.len() > STATEMENT_BYTES_MAX {
            let message =
                format!("the statement is {} bytes long; the limit of {STATEMENT_BYTES_MAX} is crossed", text.len());
            return Err(error_at(text, text.floor_char_boundary(STATEMENT_BYTES_MAX), message));
        }
        let tokens = tokenize(text);
        Ok(Self {
            text,
            tokens: tokens.all,
            wrong: tokens.wrong,
            at: 0,
            depth: 0,
            terms: 0,
            height: 0,
            nested_path_bytes: 0,
            alias: None,
            keys_are_strings: false,
            #[cfg(test)]
            looks: std::cell::Cell::new(0),
        })
    }

    fn statement(&mut self) -> Result<Tree, SyntaxError> {
        let Token::Word(word) = *self.token() else { return Err(self.expected(STATEMENTS)) };
        match word.to_ascii_uppercase().as_str() {
            "SELECT" => self.select().map(Tree::Select),
            "INSERT" => self.insert().map(Tree::Insert),
            "UPDATE" => self.update().map(Tree::Update),
            "DELETE" | "TOMBSTONE" => self.delete().map(Tree::Delete),
            "CREATE" => self.create_index().map(Tree::CreateIndex),
            "DROP" => self.drop_index().map(Tree::DropIndex),
            "EXPLAIN" => self.explain(),
            "SHOW" => self.show().map(Tree::Show),
            "EVICT" => Err(self.error("nothing is local to this server: use DELETE")),
            "ALTER" if self.is_word_ahead(1, "SYSTEM") => Err(self.error("ALTER SYSTEM is a small peer's setting")),
            "SYNC" if self.is_word_ahead(1, "CONTEXT") => Err(self.not_here("SYNC CONTEXT")),
            refused @ ("PROFILE" | "ADVISE" | "WITH" | "BEGIN" | "COMMIT" | "ROLLBACK" | "ALTER" | "MERGE"
            | "UPSERT" | "TRUNCATE") => Err(self.not_here(refused)),
            _ => Err(self.expected(STATEMENTS)),
        }
    }

    fn explain(&mut self) -> Result<Tree, SyntaxError> {
        self.bump();
        if self.is_word("EXPLAIN") {
            return Err(self.error("EXPLAIN explains any statement but EXPLAIN"));
        }
        self.statement().map(|explained| Tree::Explain(Box::new(explained)))
    }

    /// Items with commas between them.
    fn list<T>(&mut self, mut item: impl FnMut(&mut Self) -> Result<T, SyntaxError>) -> Result<Vec<T>, SyntaxError> {
        let mut items = vec![item(self)?];
        while self.take(",") {
            items.push(item(self)?);
        }
        Ok(items)
    }

    /// A name in a place where nothing else can stand, so that any word is one.
    fn name(&mut self, what: &str) -> Result<String, SyntaxError> {
        match self.take_name() {
            Some(name) => Ok(name),
            None => Err(self.expected(what)),
        }
    }

    fn take_name(&mut self) -> Option<String> {
        let name = match &mut self.tokens[self.at].token {
            Token::Word(word) => (*word).to_owned(),
            Token::QuotedName(name) => std::mem::take(name).into_owned(),
            _ => return None,
        };
        self.bump();
        Some(name)
    }

    /// A name that is an alias without AS, if there is one.
    fn take_alias(&mut self) -> Option<String> {
        if let Token::Word(word) = *self.token() {
            self.alias = Some((self.at + 1, word));
        }
        self.take_name()
    }

    fn take_text(&mut self) -> Option<String> {
        let Token::Text(text) = &mut self.tokens[self.at].token else { return None };
        let text = std::mem::take(text).into_owned();
        self.bump();
        Some(text)
    }

    fn text(&mut self, what: &str) -> Result<String, SyntaxError> {
        match self.take_text() {
            Some(text) => Ok(text),
            None => Err(self.expected(what)),
        }
    }

    /// Parses what stands one level deeper.
    fn nested<T>(&mut self, parse: impl FnOnce(&mut Self) -> Result<T, SyntaxError>) -> Result<T, SyntaxError> {
        self.depth += 1;
        if self.depth > DEPTH_MAX {
            return Err(self.error(format!(
                "parentheses, calls, NOT, CASE, arrays, objects and their like may nest {DEPTH_MAX} deep; \
                 the limit is crossed"
            )));
        }
        let beside = std::mem::take(&mut self.height);
        let parsed = parse(self)?;
        self.rise(beside, 1)?;
        self.depth -= 1;
        Ok(parsed)
    }

    /// What was parsed has come to stand `levels` deeper, `beside` what is that high.
    fn rise(&mut self, beside: usize, levels: usize) -> Result<(), SyntaxError> {
        self.height = beside.max(self.height + levels);
        if self.height > TREE_DEPTH_MAX {
            return Err(self.error(format!(
                "operators in a row and in parentheses may make an expression {TREE_DEPTH_MAX} deep; \
                 the limit is crossed"
            )));
        }
        Ok(())
    }

    fn count_term(&mut self) -> Result<(), SyntaxError> {
        self.terms += 1;
        if self.terms > TERMS_MAX {
            return Err(self.error(format!(
                "a statement may have {TERMS_MAX} operators, calls, paths and literals (a list of values is better \
                 one `IN` or a parameter); the limit is crossed"
            )));
        }
        Ok(())
    }

    fn take(&mut self, symbol: &str) -> bool {
        let is_there = self.is_symbol(symbol);
        if is_there {
            self.bump();
        }
        is_there
    }

    fn expect(&mut self, symbol: &str, what: &str) -> Result<(), SyntaxError> {
        if self.take(symbol) { Ok(()) } else { Err(self.expected(what)) }
    }

    fn take_word(&mut self, keyword: &str) -> bool {
        let is_there = self.is_word(keyword);
        if is_there {
            self.bump();
        }
        is_there
    }

    fn expect_word(&mut self, keyword: &str) -> Result<(), SyntaxError> {
        if self.take_word(keyword) { Ok(()) } else { Err(self.expected(keyword)) }
    }

    fn expect_end(&self, what: &str) -> Result<(), SyntaxError> {
        if self.token() == &Token::End && self.wrong.is_none() { Ok(()) } else { Err(self.expected(what)) }
    }

    fn is_symbol(&self, symbol: &str) -> bool {
        self.is_symbol_ahead(0, symbol)
    }

    fn is_symbol_ahead(&self, ahead: usize, symbol: &str) -> bool {
        matches!(self.token_ahead(ahead), Token::Symbol(found) if *found == symbol)
    }

    fn is_word(&self, keyword: &str) -> bool {
        self.is_word_ahead(0, keyword)
    }

    fn is_word_ahead(&self, ahead: usize, keyword: &str) -> bool {
        matches!(self.token_ahead(ahead), Token::Word(word) if word.eq_ignore_ascii_case(keyword))
    }

    fn is_one_of(&self, ahead: usize, keywords: &[&str]) -> bool {
        let Token::Word(word) = self.token_ahead(ahead) else { return false };
        keywords.iter().any(|keyword| word.eq_ignore_ascii_case(keyword))
    }

    fn is_name_ahead(&self, ahead: usize) -> bool {
        matches!(self.token_ahead(ahead), Token::Word(_) | Token::QuotedName(_))
    }

    fn bump(&mut self) {
        self.at = (self.at + 1).min(self.tokens.len() - 1);
    }

    fn token(&self) -> &Token<'t> {
        self.token_ahead(0)
    }

    fn token_ahead(&self, ahead: usize) -> &Token<'t> {
        #[cfg(test)]
        self.looks.set(self.looks.get() + 1);
        self.tokens.get(self.at + ahead).map_or(&Token::End, |placed| &placed.token)
    }

    fn offset(&self) -> usize {
        self.tokens[self.at].offset
    }

    fn expected(&self, what: &str) -> SyntaxError {
        self.expected_with_hint(what, "")
    }

    /// `hint` begins with a space.
    fn expected_with_hint(&self, what: &str, hint: &str) -> SyntaxError {
        match self.foreign() {
            Some(foreign) => self.not_here(foreign),
            None => {
                let alias = self.alias.filter(|(next, _)| *next == self.at);
                let alias = alias.map(|(_, alias)| format!(" (`{alias}` was read as an alias)")).unwrap_or_default();
                self.error(format!("expected {what}, found {}{hint}{alias}", self.token()))
            }
        }
    }

    /// What begins here and is not in this version of the language.
    fn foreign(&self) -> Option<&'static str> {
        let word = match self.token() {
            Token::Symbol(":") if self.is_symbol_ahead(1, ":") => return Some("`::type` (it is written CAST(… AS …))"),
            Token::Word(word) => *word,
            _ => return None,
        };
        let is = |keyword: &str| word.eq_ignore_ascii_case(keyword);
        let is_join = |ahead| self.is_one_of(ahead, &["JOIN", "OUTER"]);
        if is("JOIN") && (self.is_name_ahead(1) || self.is_symbol_ahead(1, "(")) {
            return Some("JOIN");
        }
        if is("FULL") && is_join(1) {
            return Some("FULL JOIN");
        }
        if is("CROSS") && is_join(1) {
            return Some("CROSS JOIN");
        }
        if ["INNER", "LEFT", "RIGHT", "NATURAL"].into_iter().any(is) && is_join(1) {
            return Some("JOIN");
        }
        if is("NULLS") && self.is_word_ahead(1, "FIRST") {
            return Some("NULLS FIRST");
        }
        if is("NULLS") && self.is_word_ahead(1, "LAST") {
            return Some("NULLS LAST");
        }
        let set_operators = ["UNION", "INTERSECT", "EXCEPT"];
        let operator = set_operators.into_iter().find(|operator| is(operator));
        if operator.is_some() && (self.is_one_of(1, &["SELECT", "ALL", "DISTINCT"]) || self.is_symbol_ahead(1, "(")) {
            return operator;
        }
        let similar = if is("NOT") { 1 } else { 0 };
        (self.is_word_ahead(similar, "SIMILAR") && self.is_word_ahead(similar + 1, "TO")).then_some("SIMILAR TO")
    }

    fn not_here(&self, what: &str) -> SyntaxError {
        self.error(format!("{what} is not in this version of the language"))
    }

    /// At the next token. Where the text is none, that is what is wrong.
    fn error(&self, message: impl Into<String>) -> SyntaxError {
        match &self.wrong {
            Some(wrong) if self.at + 1 == self.tokens.len() => wrong.clone(),
            _ => self.error_at(self.offset(), message),
        }
    }

    fn error_at(&self, offset: usize, message: impl Into<String>) -> SyntaxError {
        error_at(self.text, offset, message)
    }
}
