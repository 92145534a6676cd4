//! Lines over time as SVG, drawn by the server: axes with round values, and the value at each place as
//! its title, which the page's script shows as one points at it.
//!
//! Invariants: shapes are attributes and colours are the style sheet's, as the content security policy
//! wants it; a place without a number breaks the line; a chart has [`PLACES`] places, whatever time it
//! spans, so that its size is bounded.
//! Not here: the axes' steps (`chart_scale`), what is measured (`reading::timeline`).

use askama::{Template, filters::HtmlSafe};

use crate::{
    chart_scale::{Unit, time_ticks, value_ticks},
    figures,
};

/// Places beside each other; the style sheet has their width.
const PLACES: usize = 60;
/// Where the lines begin and end, of a picture of 320 by 148; the template and the script have it too.
const LEFT: f64 = 48.0;
const RIGHT: f64 = 312.0;
const TOP: f64 = 8.0;
const BOTTOM: f64 = 128.0;

/// Times, and what was measured then; the oldest first.
pub(crate) type Numbers = Vec<(u64, f64)>;

/// How the numbers that fall on one place are taken together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Together {
    Mean,
    Greatest,
}

/// What is to be drawn.
#[derive(Debug)]
pub(crate) struct Plot {
    /// Unique on its page, for the parts that name each other.
    pub(crate) id: &'static str,
    pub(crate) title: &'static str,
    pub(crate) unit: Unit,
    pub(crate) together: Together,
    pub(crate) from_ms: u64,
    pub(crate) to_ms: u64,
    /// By name.
    pub(crate) lines: Vec<(String, Numbers)>,
    /// A bound that the numbers are looked at against, with its name.
    pub(crate) bound: Option<(String, f64)>,
    /// What is said where there is no number at all.
    pub(crate) empty: &'static str,
}

/// A chart.
#[derive(Debug, Template)]
#[template(path = "chart.html")]
pub(crate) struct Chart {
    id: &'static str,
    title: &'static str,
    /// For who does not see it.
    summary: String,
    from_ms: u64,
    to_ms: u64,
    /// Its name, its newest value, its parts' corners.
    lines: Vec<Line>,
    values: Vec<(String, String)>,
    /// Place and words of the marks below.
    times: Vec<(String, u64, String)>,
    places: Vec<(String, String)>,
    bound: Option<(Option<String>, String)>,
    empty: Option<&'static str>,
}

impl HtmlSafe for Chart {}

#[derive(Debug)]
struct Line {
    name: String,
    newest: String,
    parts: Vec<String>,
}

impl Chart {
    pub(crate) fn of(plot: Plot) -> Self {
        let span_ms = plot.to_ms.saturating_sub(plot.from_ms).max(1);
        let taken: Vec<Vec<Option<f64>>> = plot.lines.iter().map(|(_, points)| plot.taken(points, span_ms)).collect();
        let numbers = || taken.iter().flatten().flatten().copied();
        let greatest = numbers().fold(0.0, f64::max);
        // A bound far above all numbers would press them to the ground: it is named only.
        let seen_bound = plot.bound.as_ref().filter(|(_, at)| *at <= greatest * 4.0 && *at > 0.0);
        let ticks = value_ticks(plot.unit, seen_bound.map_or(greatest, |(_, at)| at.max(greatest)));
        let top = ticks.last().copied().unwrap_or(1.0);
        let y = |value: f64| BOTTOM - value * (BOTTOM - TOP) / top;
        let x = |at_ms: u64| LEFT + at_ms.saturating_sub(plot.from_ms) as f64 * (RIGHT - LEFT) / span_ms as f64;
        let words = |value: &Option<f64>| value.map_or_else(|| "\u{2013}".to_owned(), |value| plot.unit.shown(value));
        let line = |((name, points), places): (&(String, Numbers), &Vec<Option<f64>>)| Line {
            name: name.clone(),
            newest: words(&points.last().map(|(_, value)| *value)),
            parts: parts(places, y),
        };
        let place = |n: usize| {
            let at_ms = plot.from_ms + (n as u64 * span_ms) / PLACES as u64;
            let values: Vec<String> = plot
                .lines
                .iter()
                .zip(&taken)
                .map(|((name, _), places)| format!("{name} {}", words(&places[n])))
                .collect();
            (format!("{:.1}", place_x(n)), format!("{}; {}", figures::time_to_second(at_ms), values.join(", ")))
        };
        let is_told = |n: &usize| taken.iter().any(|places| places[*n].is_some());
        let summary = plot.summary(greatest, numbers().next().is_some());
        Self {
            summary,
            lines: plot.lines.iter().zip(&taken).map(line).collect(),
            values: ticks.iter().map(|value| (format!("{:.1}", y(*value)), plot.unit.shown(*value))).collect(),
            times: time_ticks(plot.from_ms, plot.to_ms)
                .into_iter()
                .map(|at_ms| (format!("{:.1}", x(at_ms)), at_ms, figures::time_to_minute(at_ms)))
                .collect(),
            places: (0..PLACES).filter(is_told).map(place).collect(),
            bound: plot.bound.as_ref().map(|(name, at)| {
                let seen = seen_bound.map(|_| format!("{:.1}", y(*at)));
                (seen, format!("{name}: {}", plot.unit.shown(*at)))
            }),
            empty: numbers().next().is_none().then_some(plot.empty),
            id: plot.id,
            title: plot.title,
            from_ms: plot.from_ms,
            to_ms: plot.to_ms,
        }
    }

    /// Between the times of two places, in ms.
    fn step_ms(&self) -> u64 {
        (self.to_ms - self.from_ms) / PLACES as u64
    }
}

impl Plot {
    /// One number at most for each place.
    fn taken(&self, points: &[(u64, f64)], span_ms: u64) -> Vec<Option<f64>> {
        let mut sums = vec![(0.0_f64, 0_u32); PLACES];
        for (at_ms, value) in points {
            let Some(since) = at_ms.checked_sub(self.from_ms).filter(|since| *since <= span_ms) else { continue };
            let place = &mut sums[((since * PLACES as u64 / span_ms) as usize).min(PLACES - 1)];
            *place = match self.together {
                Together::Mean => (place.0 + value, place.1 + 1),
                Together::Greatest => (place.0.max(*value), 1),
            };
        }
        sums.into_iter().map(|(sum, count)| (count > 0).then(|| sum / f64::from(count.max(1)))).collect()
    }

    fn summary(&self, greatest: f64, is_told: bool) -> String {
        let (from, to) = (figures::date_time(self.from_ms), figures::date_time(self.to_ms));
        if !is_told {
            return format!("{}, from {from} to {to}: {}", self.title, self.empty);
        }
        let newest = self
            .lines
            .iter()
            .filter_map(|(name, points)| points.last().map(|(_, value)| format!("{name} {}", self.unit.shown(*value))));
        let newest: Vec<String> = newest.collect();
        format!("{}, from {from} to {to}: now {}; at most {}", self.title, newest.join(", "), self.unit.shown(greatest))
    }
}

fn place_x(n: usize) -> f64 {
    LEFT + (n as f64 + 0.5) * (RIGHT - LEFT) / PLACES as f64
}

/// The corners of what is drawn without a break. One place alone is a dot: a line of no length.
fn parts(places: &[Option<f64>], y: impl Fn(f64) -> f64) -> Vec<String> {
    let mut parts: Vec<Vec<String>> = Vec::new();
    let mut goes_on = false;
    for (n, value) in places.iter().enumerate() {
        let Some(value) = value else {
            goes_on = false;
            continue;
        };
        if !goes_on {
            parts.push(Vec::new());
        }
        goes_on = true;
        parts.last_mut().expect("one was begun").push(format!("{:.1},{:.1}", place_x(n), y(*value)));
    }
    parts.into_iter().map(|it| if it.len() == 1 { format!("{0} {0}", it[0]) } else { it.join(" ") }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plot(points: Vec<(u64, f64)>, bound: Option<f64>) -> Plot {
        Plot {
            id: "lag",
            title: "Lag",
            unit: Unit::Count,
            together: Together::Greatest,
            from_ms: 0,
            to_ms: 600_000,
            lines: vec![("events".to_owned(), points)],
            bound: bound.map(|at| ("Kept".to_owned(), at)),
            empty: "no consumer yet",
        }
    }

    #[test]
    fn the_greatest_is_at_the_top_the_newest_at_the_right_and_a_gap_breaks_the_line() {
        let chart = Chart::of(plot(vec![(0, 0.0), (10_000, 8.0), (12_000, 9.0), (599_999, 4.5)], None));
        let x = |n| format!("{:.1}", place_x(n));
        let [first, second, last] = [x(0), x(1), x(PLACES - 1)];
        let parts = [format!("{first},128.0 {second},20.0"), format!("{last},74.0 {last},74.0")];
        assert_eq!(chart.lines[0].parts, parts);
        assert_eq!(chart.values.first().unwrap(), &("128.0".to_owned(), "0".to_owned()));
        assert_eq!(chart.values.last().unwrap().1, "10");
        assert_eq!(chart.places.len(), 3);
        assert_eq!(chart.places[1], (second, "00:00:10; events 9".to_owned()));
        assert!(chart.summary.ends_with("now events 5; at most 9"), "{}", chart.summary);
        let html = chart.to_string();
        assert!(!html.contains("style=") && !html.contains("onmouse"), "{html}");
    }

    #[test]
    fn a_bound_is_drawn_where_it_can_be_seen_and_named_anyway() {
        let bound = |at| Chart::of(plot(vec![(0, 10.0)], Some(at))).bound.unwrap();
        assert_eq!(bound(20.0), (Some("8.0".to_owned()), "Kept: 20".to_owned()));
        assert_eq!(bound(1_000.0).0, None);
    }

    /// Six of them are on a page that has 100 kB with its assets.
    #[test]
    fn a_full_chart_is_small() {
        let numbers = || (0..600).map(|n| (n * 1_000, 123_456.0 + n as f64)).collect();
        let lines = ["p50", "p95", "p99"].map(|name| (name.to_owned(), numbers())).to_vec();
        let html = Chart::of(Plot { lines, unit: Unit::Micros, ..plot(Vec::new(), None) }).to_string();
        assert!(html.matches("<rect").count() == PLACES && html.len() < 12_000, "{} bytes", html.len());
    }

    #[test]
    fn without_numbers_it_says_so() {
        let chart = Chart::of(plot(Vec::new(), None));
        assert_eq!((chart.empty, chart.places.len()), (Some("no consumer yet"), 0));
        assert!(chart.to_string().contains("no consumer yet"));
    }
}
