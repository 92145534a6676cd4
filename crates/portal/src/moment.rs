//! A point in time on a page: in UTC, which says so, until the page's script shows the reader's own.
//!
//! Invariant: `datetime` is exact, so a script needs nothing else.
//! Not here: how times are written (`figures`), the reader's zone (`assets/portal.js`).

use askama::{Template, filters::HtmlSafe};

use crate::figures;

/// A `<time>`.
#[derive(Debug, Clone, Template)]
#[template(
    source = r#"<time datetime="{{ exact }}"{% if is_clock %} data-clock{% endif %}>{{ words }}</time>"#,
    ext = "html"
)]
pub(crate) struct Moment {
    exact: String,
    words: String,
    is_clock: bool,
}

impl HtmlSafe for Moment {}

/// Date and time to the second, as `2026-01-31 12:00:00 UTC`.
pub(crate) fn moment(ms: u64) -> Moment {
    Moment { exact: figures::rfc3339(ms), words: figures::date_time(ms), is_clock: false }
}

/// The time of day to the millisecond, as `19:36:41.250`. What surrounds it says that it is UTC,
/// by `<span data-zone>UTC</span>`.
pub(crate) fn clock(ms: u64) -> Moment {
    let exact = figures::rfc3339(ms);
    let exact = format!("{}.{:03}Z", exact.trim_end_matches('Z'), ms % 1000);
    Moment { exact, words: figures::time_of_day(ms), is_clock: true }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_moment_says_that_it_is_utc() {
        assert_eq!(
            moment(1_645_472_201_000).to_string(),
            r#"<time datetime="2022-02-21T19:36:41Z">2022-02-21 19:36:41 UTC</time>"#
        );
        assert_eq!(
            clock(1_645_472_201_007).to_string(),
            r#"<time datetime="2022-02-21T19:36:41.007Z" data-clock>19:36:41.007</time>"#
        );
    }
}
