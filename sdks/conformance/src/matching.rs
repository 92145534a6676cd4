//! Whether an answer is what a vector expects.
//!
//! `"$name"` stands for anything at its first place, and for the same from then on; `"$any"` for
//! anything wherever it is; `"$optional"` for
//! anything or nothing; of an error the code counts. The order of an object's fields does not.

use std::collections::BTreeMap;

use anyhow::{Context, Result, bail};

use crate::notation::Json;

/// What names stand for.
#[derive(Debug, Clone, Default)]
pub(crate) struct Names(BTreeMap<String, Json>);

impl Names {
    /// What is asked for, with what its names stand for.
    ///
    /// # Errors
    /// A name that stands for nothing yet.
    pub(crate) fn fill(&self, json: &Json) -> Result<Json> {
        Ok(match json {
            Json::Text(text) if is_name(text) => {
                self.0.get(text).with_context(|| format!("{text} stands for nothing"))?.clone()
            }
            Json::List(elements) => Json::List(elements.iter().map(|it| self.fill(it)).collect::<Result<_>>()?),
            Json::Object(fields) => {
                let filled = fields.iter().map(|(name, value)| Ok((name.clone(), self.fill(value)?)));
                Json::Object(filled.collect::<Result<_>>()?)
            }
            other => other.clone(),
        })
    }

    /// Whether it is so.
    ///
    /// # Errors
    /// It is not.
    pub(crate) fn check(&mut self, expected: &Json, actual: &Json) -> Result<()> {
        match (expected, actual) {
            (Json::Text(text), _) if text == "$any" => {}
            (Json::Text(text), _) if is_name(text) => match self.0.get(text) {
                Some(known) if known != actual => bail!("{text} is {}, not {}", actual.to_line(), known.to_line()),
                _ => drop(self.0.insert(text.clone(), actual.clone())),
            },
            (Json::List(expected), Json::List(actual)) if expected.len() == actual.len() => {
                for (expected, actual) in expected.iter().zip(actual) {
                    self.check(expected, actual)?;
                }
            }
            (Json::Object(fields), Json::Object(others)) => {
                for (name, value) in fields {
                    match actual.field(name) {
                        Some(error) if name == "error" => check_error(value, error)?,
                        Some(other) if !is_optional(value) => self.check(value, other)?,
                        None if !is_optional(value) => bail!("{} has no `{name}`", actual.to_line()),
                        _ => {}
                    }
                }
                if let Some((name, _)) = others.iter().find(|(name, _)| expected.field(name).is_none()) {
                    bail!("{} has `{name}`, which nobody expects", actual.to_line());
                }
            }
            (expected, actual) if expected == actual => {}
            _ => bail!("{}, not {}", actual.to_line(), expected.to_line()),
        }
        Ok(())
    }
}

fn is_name(text: &str) -> bool {
    let name = text.strip_prefix('$').unwrap_or_default();
    !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_')
}

fn is_optional(json: &Json) -> bool {
    json.as_text() == Some("$optional")
}

fn check_error(expected: &Json, actual: &Json) -> Result<()> {
    let (code, is) = (expected.text_of("code")?, actual.text_of("code")?);
    if code != is || actual.text_of("message")?.is_empty() {
        bail!("the error {}, not {code}", actual.to_line());
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(expected: &str, actual: &str, holds: bool) {
        let (expected, actual) = (Json::parse(expected).expect("JSON"), Json::parse(actual).expect("JSON"));
        assert_eq!(Names::default().check(&expected, &actual).is_ok(), holds);
    }

    #[test]
    fn names_stand_for_one_thing_and_the_order_of_fields_for_none() {
        check(r#"{"a": 1, "b": [2]}"#, r#"{"b": [2], "a": 1}"#, true);
        check(r#"{"a": 1}"#, r#"{"a": 1, "b": 2}"#, false);
        check(r#"{"a": 1, "b": 2}"#, r#"{"a": 1}"#, false);
        check(r#"{"a": 1}"#, r#"{"a": 1.0}"#, false);
        check("[1, 2]", "[2, 1]", false);
        check(r#"["$id", "$id"]"#, "[1, 1]", true);
        check(r#"["$id", "$id"]"#, "[1, 2]", false);
        check(r#"["$any", "$any"]"#, "[1, 2]", true);
        check(r#"{"a": "$optional"}"#, "{}", true);
        check(r#"{"error": {"code": "closed"}}"#, r#"{"error": {"code": "closed", "message": "why"}}"#, true);
        check(r#"{"error": {"code": "closed"}}"#, r#"{"error": {"code": "closed", "message": ""}}"#, false);
        check(r#"{"error": {"code": "closed"}}"#, r#"{"error": {"code": "exists", "message": "why"}}"#, false);
        check(r#""$args.x""#, r#""other""#, false);
    }
}
