//! Whose documents: a collection's name, its definitions, an alias and USE.

use document::{FieldType, Value};

use super::super::SyntaxError;
use super::super::limits::NESTED_PATHS_BYTES_MAX;
use super::super::syntax::{Expression, Source, UseIds};
use super::super::token::Token;
use super::Parser;

/// What a step takes beside its name where a nested path is written out, in bytes.
const STEP_BYTES: usize = 24;

impl Parser<'_> {
    /// `[COLLECTION] name [(definitions)] [[AS] alias] [USE …]`. `ends` are the words that begin
    /// what may follow in that statement beside what follows in any.
    pub(super) fn source(&mut self, ends: &[&str]) -> Result<Source, SyntaxError> {
        let mut source = self.collection()?;
        source.alias = self.source_alias(ends)?;
        while self.is_use() {
            self.bump();
            if self.is_word("IDS") && source.use_ids.is_none() {
                source.use_ids = Some(self.use_ids()?);
            } else if self.is_word("INDEX") && source.use_index.is_none() {
                self.bump();
                source.use_index = Some(self.text("an index's name in quotes after USE INDEX")?);
            } else if self.take_word("DIRECTIVES") {
                let directives = self.text("JSON in quotes after USE DIRECTIVES")?;
                source.use_index = source.use_index.or_else(|| directed_index(&directives));
            } else {
                return Err(self.error(format!("USE {} is written once", self.token())));
            }
        }
        Ok(source)
    }

    /// `[COLLECTION] name [(definitions)]`.
    pub(super) fn collection(&mut self) -> Result<Source, SyntaxError> {
        let hint = if self.take_word("COLLECTION") {
            " (a collection of that name is written `collection` in backticks)"
        } else {
            ""
        };
        let name = self.collection_name(hint)?;
        let mut definitions = Vec::new();
        if self.is_symbol("(") {
            self.nested(|parser| parser.definitions(&[], &mut definitions))?;
        }
        Ok(Source { name, definitions, alias: None, use_ids: None, use_index: None })
    }

    /// `name`, `default:name` or `system:name`.
    pub(super) fn collection_name(&mut self, hint: &str) -> Result<String, SyntaxError> {
        let what = "a collection's name";
        if self.is_symbol("(") && self.is_word_ahead(1, "SELECT") {
            return Err(self.not_here("a subquery"));
        }
        if self.is_one_of(0, &["FROM", "SELECT", "WHERE"]) {
            return Err(self.expected_with_hint(what, hint));
        }
        let offset = self.offset();
        let is_word = matches!(self.token(), Token::Word(_));
        let Some(name) = self.take_name() else { return Err(self.expected_with_hint(what, hint)) };
        if !self.is_symbol(":") || self.is_symbol_ahead(1, ":") {
            return Ok(if name == "__collections" { "system:collections".to_owned() } else { name });
        }
        self.bump();
        match name.to_ascii_lowercase().as_str() {
            "default" if is_word => self.name("a collection's name after `default:`"),
            "system" if is_word => {
                self.name("a collection's name after `system:`").map(|name| format!("system:{name}"))
            }
            _ => Err(self.error_at(offset, format!("expected `default` or `system` before `:`, found `{name}`"))),
        }
    }

    /// `(name type, …)` of a MAP or of the document itself, after `parent`.
    fn definitions(
        &mut self,
        parent: &[String],
        definitions: &mut Vec<(Vec<String>, FieldType)>,
    ) -> Result<(), SyntaxError> {
        self.bump();
        loop {
            self.count_term()?;
            let step = self.name("a field's name and its type")?;
            let path = self.written_out(parent, vec![step])?;
            let kind = self.field_type()?;
            definitions.push((path.clone(), kind));
            if kind == FieldType::Map && self.is_symbol("(") {
                self.nested(|parser| parser.definitions(&path, definitions))?;
            }
            if !self.take(",") {
                return self.expect(")", "`,` or `)` after a field's type");
            }
        }
    }

    fn field_type(&mut self) -> Result<FieldType, SyntaxError> {
        const TYPES: [(&str, FieldType); 5] = [
            ("REGISTER", FieldType::Register),
            ("COUNTER", FieldType::Counter),
            ("PN_COUNTER", FieldType::Counter),
            ("ATTACHMENT", FieldType::Attachment),
            ("MAP", FieldType::Map),
        ];
        if let Some((_, kind)) = TYPES.into_iter().find(|(word, _)| self.is_word(word)) {
            self.bump();
            return Ok(kind);
        }
        let hint = match self.token() {
            Token::Symbol("," | ")") => " (INSERT takes no list of columns: INSERT INTO c DOCUMENTS ({'a': 1}))",
            Token::Symbol(".") => " (a field within another is declared in MAP (…))",
            _ => "",
        };
        Err(self.expected_with_hint("a field's type (REGISTER, COUNTER, PN_COUNTER, ATTACHMENT or MAP)", hint))
    }

    /// `path` after `parent`, both paid for where there is one.
    pub(super) fn written_out(&mut self, parent: &[String], path: Vec<String>) -> Result<Vec<String>, SyntaxError> {
        if parent.is_empty() {
            return Ok(path);
        }
        let mut whole = Vec::with_capacity(parent.len() + path.len());
        self.nested_path_bytes += parent.iter().map(|step| step.len() + STEP_BYTES).sum::<usize>();
        if self.nested_path_bytes > NESTED_PATHS_BYTES_MAX {
            return Err(self.error(format!(
                "nested paths, each written out, may be {NESTED_PATHS_BYTES_MAX} bytes long together; \
                 the limit is crossed"
            )));
        }
        whole.extend_from_slice(parent);
        whole.extend(path);
        self.check_steps(whole.len())?;
        Ok(whole)
    }

    fn source_alias(&mut self, ends: &[&str]) -> Result<Option<String>, SyntaxError> {
        if self.take_word("AS") {
            return self.name("an alias after AS").map(Some);
        }
        let begins_clause = self.is_one_of(0, &["HAVING", "LIMIT", "OFFSET", "ON", "RETURNING", "WHERE"])
            || (self.is_one_of(0, &["GROUP", "ORDER"]) && self.is_word_ahead(1, "BY"))
            || self.is_use()
            || self.is_one_of(0, ends)
            || self.foreign().is_some();
        Ok(if begins_clause { None } else { self.take_alias() })
    }

    fn is_use(&self) -> bool {
        self.is_word("USE") && self.is_one_of(1, &["IDS", "INDEX", "DIRECTIVES"])
    }

    fn use_ids(&mut self) -> Result<UseIds, SyntaxError> {
        self.bump();
        if self.take_word("LIST") {
            return self.expression().map(UseIds::List);
        }
        if self.is_symbol("(") {
            return Err(self.expected_with_hint("an id", " (USE IDS 'a', 'b', or USE IDS LIST :ids)"));
        }
        self.elements().map(UseIds::Each)
    }

    /// Which documents an UPDATE or a DELETE means, after WHERE.
    pub(super) fn condition(&mut self) -> Result<Option<Expression>, SyntaxError> {
        if self.take_word("WHERE") { self.expression().map(Some) } else { Ok(None) }
    }
}

/// The one index that `{"#index": "name"}` names. Other directives mean nothing here.
fn directed_index(directives: &str) -> Option<String> {
    let Ok(Value::Map(directives)) = Value::from_json(directives.as_bytes()) else { return None };
    match directives.field("#index") {
        Some(Value::String(name)) => Some(name.clone()),
        _ => None,
    }
}
