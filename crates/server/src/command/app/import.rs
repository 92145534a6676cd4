//! `headwater app import`: one app of a backup, or of a copy of another data directory, into this one.
//!
//! Invariant: the app is there whole, or not at all; what is made on the way is below the data
//! directory, and goes in any case.
//! Not here: what another life of the data is (`store::restore`).

use std::path::{Path, PathBuf};

use anyhow::{Context as _, ensure};
use backup::PointName;
use store::{AppName, NewLife, RestoreTo, WallClock as _};

use super::super::restore::{line, source::Source};
use crate::{clock::SystemClock, output::print_line};

/// Where it is made, in the data directory.
const STAGING: &str = ".importing";

/// Goes when it is dropped.
struct Staging(PathBuf);

impl Drop for Staging {
    fn drop(&mut self) {
        let _ = files::remove_tree(&self.0);
    }
}

pub(super) fn run(
    data_dir: &Path,
    name: &str,
    from: &Path,
    point: Option<PointName>,
    accept_clock: bool,
) -> anyhow::Result<()> {
    let name = AppName::new(name)?;
    let known = store::registered_apps(data_dir)?;
    ensure!(!known.contains(&name), "there is an app {:?} already", name.as_str());
    let source = Source::find(from, point, None)?;
    let there = source.apps()?;
    ensure!(there.iter().any(|app| app == name.as_str()), "there is no app {:?} in {}", name.as_str(), from.display());
    let staging = Staging(data_dir.join(STAGING));
    files::remove_tree(&staging.0).with_context(|| format!("cannot remove {}", staging.0.display()))?;
    let fetched = source.fetch(&staging.0)?;
    let life = NewLife {
        now_ms: SystemClock.now_ms(),
        accept_clock,
        taken_ms: fetched.taken_ms,
        only: Some(&name),
        to: &|_| RestoreTo::Newest,
        random: rand::random,
    };
    let restored = store::begin_new_life(&staging.0, &life)?;
    store::take_over_app(data_dir, &staging.0, &name)?;
    print_line(&format!("imported into {} from {}, {}", data_dir.display(), from.display(), fetched.what))?;
    for app in &restored {
        print_line(&line(app))?;
    }
    print_line("certificates and keys are made at the next start: every consumer of it needs a new bundle")
}
