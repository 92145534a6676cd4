//! The axes of a chart: how far it reaches, where its lines are drawn, and how values are written
//! there.
//!
//! Invariants: every axis begins at 0; its steps are 1, 2 or 5 of something that people read; three to
//! six of them.
//! Not here: the lines (`chart`).

use crate::figures;

/// What a chart measures.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Unit {
    /// So many a second.
    Rate,
    /// A whole number.
    Count,
    /// Microseconds.
    Micros,
    /// Milliseconds, of waiting: 0 or at least a second.
    Millis,
    Bytes,
}

impl Unit {
    /// A value, as it is read on an axis and at a point.
    pub(crate) fn shown(self, value: f64) -> String {
        match self {
            Self::Rate => {
                let rate = figures::rate(value);
                format!("{}/s", rate.strip_suffix(".0").unwrap_or(&rate))
            }
            Self::Count => figures::count(value.round() as u64),
            Self::Micros => figures::micros(value),
            Self::Millis if value < 1000.0 => "0 s".to_owned(),
            Self::Millis => figures::span(value as u64),
            Self::Bytes => figures::bytes(value.round() as u64),
        }
    }

    /// The smallest step of people's for an axis with about three of them.
    fn step(self, greatest: f64) -> f64 {
        let nothing = match self {
            Self::Rate | Self::Count => 1.0,
            Self::Micros | Self::Millis => 1_000.0,
            Self::Bytes => 1_048_576.0,
        };
        let wanted = if greatest > 0.0 { greatest / 3.0 } else { nothing };
        match self {
            Self::Rate => nice(wanted.max(0.1)),
            Self::Count => nice(wanted.max(1.0)),
            Self::Bytes => {
                let unit = 1024_f64.powi((wanted.max(1.0).log2() / 10.0).floor().max(0.0) as i32);
                let step = nice(wanted.max(1.0) / unit);
                if step > 500.0 { 1024.0 * unit } else { step * unit }
            }
            Self::Micros if wanted < 10_000_000.0 => nice(wanted.max(50.0)),
            Self::Micros => 1000.0 * Self::Millis.step(greatest / 1000.0),
            Self::Millis => {
                const SECONDS: [f64; 17] = [
                    1.0, 2.0, 5.0, 10.0, 20.0, 30.0, 60.0, 120.0, 300.0, 600.0, 1_200.0, 1_800.0, 3_600.0, 7_200.0,
                    14_400.0, 28_800.0, 86_400.0,
                ];
                let step = SECONDS.into_iter().find(|seconds| seconds * 1000.0 >= wanted);
                step.map_or_else(|| 86_400_000.0 * nice(wanted / 86_400_000.0), |seconds| seconds * 1000.0)
            }
        }
    }
}

/// The next of 1, 2, 5, 10, 20, …
fn nice(wanted: f64) -> f64 {
    let magnitude = 10_f64.powf(wanted.log10().floor());
    let factor = [1.0, 2.0, 5.0].into_iter().find(|factor| factor * magnitude >= wanted * 0.999_999);
    factor.unwrap_or(10.0) * magnitude
}

/// Where an axis of values has its lines: from 0 to its top, which is the last.
pub(crate) fn value_ticks(unit: Unit, greatest: f64) -> Vec<f64> {
    let step = unit.step(greatest);
    let count = (greatest / step - 1e-9).ceil().max(1.0) as usize;
    (0..=count).map(|n| n as f64 * step).collect()
}

/// Where an axis of times has its marks: at round times of UTC, three to six of them.
pub(crate) fn time_ticks(from_ms: u64, to_ms: u64) -> Vec<u64> {
    const MINUTES: [u64; 9] = [1, 2, 5, 10, 15, 30, 60, 120, 360];
    let wanted = to_ms.saturating_sub(from_ms) / 5;
    let step = MINUTES.into_iter().map(|minutes| minutes * 60_000).find(|step| *step >= wanted).unwrap_or(21_600_000);
    (from_ms.div_ceil(step)..=to_ms / step).map(|n| n * step).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_axis_has_steps_that_people_read() {
        let shown = |unit: Unit, greatest: f64| -> Vec<String> {
            value_ticks(unit, greatest).into_iter().map(|value| unit.shown(value)).collect()
        };
        assert_eq!(shown(Unit::Rate, 0.0), ["0/s", "1/s"]);
        assert_eq!(shown(Unit::Rate, 437.0), ["0/s", "200/s", "400/s", "600/s"]);
        assert_eq!(shown(Unit::Count, 3.0), ["0", "1", "2", "3"]);
        assert_eq!(shown(Unit::Count, 0.0), ["0", "1"]);
        assert_eq!(shown(Unit::Micros, 4_300.0), ["0", "2 ms", "4 ms", "6 ms"]);
        assert_eq!(shown(Unit::Millis, 250_000.0), ["0 s", "2 min", "4 min", "6 min"]);
        assert_eq!(shown(Unit::Bytes, 300.0 * 1024.0 * 1024.0), ["0 B", "100 MiB", "200 MiB", "300 MiB"]);
        for unit in [Unit::Rate, Unit::Count, Unit::Micros, Unit::Millis, Unit::Bytes] {
            for greatest in [0.0, 0.3, 1.0, 7.0, 1e3, 123_456.0, 9.99e8, 1e12] {
                let ticks = value_ticks(unit, greatest);
                assert!((2..=6).contains(&ticks.len()), "{unit:?} {greatest}: {ticks:?}");
                assert!(*ticks.last().unwrap() >= greatest, "{unit:?} {greatest}: {ticks:?}");
            }
        }
    }

    #[test]
    fn times_are_round() {
        let minute = 60_000;
        assert_eq!(time_ticks(minute + 1, 16 * minute), [5 * minute, 10 * minute, 15 * minute]);
        for hours in [1_u64, 6, 24] {
            let ticks = time_ticks(1_700_000_123_456, 1_700_000_123_456 + hours * 60 * minute);
            assert!((3..=6).contains(&ticks.len()), "{hours} h: {ticks:?}");
            assert!(ticks.iter().all(|at_ms| at_ms % (5 * minute) == 0));
        }
    }
}
