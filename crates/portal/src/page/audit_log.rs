//! The audit log: who did what, the newest first, a hundred on a page.

use askama::Template;
use axum::{http::StatusCode, response::Response};
use operations::{Actor, AuditEntry, Outcome};

use crate::{
    clip::Clipper,
    failure::Failure,
    layout::{self, Layout, Section},
    limits::{AUDIT_PAGES_MAX, NAME_SHOWN_BYTES, ROWS_SHOWN_MAX},
    moment::{Moment, moment},
    scope::Visit,
    table,
};

#[derive(Template)]
#[template(path = "audit_log.html")]
struct AuditPage {
    layout: Layout,
    rows: Vec<Row>,
    newer: Option<String>,
    older: Option<String>,
    file: String,
}

struct Row {
    at: Moment,
    who: String,
    from: String,
    action: String,
    app: String,
    target: String,
    outcome: Outcome,
}

pub(crate) async fn show(visit: Visit) -> Result<Response, Failure> {
    let number = visit.query.text("page").parse::<usize>().unwrap_or(1).clamp(1, AUDIT_PAGES_MAX);
    let audit = visit.state.operations.audit.clone();
    let read = move || audit.newest((number - 1) * ROWS_SHOWN_MAX, ROWS_SHOWN_MAX);
    let read = tokio::task::spawn_blocking(read).await?;
    let (entries, more) = read.map_err(|source| Failure::File { file: operations::AUDIT_FILE.to_owned(), source })?;
    let mut clipper = Clipper::new(64 * 1024);
    let layout = visit.layout("Audit log", Some(Section::Audit));
    let path = |number: usize| format!("/portal/audit-log?app={}&page={number}", layout.app);
    let page = AuditPage {
        rows: entries.into_iter().map(|entry| row(entry, &mut clipper)).collect(),
        newer: (number > 1).then(|| path(number - 1)),
        older: (more && number < AUDIT_PAGES_MAX).then(|| path(number + 1)),
        file: visit.state.data_dir.path().join(operations::AUDIT_FILE).display().to_string(),
        layout,
    };
    Ok(layout::page(StatusCode::OK, &page))
}

fn row(entry: AuditEntry, clipper: &mut Clipper) -> Row {
    let mut short = |text: &str| clipper.clip(text, NAME_SHOWN_BYTES);
    let who = match &entry.actor {
        Actor::Admin { session: Some(session), .. } => format!("admin, session {session}"),
        Actor::Admin { key, session: None } => format!("admin key {key}"),
        Actor::ApiKey { name } => format!("API key {name}"),
        Actor::Nobody => "nobody signed in".to_owned(),
    };
    Row {
        at: moment(entry.at_ms),
        who: short(&who),
        from: entry.address.map(|address| address.to_string()).unwrap_or_default(),
        action: short(&entry.action),
        app: short(&entry.app.unwrap_or_default()),
        target: short(&entry.target),
        outcome: entry.outcome,
    }
}
