//! `/admin/v1/backups`: having the server take a backup, and how far it is. Only with the admin key:
//! it writes where it is told to.

use axum::{extract::State, http::StatusCode, response::Response};
use operations::{BackedUp, BackupRequest, Ended, JobState, Running};
use wire::admin::{BackupPointReply, BackupReply, BackupsReply, LeftOutReply, NewBackup, RunningReply};

use crate::{call::AdminCall, failure::Failure, reply, state::Shared};

pub(crate) async fn show(State(state): State<Shared>, _: AdminCall) -> Response {
    reply::json_of(StatusCode::OK, &shown(state.operations.maintenance.backups()))
}

/// 202: it has begun.
pub(crate) async fn create(State(state): State<Shared>, call: AdminCall) -> Result<Response, Failure> {
    let NewBackup { to, passphrase, keep_ms } = NewBackup::parse(call.body())?;
    let maintenance = &state.operations.maintenance;
    maintenance.begin_backup(BackupRequest { to, app: None, passphrase, keep_ms }).map_err(Failure::Backup)?;
    Ok(reply::json_of(StatusCode::ACCEPTED, &shown(maintenance.backups())))
}

fn shown(state: JobState<BackedUp>) -> BackupsReply {
    BackupsReply { running: state.running.map(running), last: state.last.map(ended) }
}

pub(super) fn running(running: Running) -> RunningReply {
    let Running { about, began_ms, done_bytes, total_bytes } = running;
    RunningReply { about, began_ms, done_bytes, total_bytes }
}

fn ended(ended: Ended<BackedUp>) -> BackupReply {
    let Ended { about, began_ms, ended_ms, result } = ended;
    let (point, error) = match result {
        Ok(backed_up) => (Some(point(backed_up)), None),
        Err(error) => (None, Some(error)),
    };
    BackupReply { to: about, began_ms, ended_ms, error, point }
}

pub(super) fn point(BackedUp { taken, pruned }: BackedUp) -> BackupPointReply {
    let left_out = taken.left_out.into_iter();
    BackupPointReply {
        name: taken.point.to_string(),
        bytes: taken.bytes,
        new_bytes: taken.new_bytes,
        apps: taken.apps,
        left_out: left_out.map(|it| LeftOutReply { app: it.app, reason: it.reason }).collect(),
        has_secrets: taken.has_secrets,
        pruned,
    }
}
