//! A line over time as SVG, drawn by the server, with a table that says the same.
//!
//! Invariant: shapes are attributes and colours are the style sheet's, as the content security policy wants it.

use askama::Template;

use crate::{figures, reading::lag_history::Sample, table};

const WIDTH: u64 = 640;
const HEIGHT: u64 = 140;

/// Rows of the table beside the line.
const ROWS: usize = 12;

/// A group's lag over time.
#[derive(Debug, Template)]
#[template(path = "chart.html")]
pub(crate) struct Chart {
    /// Corners of the line.
    points: String,
    greatest: String,
    newest: String,
    from: String,
    to: String,
    /// Time, events, age.
    rows: Vec<(String, String, String)>,
}

impl Chart {
    /// `None` for fewer than two samples: there is no line yet.
    pub(crate) fn of(samples: &[Sample]) -> Option<Self> {
        let (first, last) = (samples.first()?, samples.last()?);
        let span_ms = last.at_ms.saturating_sub(first.at_ms);
        if span_ms == 0 {
            return None;
        }
        let greatest = samples.iter().map(|sample| sample.events).max().unwrap_or_default();
        let point = |sample: &Sample| {
            let x = sample.at_ms.saturating_sub(first.at_ms).min(span_ms) as f64 * WIDTH as f64 / span_ms as f64;
            let y = HEIGHT as f64 - sample.events as f64 * HEIGHT as f64 / greatest.max(1) as f64;
            format!("{x:.1},{y:.1}")
        };
        let step = samples.len().div_ceil(ROWS);
        let row = |sample: &Sample| {
            (figures::date_time(sample.at_ms), figures::count(sample.events), figures::span(sample.age_ms))
        };
        Some(Self {
            points: samples.iter().map(point).collect::<Vec<_>>().join(" "),
            greatest: figures::count(greatest),
            newest: figures::count(last.events),
            from: figures::date_time(first.at_ms),
            to: figures::date_time(last.at_ms),
            rows: samples.iter().rev().step_by(step).map(row).collect(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_greatest_lag_is_at_the_top_and_the_newest_at_the_right() {
        let sample = |at_ms, events| Sample { at_ms, events, age_ms: 0 };
        assert!(Chart::of(&[sample(5, 1)]).is_none());
        let chart = Chart::of(&[sample(0, 0), sample(1000, 8), sample(2000, 4)]).unwrap();
        assert_eq!(chart.points, "0.0,140.0 320.0,0.0 640.0,70.0");
        assert_eq!(Chart::of(&[sample(0, 0), sample(1000, 0)]).unwrap().points, "0.0,140.0 640.0,140.0");
    }
}
