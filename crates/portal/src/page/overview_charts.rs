//! The charts of the overview and of a consumer group: which numbers over which time.
//!
//! Not here: measuring (`reading::sampler`), drawing (`chart`).

use std::fmt;

use askama::Template;
use axum::{http::StatusCode, response::Response};

use crate::{
    chart::{Chart, Numbers, Plot, Together},
    chart_scale::Unit,
    clip::Clipper,
    form::Form,
    layout,
    limits::CHART_GROUPS_MAX,
    reading::timeline::{AppPoint, GroupPoint, NONE, Point, ServerPoint, Thing, Timelines},
    scope::Scope,
};

/// How far back charts look.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum Range {
    Quarter,
    #[default]
    Hour,
    SixHours,
    Day,
}

impl Range {
    pub(crate) const ALL: [Self; 4] = [Self::Quarter, Self::Hour, Self::SixHours, Self::Day];

    /// What an address asks for with `?range=`.
    pub(crate) fn of(query: &Form) -> Self {
        let asked = query.text("range");
        Self::ALL.into_iter().find(|range| range.to_string() == asked).unwrap_or_default()
    }

    pub(crate) fn words(self) -> &'static str {
        match self {
            Self::Quarter => "15 minutes",
            Self::Hour => "1 hour",
            Self::SixHours => "6 hours",
            Self::Day => "24 hours",
        }
    }

    pub(crate) fn span_ms(self) -> u64 {
        let minutes = match self {
            Self::Quarter => 15,
            Self::Hour => 60,
            Self::SixHours => 6 * 60,
            Self::Day => 24 * 60,
        };
        minutes * 60_000
    }
}

/// As it stands in an address.
impl fmt::Display for Range {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Quarter => "15m",
            Self::Hour => "1h",
            Self::SixHours => "6h",
            Self::Day => "24h",
        })
    }
}

/// The charts alone.
#[derive(Template)]
#[template(path = "charts.html")]
pub(crate) struct Charts {
    pub(crate) range: Range,
    /// The page that they are on, for other ranges.
    pub(crate) page: String,
    pub(crate) charts: Vec<Chart>,
}

impl askama::filters::HtmlSafe for Charts {}

/// For the overview's script: the charts as they are now.
pub(crate) async fn fragment(scope: Scope) -> Response {
    let range = Range::of(&scope.visit.query);
    layout::page(StatusCode::OK, &of_app(&scope, range))
}

/// Of an app and of the server.
pub(crate) fn of_app(scope: &Scope, range: Range) -> Charts {
    let drawer = Drawer::of(scope, range);
    let app = drawer.points(&Thing::App(scope.name().to_owned()));
    let server = drawer.points(&Thing::Server);
    let no_writes = "nothing was written";
    let charts = vec![
        drawer.chart(
            "writes",
            "Writes",
            Unit::Rate,
            Together::Mean,
            no_writes,
            vec![
                ("transactions", thousandths(&app, AppPoint::WRITES)),
                ("events", thousandths(&app, AppPoint::EVENTS)),
            ],
        ),
        drawer.chart(
            "latency",
            "Commit latency",
            Unit::Micros,
            Together::Greatest,
            no_writes,
            vec![
                ("p50", column(&app, AppPoint::P50)),
                ("p95", column(&app, AppPoint::P95)),
                ("p99", column(&app, AppPoint::P99)),
            ],
        ),
        drawer.lags(scope),
        drawer.chart(
            "disk",
            "Disk used",
            Unit::Bytes,
            Together::Greatest,
            "not measured yet",
            vec![("journal", column(&app, AppPoint::JOURNAL)), ("documents", column(&app, AppPoint::DOCUMENTS))],
        ),
        drawer.chart(
            "free",
            "Disk free",
            Unit::Bytes,
            Together::Greatest,
            "not measured yet",
            vec![("free", column(&server, ServerPoint::DISK_FREE))],
        ),
        drawer.chart(
            "memory",
            "Memory",
            Unit::Bytes,
            Together::Greatest,
            "not measured yet",
            vec![("resident", column(&server, ServerPoint::MEMORY))],
        ),
    ];
    Charts { range, page: scope.path(""), charts }
}

/// Of a consumer group: against what is kept, which is where a gap begins.
pub(crate) fn of_group(scope: &Scope, group: &str, page: String, kept: (Option<u64>, Option<u64>)) -> Charts {
    let range = Range::of(&scope.visit.query);
    let drawer = Drawer::of(scope, range);
    let points = drawer.points(&Thing::Group(scope.name().to_owned(), group.to_owned()));
    let (kept_events, kept_ms) = kept;
    let bound = |at: Option<u64>| at.map(|at| ("kept, a gap beyond".to_owned(), at as f64));
    let plot = |id, title, unit, number, at| Plot {
        bound: bound(at),
        ..drawer.plot(
            id,
            title,
            unit,
            Together::Greatest,
            "not measured yet",
            vec![("behind".to_owned(), column(&points, number))],
        )
    };
    let charts = vec![
        Chart::of(plot("events-behind", "Events behind", Unit::Count, GroupPoint::EVENTS, kept_events)),
        Chart::of(plot("time-behind", "Time behind", Unit::Millis, GroupPoint::AGE_MS, kept_ms)),
    ];
    Charts { range, page, charts }
}

/// Draws over one stretch of time.
struct Drawer<'s> {
    timelines: &'s Timelines,
    now_ms: u64,
    range: Range,
}

impl<'s> Drawer<'s> {
    fn of(scope: &'s Scope, range: Range) -> Self {
        let state = scope.state();
        Self { timelines: &state.timelines, now_ms: state.now_ms(), range }
    }

    fn points(&self, thing: &Thing) -> Vec<Point> {
        self.timelines.points(thing, self.now_ms, self.range.span_ms())
    }

    fn plot(
        &self,
        id: &'static str,
        title: &'static str,
        unit: Unit,
        together: Together,
        empty: &'static str,
        lines: Vec<(String, Numbers)>,
    ) -> Plot {
        let (from_ms, to_ms) = (self.now_ms.saturating_sub(self.range.span_ms()), self.now_ms);
        Plot { id, title, unit, together, from_ms, to_ms, lines, bound: None, empty }
    }

    fn chart(
        &self,
        id: &'static str,
        title: &'static str,
        unit: Unit,
        together: Together,
        empty: &'static str,
        lines: Vec<(&str, Numbers)>,
    ) -> Chart {
        let lines = lines.into_iter().map(|(name, numbers)| (name.to_owned(), numbers)).collect();
        Chart::of(self.plot(id, title, unit, together, empty, lines))
    }

    /// Of the groups that were farthest behind.
    fn lags(&self, scope: &Scope) -> Chart {
        let from_ms = self.now_ms.saturating_sub(self.range.span_ms());
        let mut clipper = Clipper::new(1024);
        let numbers = |group: &String| {
            column(&self.points(&Thing::Group(scope.name().to_owned(), group.clone())), GroupPoint::EVENTS)
        };
        let greatest = |numbers: &Numbers| numbers.iter().map(|(_, events)| *events as u64).max().unwrap_or_default();
        let groups = self.timelines.groups(scope.name(), from_ms);
        let mut lines: Vec<(String, Numbers)> = groups.into_iter().map(|it| (it.clone(), numbers(&it))).collect();
        lines.sort_by_key(|(_, numbers)| std::cmp::Reverse(greatest(numbers)));
        lines.truncate(CHART_GROUPS_MAX);
        for (name, _) in &mut lines {
            *name = clipper.clip(name, 32);
        }
        Chart::of(self.plot("lag", "Lag, events", Unit::Count, Together::Greatest, "no consumer group", lines))
    }
}

/// One of a thing's numbers, where there is one.
fn column(points: &[Point], number: usize) -> Numbers {
    points.iter().filter(|point| point[number] != NONE).map(|point| (point[0], point[number] as f64)).collect()
}

fn thousandths(points: &[Point], number: usize) -> Numbers {
    column(points, number).into_iter().map(|(at_ms, value)| (at_ms, value / 1000.0)).collect()
}
