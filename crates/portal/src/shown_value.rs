//! A value in a cell or in a drawer, as people read it: texts without quotes, dates as dates, each
//! kind in a colour of its own.
//!
//! Invariant: what is shown otherwise than it is stored, or cut, stands in the title as it is.
//! Not here: JSON (`json_text`).

use askama::{Template, filters::HtmlSafe};
use document::{Map, Value};

use crate::{clip::Clipper, figures, json_text, shown_attachment};

/// Numbers of milliseconds between these may be times: the year 2001, the year 2100.
const TIMES_MS: std::ops::Range<i64> = 978_307_200_000..4_102_444_800_000;

/// Characters that are never cut, however narrow the column is.
const NEVER_CUT: usize = 14;

/// A value, for a template.
#[derive(Debug, Clone, PartialEq, Eq, Template)]
#[template(
    source = r#"{% if let Some(exact) = exact %}<time class="cut v-{{ kind }}" datetime="{{ exact }}" title="{{ title }}">{{ text }}</time>{% else %}<span class="cut v-{{ kind }}"{% if !title.is_empty() %} title="{{ title }}"{% endif %}>{{ text }}</span>{% endif %}"#,
    ext = "html"
)]
pub(crate) struct ShownValue {
    /// Of the style sheet.
    pub(crate) kind: &'static str,
    pub(crate) text: String,
    title: String,
    /// Of a date: when exactly.
    exact: Option<String>,
}

impl HtmlSafe for ShownValue {}

impl ShownValue {
    /// As much of it as `bytes_max` of HTML hold.
    pub(crate) fn of(value: &Value, clipper: &mut Clipper, bytes_max: usize) -> Self {
        let kind = kind(value);
        if let (Value::String(text), Some(ms)) = (value, date_ms(value)) {
            let (exact, title) = (Some(figures::rfc3339(ms)), clipper.clip(text, bytes_max));
            return Self { kind: "date", text: figures::date_time(ms), title, exact };
        }
        let text = clipper.clip(&plain(value), bytes_max);
        let title = match value {
            Value::Int(ms) if TIMES_MS.contains(ms) => figures::date_time(*ms as u64),
            _ if text.chars().nth(NEVER_CUT).is_some() => text.clone(),
            _ => String::new(),
        };
        Self { kind, text, title, exact: None }
    }

    /// The token of an attachment: its file's name and length. In the title it is as it stands.
    pub(crate) fn of_token(token: &Map, clipper: &mut Clipper, bytes_max: usize) -> Self {
        let words = format!("{} ({})", shown_attachment::name(token), shown_attachment::length(token));
        let text = clipper.clip(&words, bytes_max);
        Self {
            kind: "file",
            text,
            title: clipper.clip(&json_text::line(&Value::Map(token.clone())), bytes_max),
            exact: None,
        }
    }
}

fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "bool",
        Value::Int(_) | Value::Uint(_) | Value::Float(_) => "number",
        Value::String(text) if text.is_empty() => "null",
        Value::String(_) => "text",
        Value::Array(_) | Value::Map(_) => "json",
    }
}

fn plain(value: &Value) -> String {
    match value {
        Value::String(text) if text.is_empty() => "empty".to_owned(),
        Value::String(text) => text.clone(),
        other => json_text::line(other),
    }
}

/// When, of a text that is a date and a time of day with its zone (RFC 3339).
fn date_ms(value: &Value) -> Option<u64> {
    let Value::String(text) = value else { return None };
    let may_be = (20..=40).contains(&text.len()) && text.as_bytes()[4] == b'-' && text.contains(['T', 't']);
    if may_be { figures::read_time(text) } else { None }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(json: &str) -> ShownValue {
        let value = Value::from_json(json.as_bytes()).unwrap();
        ShownValue::of(&value, &mut Clipper::new(1000), 60)
    }

    #[test]
    fn each_kind_is_read_as_what_it_is() {
        let pair = |json| {
            let ShownValue { kind, text, .. } = shown(json);
            (kind, text)
        };
        assert_eq!(pair("\"Susan\""), ("text", "Susan".to_owned()));
        assert_eq!(pair("\"\""), ("null", "empty".to_owned()));
        assert_eq!(pair("31"), ("number", "31".to_owned()));
        assert_eq!(pair("true"), ("bool", "true".to_owned()));
        assert_eq!(pair("null"), ("null", "null".to_owned()));
        assert_eq!(pair("[\"a\"]"), ("json", "[\"a\"]".to_owned()));
        assert_eq!(pair("\"2022-02-21T13:00:00+01:00\""), ("date", "2022-02-21 12:00:00 UTC".to_owned()));
        assert_eq!(pair("\"2022-02-21\"").0, "text");
        assert_eq!(pair("\"äöü-äöü-Täöü-äöü-\"").0, "text");
    }

    #[test]
    fn what_may_be_cut_or_is_shown_otherwise_is_in_the_title() {
        assert_eq!(shown("\"2022-02-21T13:00:00+01:00\"").title, "2022-02-21T13:00:00+01:00");
        assert_eq!(shown("1645444800000").title, "2022-02-21 12:00:00 UTC");
        assert_eq!(shown("31").title, "");
        assert_eq!(shown("\"a text that is long\"").title, "a text that is long");
        let html = shown("\"<b>\"").render().unwrap();
        assert_eq!(html, "<span class=\"cut v-text\">&#60;b&#62;</span>");
    }
}
