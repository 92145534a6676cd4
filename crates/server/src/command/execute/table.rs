//! Rows in columns, no wider than the terminal.

use std::{borrow::Cow, fmt};

use serde::{
    Deserialize, Deserializer,
    de::{MapAccess, Visitor},
};
use serde_json::value::RawValue;

use crate::output::counted;

/// Where the terminal does not say how wide it is.
const WIDTH_DEFAULT: usize = 80;

/// No column is made narrower, so that something of it is seen.
const COLUMN_WIDTH_MIN: usize = 4;

/// Between two columns.
const GAP: &str = "  ";

/// The fields of a row, in their order.
struct Row<'r>(Vec<(String, &'r RawValue)>);

/// The rows below their names, in the order in which those come first.
pub(super) fn table(items: &[&RawValue], width: usize) -> anyhow::Result<String> {
    let rows: Vec<Row<'_>> = items.iter().map(|item| serde_json::from_str(item.get())).collect::<Result<_, _>>()?;
    let mut names: Vec<&str> = Vec::new();
    for (name, _) in rows.iter().flat_map(|row| &row.0) {
        if !names.contains(&name.as_str()) {
            names.push(name);
        }
    }
    if names.is_empty() {
        return Ok(counted(rows.len() as u64, "row"));
    }
    let cells = |row: &Row<'_>| -> Vec<String> {
        let cell =
            |name: &&str| row.0.iter().find(|(known, _)| known == name).map_or(String::new(), |(_, it)| shown(it));
        names.iter().map(cell).collect()
    };
    let mut lines: Vec<Vec<String>> = vec![names.iter().map(|name| visible(name).into_owned()).collect()];
    lines.extend(rows.iter().map(cells));
    let widest = |column: usize| lines.iter().map(|line| line[column].chars().count()).max().unwrap_or(0);
    let widths = fitted((0..names.len()).map(widest).collect(), width);
    let mut text = String::new();
    for line in &lines {
        let cells = line.iter().zip(&widths).map(|(cell, &width)| format!("{:width$}", cut(cell, width)));
        text.push_str(cells.collect::<Vec<_>>().join(GAP).trim_end());
        text.push('\n');
    }
    text.truncate(text.trim_end_matches('\n').len());
    Ok(text)
}

/// How wide the terminal at stdout is, in characters.
pub(super) fn width() -> usize {
    let size = rustix::termios::tcgetwinsize(std::io::stdout()).ok();
    size.map(|size| usize::from(size.ws_col)).filter(|&columns| columns > 0).unwrap_or(WIDTH_DEFAULT)
}

/// The widest columns are cut until all fit.
fn fitted(mut widths: Vec<usize>, width: usize) -> Vec<usize> {
    let gaps = GAP.len() * widths.len().saturating_sub(1);
    while widths.iter().sum::<usize>() + gaps > width {
        let Some(widest) = widths.iter_mut().max() else { break };
        if *widest <= COLUMN_WIDTH_MIN {
            break;
        }
        *widest -= 1;
    }
    widths
}

fn cut(cell: &str, width: usize) -> Cow<'_, str> {
    match cell.chars().count() > width {
        true => Cow::Owned(cell.chars().take(width.saturating_sub(1)).chain(['…']).collect()),
        false => Cow::Borrowed(cell),
    }
}

/// A text as it is, without its quotes; other JSON as it is written.
fn shown(value: &RawValue) -> String {
    match serde_json::from_str::<Cow<'_, str>>(value.get()) {
        Ok(text) if !text.is_empty() => visible(&text).into_owned(),
        _ => value.get().to_owned(),
    }
}

/// What would move the terminal's cursor is shown as it is escaped.
fn visible(text: &str) -> Cow<'_, str> {
    match text.chars().any(char::is_control) {
        true => Cow::Owned(text.escape_debug().to_string()),
        false => Cow::Borrowed(text),
    }
}

impl<'de> Deserialize<'de> for Row<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Fields;
        impl<'de> Visitor<'de> for Fields {
            type Value = Row<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Row<'de>, A::Error> {
                let mut fields = Vec::new();
                while let Some((name, value)) = map.next_entry::<String, &'de RawValue>()? {
                    fields.push((name, value));
                }
                Ok(Row(fields))
            }
        }
        deserializer.deserialize_map(Fields)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(items: &[&str], width: usize, expected: &str) {
        let items: Vec<&RawValue> = items.iter().map(|item| serde_json::from_str(item).unwrap()).collect();
        assert_eq!(table(&items, width).unwrap(), expected);
    }

    #[test]
    fn columns_come_in_the_order_of_their_first_row() {
        let items = [r#"{"_id":"a","n":1}"#, r#"{"_id":2,"tags":["x"],"n":1.50}"#];
        check(&items, 80, "_id  n     tags\na    1\n2    1.50  [\"x\"]");
    }

    #[test]
    fn the_widest_is_cut_and_nothing_moves_the_cursor() {
        let items = [r#"{"_id":"a","text":"0123456789"}"#, r#"{"_id":"b","text":"\u001b[2J"}"#, r#"{"text":""}"#];
        check(&items, 12, "_id  text\na    012345…\nb    \\u{1b}…\n     \"\"");
        check(&["{}"], 80, "1 row");
    }
}
