//! What documents are named and selected by on the command line: JSON, or a bare word that is a
//! text.

use std::{borrow::Cow, collections::BTreeMap, str::FromStr};

use serde::Serialize;
use serde_json::value::RawValue;

/// A JSON value as it was typed; what does not look like JSON is a text.
#[derive(Debug, Clone, Serialize)]
#[serde(transparent)]
pub(crate) struct JsonText(Box<RawValue>);

impl JsonText {
    /// The JSON.
    pub(crate) fn as_json(&self) -> &str {
        self.0.get()
    }
}

impl FromStr for JsonText {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match serde_json::from_str::<Box<RawValue>>(text) {
            Ok(json) => Ok(Self(json)),
            Err(error) if text.trim_start().starts_with(['{', '[', '"']) => {
                Err(format!("it begins as JSON does, but is none: {error}"))
            }
            Err(_) => Ok(Self(serde_json::value::to_raw_value(text).map_err(|error| error.to_string())?)),
        }
    }
}

/// `name=JSON`.
#[derive(Debug, Clone)]
pub(crate) struct NamedArgument {
    name: String,
    value: JsonText,
}

impl NamedArgument {
    /// Its name and its value.
    pub(crate) fn pair(&self) -> (&str, &RawValue) {
        (self.name.trim_start_matches(':'), &self.value.0)
    }
}

impl FromStr for NamedArgument {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (name, value) = text.split_once('=').ok_or("an argument is NAME=JSON, as in age=18")?;
        let name = name.trim_start_matches("$args.");
        if name.is_empty() {
            return Err("an argument is NAME=JSON, as in age=18: the name is missing".to_owned());
        }
        Ok(Self { name: name.to_owned(), value: value.parse()? })
    }
}

/// Which documents of a collection.
#[derive(Debug, Clone, Default, clap::Args, Serialize)]
pub(crate) struct QueryArguments {
    /// Which documents, in the query language [default: all]
    #[serde(skip_serializing_if = "Option::is_none")]
    query: Option<String>,
    /// A value for $args.NAME in the query, as JSON; a bare word is a text. Repeatable
    #[arg(long = "arg", value_name = "NAME=JSON")]
    #[serde(rename = "args", skip_serializing_if = "Vec::is_empty", serialize_with = "as_object")]
    arguments: Vec<NamedArgument>,
}

fn as_object<S: serde::Serializer>(arguments: &[NamedArgument], serializer: S) -> Result<S::Ok, S::Error> {
    let by_name: BTreeMap<&str, &JsonText> =
        arguments.iter().map(|argument| (argument.name.as_str(), &argument.value)).collect();
    by_name.serialize(serializer)
}

/// `field` or `field:desc`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct SortBy {
    property: String,
    direction: Cow<'static, str>,
}

impl FromStr for SortBy {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (property, direction) = match text.rsplit_once(':') {
            Some((property, "asc")) => (property, "asc"),
            Some((property, "desc")) => (property, "desc"),
            Some((_, other)) => return Err(format!("a direction is asc or desc, not {other:?}")),
            None => (text, "asc"),
        };
        Ok(Self { property: property.to_owned(), direction: direction.into() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn json_is_json_and_a_word_is_a_text() {
        let parsed = |text: &str| text.parse::<JsonText>().map(|json| json.0.get().to_owned());
        for (text, json) in [
            ("abc123", r#""abc123""#),
            ("12", "12"),
            ("12a", r#""12a""#),
            (r#""12""#, r#""12""#),
            (r#"{"a":18446744073709551615}"#, r#"{"a":18446744073709551615}"#),
            ("it's \"it\"", r#""it's \"it\"""#),
        ] {
            assert_eq!(parsed(text).as_deref(), Ok(json));
        }
        assert!(parsed(r#"{"a":"#).unwrap_err().contains("begins as JSON does"));
    }

    #[test]
    fn a_sort_has_a_direction() {
        let sort = |text: &str| text.parse::<SortBy>().map(|sort| format!("{} {}", sort.property, sort.direction));
        assert_eq!(sort("age"), Ok("age asc".to_owned()));
        assert_eq!(sort("a.b:desc"), Ok("a.b desc".to_owned()));
        assert!(sort("age:down").unwrap_err().contains("asc or desc"));
    }
}
