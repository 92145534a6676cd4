//! `/admin/v1/app-exports` and `/admin/v1/app-imports`: one app to another server. Only with the admin
//! key: they write and read where they are told to.

use axum::{extract::State, http::StatusCode, response::Response};
use operations::{BackedUp, BackupRequest, Ended, ImportRequest, Imported, JobState, Operations};
use store::{AppName, RestoredApp};
use wire::admin::{
    AppExportReply, AppExportsReply, AppImportReply, AppImportsReply, ExportedAppReply, ImportedAppReply, NewAppExport,
    NewAppImport,
};

use super::backups::{point, running};
use crate::{call::AdminCall, failure::Failure, reply, state::Shared};

pub(crate) async fn exports(State(state): State<Shared>, _: AdminCall) -> Response {
    reply::json_of(StatusCode::OK, &shown_exports(state.operations.maintenance.exports()))
}

/// 202: it has begun.
pub(crate) async fn export(State(state): State<Shared>, call: AdminCall) -> Result<Response, Failure> {
    let NewAppExport { name, to } = NewAppExport::parse(call.body())?;
    let app = Some(state.operations.app_named(&name)?);
    let maintenance = &state.operations.maintenance;
    let request = BackupRequest { to, app, passphrase: None, keep_ms: None };
    maintenance.begin_backup(request).map_err(Failure::Backup)?;
    Ok(reply::json_of(StatusCode::ACCEPTED, &shown_exports(maintenance.exports())))
}

pub(crate) async fn imports(State(state): State<Shared>, _: AdminCall) -> Response {
    reply::json_of(StatusCode::OK, &shown_imports(&state.operations))
}

/// 202: it has begun.
pub(crate) async fn import(State(state): State<Shared>, call: AdminCall) -> Result<Response, Failure> {
    let NewAppImport { name, from, point, accept_clock } = NewAppImport::parse(call.body())?;
    let app = AppName::new(&name).map_err(Failure::AppName)?;
    let operations = &state.operations;
    let begin = || operations.begin_import(ImportRequest::new(app, from, point.as_deref(), accept_clock)?);
    begin().map_err(Failure::Backup)?;
    Ok(reply::json_of(StatusCode::ACCEPTED, &shown_imports(operations)))
}

fn shown_exports(state: JobState<BackedUp>) -> AppExportsReply {
    AppExportsReply { running: state.running.map(running), last: state.last.map(ended_export) }
}

fn ended_export(ended: Ended<BackedUp>) -> AppExportReply {
    let Ended { about, began_ms, ended_ms, result } = ended;
    let (exported, error) = match result {
        Ok(mut backed_up) => {
            let exported = backed_up.taken.only.take().map(|app| ExportedAppReply {
                app: app.name,
                last_txn: app.newest_txn,
                last_commit_ms: app.newest_commit_ms,
                next_offset: app.next_offset,
                point: point(backed_up),
            });
            (exported, None)
        }
        Err(error) => (None, Some(error)),
    };
    AppExportReply { to: about, began_ms, ended_ms, error, exported }
}

fn shown_imports(operations: &Operations) -> AppImportsReply {
    let JobState { running: job, last, .. } = operations.maintenance.imports();
    let ended = |ended: Ended<Imported>| {
        let Ended { about, began_ms, ended_ms, result } = ended;
        let (imported, error) = match result {
            Ok(imported) => (Some(shown_import(imported, operations)), None),
            Err(error) => (None, Some(error)),
        };
        AppImportReply { app: about, began_ms, ended_ms, error, imported }
    };
    AppImportsReply { running: job.map(running), last: last.map(ended) }
}

fn shown_import(Imported { app, what }: Imported, operations: &Operations) -> ImportedAppReply {
    let RestoredApp { name, seam, .. } = app;
    ImportedAppReply {
        from: what,
        last_txn: seam.last_txn.0,
        last_commit_ms: seam.last_commit_ms,
        first_txn: seam.first_txn,
        first_offset: seam.first_offset,
        leader_epoch: seam.after.leader_epoch,
        credentials: operations.credentials_directory(name.as_str(), None).display().to_string(),
    }
}
