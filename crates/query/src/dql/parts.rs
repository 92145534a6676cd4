//! What an expression is made of, and the names of sources and aliases in it.
//!
//! Not here: what names mean (`bind`).

use std::collections::BTreeMap;

use super::limits::TERMS_MAX;
use super::syntax::{Binding, Expression, InList, Source, Step};
use crate::BindError;

macro_rules! parts {
    ($expression:expr, $each:ident, $inner:ident) => {
        match $expression {
            Expression::Literal(_) | Expression::Parameter(_) | Expression::Path(_) => Vec::new(),
            Expression::Array(elements) => elements.$each().collect(),
            Expression::Object(fields) => fields.$each().flat_map(|(name, value)| [name, value]).collect(),
            Expression::Not(inner) | Expression::Negate(inner) => vec![inner.$inner()],
            Expression::Binary { left, right, .. } => vec![left.$inner(), right.$inner()],
            Expression::Is { value, .. } | Expression::Cast { value, .. } => vec![value.$inner()],
            Expression::Like { value, pattern, .. } => vec![value.$inner(), pattern.$inner()],
            Expression::Between { value, low, high, .. } => vec![value.$inner(), low.$inner(), high.$inner()],
            Expression::In { value, list, .. } => {
                let mut parts = vec![value.$inner()];
                match list {
                    InList::Each(elements) => parts.extend(elements.$each()),
                    InList::Array(array) => parts.push(array.$inner()),
                }
                parts
            }
            Expression::Call { arguments, .. } => arguments.$each().collect(),
            Expression::Aggregate { argument, .. } => argument.$each().map(|inner| inner.$inner()).collect(),
            Expression::Case { operand, branches, otherwise } => {
                let mut parts: Vec<_> = operand.$each().map(|inner| inner.$inner()).collect();
                parts.extend(branches.$each().flat_map(|(when, then)| [when, then]));
                parts.extend(otherwise.$each().map(|inner| inner.$inner()));
                parts
            }
            Expression::Quantified { binding, condition, .. } => vec![binding.list.$inner(), condition.$inner()],
            Expression::Comprehension { key, element, binding, condition } => {
                let mut parts = vec![binding.list.$inner()];
                parts.extend(key.$each().map(|inner| inner.$inner()));
                parts.push(element.$inner());
                parts.extend(condition.$each().map(|inner| inner.$inner()));
                parts
            }
        }
    };
}

impl Expression {
    /// What stands directly in it; of what binds a variable, its list first.
    pub(crate) fn parts(&self) -> Vec<&Expression> {
        parts!(self, iter, as_ref)
    }

    fn parts_mut(&mut self) -> Vec<&mut Expression> {
        parts!(self, iter_mut, as_mut)
    }

    /// Whether `test` says so of it or of anything in it.
    pub(crate) fn is_any(&self, test: &impl Fn(&Expression) -> bool) -> bool {
        test(self) || self.parts().into_iter().any(|part| part.is_any(test))
    }

    /// Whether there is an aggregate in it.
    pub(crate) fn has_aggregate(&self) -> bool {
        self.is_any(&|part| matches!(part, Expression::Aggregate { .. }))
    }

    fn terms(&self) -> usize {
        1 + self.parts().into_iter().map(Expression::terms).sum::<usize>()
    }

    fn binding(&self) -> Option<&Binding> {
        match self {
            Expression::Quantified { binding, .. } | Expression::Comprehension { binding, .. } => Some(binding),
            _ => None,
        }
    }
}

impl Source {
    /// Whether a path may begin with this name to say that it is one of the source.
    pub(crate) fn is_called(&self, name: &str) -> bool {
        self.alias.as_deref().unwrap_or(&self.name) == name
    }

    /// The steps without the source's name.
    pub(crate) fn path_inside<'p>(&self, path: &'p [String]) -> &'p [String] {
        match path {
            [name, rest @ ..] if !rest.is_empty() && self.is_called(name) => rest,
            _ => path,
        }
    }
}

/// What the names of a projection stand for, where ORDER BY has them.
pub(crate) struct Aliases<'e> {
    meanings: BTreeMap<&'e str, &'e Expression>,
    /// How many terms may still be put in.
    terms_left: usize,
}

impl<'e> Aliases<'e> {
    pub(crate) fn new(meanings: impl Iterator<Item = (&'e str, &'e Expression)>) -> Self {
        Self { meanings: meanings.collect(), terms_left: TERMS_MAX }
    }

    /// The alias that `expression` is, and no more.
    pub(crate) fn named_by<'n>(&self, expression: &'n Expression) -> Option<&'n str> {
        match expression {
            Expression::Path(steps) => match steps.as_slice() {
                [Step::Field(name)] if self.meanings.contains_key(name.as_str()) => Some(name),
                _ => None,
            },
            _ => None,
        }
    }

    /// `expression` with what its aliases stand for. Where an alias stands for a path, a path may
    /// go on from it; a variable of that name hides it.
    pub(crate) fn resolved(&mut self, expression: &Expression) -> Result<Expression, BindError> {
        let mut resolved = expression.clone();
        self.resolve(&mut resolved, &mut Vec::new())?;
        Ok(resolved)
    }

    fn resolve(&mut self, expression: &mut Expression, hidden: &mut Vec<String>) -> Result<(), BindError> {
        if let Expression::Path(steps) = expression {
            if let Some(meaning) = self.meaning(steps, hidden)? {
                *expression = meaning;
            }
            return Ok(());
        }
        let mut variables: Vec<String> = expression
            .binding()
            .map(|binding| binding.index.iter().chain([&binding.name]).cloned().collect())
            .unwrap_or_default();
        let visible = hidden.len();
        for part in expression.parts_mut() {
            self.resolve(part, hidden)?;
            hidden.append(&mut variables); // the list, which comes first, does not see them
        }
        hidden.truncate(visible);
        Ok(())
    }

    fn meaning(&mut self, steps: &[Step], hidden: &[String]) -> Result<Option<Expression>, BindError> {
        let Some((Step::Field(name), rest)) = steps.split_first() else { return Ok(None) };
        if hidden.contains(name) {
            return Ok(None);
        }
        let meaning = match (self.meanings.get(name.as_str()), rest) {
            (None, _) => return Ok(None),
            (Some(meaning), []) => meaning,
            (Some(Expression::Path(path)), rest) => {
                return Ok(Some(Expression::Path(path.iter().chain(rest).cloned().collect())));
            }
            (Some(_), _) => return Ok(None),
        };
        let Some(left) = self.terms_left.checked_sub(meaning.terms()) else {
            let message = format!("ORDER BY has more than {TERMS_MAX} terms once its aliases are put in");
            return Err(BindError { message });
        };
        self.terms_left = left;
        Ok(Some((*meaning).clone()))
    }
}

#[cfg(test)]
mod tests {
    use document::Value;

    use super::super::syntax::{Binary, Quantifier};
    use super::*;

    fn path(names: &[&str]) -> Expression {
        Expression::Path(names.iter().map(|name| Step::Field((*name).to_owned())).collect())
    }

    fn sum(left: Expression, right: Expression) -> Expression {
        Expression::Binary { operator: Binary::Add, left: Box::new(left), right: Box::new(right) }
    }

    fn any(name: &str, list: Expression, condition: Expression) -> Expression {
        let binding = Binding { index: None, name: name.to_owned(), within: false, list: Box::new(list) };
        Expression::Quantified { quantifier: Quantifier::Any, binding, condition: Box::new(condition) }
    }

    #[test]
    fn an_alias_is_resolved_once_and_variables_hide_it() {
        let (twice, place) = (sum(path(&["n"]), path(&["n"])), path(&["a", "b"]));
        let meanings = [("n", &twice), ("p", &place)];
        let resolved = |expression| Aliases::new(meanings.into_iter()).resolved(&expression).unwrap();
        assert_eq!(resolved(path(&["n"])), twice);
        assert_eq!(resolved(path(&["p", "c"])), path(&["a", "b", "c"]));
        assert_eq!(resolved(path(&["n", "c"])), path(&["n", "c"]));
        let one = Expression::Literal(Value::Int(1));
        assert_eq!(resolved(sum(one.clone(), path(&["p"]))), sum(one, place.clone()));
        let inside = any("p", path(&["p"]), path(&["p"]));
        assert_eq!(resolved(inside), any("p", place.clone(), path(&["p"])));
    }

    #[test]
    fn aliases_do_not_make_an_order_as_large_as_they_please() {
        let large = Expression::Array(vec![path(&["x"]); TERMS_MAX / 2]);
        let meanings = [("n", &large)];
        let order = sum(path(&["n"]), path(&["n"]));
        let refused = Aliases::new(meanings.into_iter()).resolved(&order).unwrap_err();
        assert!(refused.message.contains("4096 terms"), "{refused}");
    }
}
