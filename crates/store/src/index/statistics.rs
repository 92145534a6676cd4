//! What stands in one key of an index, in numbers: by them it is known where the order of keys is
//! another than a language's.
//!
//! The legacy language compares ISO-8601 texts as points in time, and missing as null. Where all
//! such texts have one form, whose bytes are in the order of time, both orders agree.

use std::collections::BTreeMap;

use document::Value;

/// How many documents have what in one key of an index.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct KeyStatistics {
    /// `null`.
    pub nulls: u64,
    /// Nothing.
    pub missing: u64,
    /// Strings that are no date-times.
    pub texts: u64,
    /// Date-times, by their form; those without a form whose bytes are in the order of time are
    /// under [`TimeForm::OTHER`].
    pub times: BTreeMap<TimeForm, u64>,
    /// Arrays and objects.
    pub containers: u64,
    /// Values that are too long to be in the key as a whole.
    pub cut: u64,
}

/// How a date-time is written: the number of its bytes and how its offset is. Those of one form are
/// in the order of time by their bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct TimeForm(pub(crate) u8);

impl TimeForm {
    /// Those of which that is not so.
    pub const OTHER: Self = Self(0);

    /// The form of `text`; `None` if it is no date-time.
    pub fn of(text: &str) -> Option<Self> {
        if !query::is_date_time(text) {
            return None;
        }
        let bytes = text.as_bytes();
        let zones: [&[u8]; 4] = [b"Z", b"+00:00", b"+0000", b"+00"];
        let zone = zones.iter().position(|zone| bytes.len() > 10 && bytes.ends_with(zone));
        let clock = &bytes[10.min(bytes.len())..bytes.len() - zone.map_or(0, |zone| zones[zone].len())];
        // Another offset than none is left in it, or a comma stands in the place of a point.
        if clock.iter().any(|byte| matches!(byte, b'+' | b'-' | b',')) {
            return Some(Self::OTHER);
        }
        // At most 20 bytes: T10:00:59.123456789
        Some(Self(1 + clock.len() as u8 * 5 + zone.map_or(0, |zone| zone as u8 + 1)))
    }
}

impl KeyStatistics {
    /// Counts what a document has, or no longer has.
    pub(crate) fn count(&mut self, value: Option<&Value>, is_whole: bool, more: bool) {
        let count = |number: &mut u64| *number = if more { *number + 1 } else { number.saturating_sub(1) };
        if !is_whole {
            count(&mut self.cut);
        }
        match value {
            None => count(&mut self.missing),
            Some(Value::Null) => count(&mut self.nulls),
            Some(Value::Array(_) | Value::Map(_)) => count(&mut self.containers),
            Some(Value::String(text)) => match TimeForm::of(text) {
                None => count(&mut self.texts),
                Some(form) => {
                    let number = self.times.entry(form).or_default();
                    count(number);
                    if *number == 0 {
                        self.times.remove(&form);
                    }
                }
            },
            Some(_) => {}
        }
    }

    /// Appends its numbers: nulls, missing, texts, containers, cut, then the count of forms, and
    /// form and number of each.
    pub(crate) fn encode(&self, out: &mut Vec<u8>) {
        for number in [self.nulls, self.missing, self.texts, self.containers, self.cut] {
            out.extend_from_slice(&number.to_le_bytes());
        }
        out.push(self.times.len() as u8);
        for (form, number) in &self.times {
            out.push(form.0);
            out.extend_from_slice(&number.to_le_bytes());
        }
    }

    pub(crate) fn decode(bytes: &mut &[u8]) -> Option<Self> {
        let mut number = || crate::binary::take(bytes).map(u64::from_le_bytes);
        let (nulls, missing, texts, containers, cut) = (number()?, number()?, number()?, number()?, number()?);
        let mut times = BTreeMap::new();
        let [forms] = crate::binary::take(bytes)?;
        for _ in 0..forms {
            let [form] = crate::binary::take(bytes)?;
            times.insert(TimeForm(form), u64::from_le_bytes(crate::binary::take(bytes)?));
        }
        Some(Self { nulls, missing, texts, times, containers, cut })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn date_times_of_one_form_are_in_the_order_of_time() {
        let form = |text| TimeForm::of(text);
        assert_eq!(form("2024-02-29T10:00:00Z"), form("1999-01-01T00:00:00Z"));
        assert_ne!(form("2024-02-29T10:00:00Z"), form("2024-02-29T10:00:00.123Z"));
        assert_ne!(form("2024-02-29T10:00:00Z"), form("2024-02-29"));
        assert_ne!(form("2024-02-29T10:00:00+00:00"), form("2024-02-29T10:00:00"));
        assert_ne!(form("2024-02-29T10:00:00+00"), form("2024-02-29T10:00:00.12"));
        for other in ["2024-02-29T10:00:00+02:00", "2024-02-29T10:00-01", "2024-02-29T10:00:00,5Z"] {
            assert_eq!(form(other), Some(TimeForm::OTHER), "{other}");
        }
        assert_eq!(form("yesterday"), None);
    }

    #[test]
    fn what_is_counted_reads_back_and_goes_again() {
        let text = |text: &str| Value::String(text.to_owned());
        let values = [
            None,
            Some(Value::Null),
            Some(Value::Int(1)),
            Some(text("a")),
            Some(text("2024-02-29")),
            Some(text("2024-02-29T10:00+02")),
            Some(Value::Array(Vec::new())),
        ];
        let mut counted = KeyStatistics::default();
        values.iter().for_each(|value| counted.count(value.as_ref(), true, true));
        counted.count(Some(&text("long")), false, true);
        assert_eq!((counted.nulls, counted.missing, counted.texts, counted.containers, counted.cut), (1, 1, 2, 1, 1));
        let mut bytes = Vec::new();
        counted.encode(&mut bytes);
        assert_eq!(KeyStatistics::decode(&mut &bytes[..]).as_ref(), Some(&counted));
        counted.count(Some(&text("long")), false, false);
        values.iter().for_each(|value| counted.count(value.as_ref(), true, false));
        assert_eq!(counted, KeyStatistics::default());
    }
}
