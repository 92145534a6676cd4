//! `headwater restore`: a new data directory of a backup, that everyone who knew the old one is told
//! the truth by.
//!
//! Invariants: the directory is there whole, or not at all; nothing is written outside it but a
//! folder beside it, which a next restore takes away; the backup is only read.
//! Not here: reading a backup (`backup::Source`), what another life of the data is (`store::restore`).

mod place;

use std::{collections::BTreeMap, path::PathBuf, str::FromStr};

use backup::{Fetched, Passphrase, PointName, Source};
use serde_json::json;
use store::{AppName, NewLife, RestoreTo, RestoredApp, TxnId, WallClock as _};

use self::place::Place;
use super::Context;
use crate::{
    clock::SystemClock,
    failure::UsageError,
    output::{counted, date_time, print_line},
    point_in_time::PointInTime,
};

/// From where, and how much.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
The directory at --data-dir must be missing or empty. It is made beside where it goes and moved there at the end: a restore that is
killed leaves nothing there, and the next one begins anew.

A restored server issues txnIds and offsets far above all that the old one can have given out since the backup. Consumers that have
read what is lost are told so (an event with the header op = resync), and a request for a transaction that is lost gets a 404 that
says \"restored\". What was read before the place of the backup keeps its bytes and offsets. Start the restored server only once
the old one is stopped for good.

Examples:
  headwater restore --from /backups/shop --data-dir /var/lib/headwater
  headwater restore --from /backups/shop --data-dir ./drill --to-time 2026-01-31T12:00
  headwater restore --from /backups/shop --data-dir ./drill --to-txn 552789")]
pub(crate) struct Restore {
    /// The folder of backups; or a copy of a data directory, made while no server ran on it
    #[arg(long, value_name = "DIR")]
    from: PathBuf,
    /// Which of its backups, by name; [default: the newest]
    #[arg(long, value_name = "NAME", value_parser = point)]
    point: Option<PointName>,
    /// Up to this transaction; with several apps as APP=N, once for each
    #[arg(long, value_name = "[APP=]N", conflicts_with = "to_time")]
    to_txn: Vec<LastTxn>,
    /// Up to what was committed by then: 2026-01-31T12:00, in UTC, or how long ago as 2h
    #[arg(long, value_name = "TIME")]
    to_time: Option<PointInTime>,
    /// Also what is secret (keys, certificates, tokens), if the backup has it
    #[arg(long, value_name = "FILE")]
    passphrase_file: Option<PathBuf>,
    /// The machine's clock is right, though it stands before the backup's newest transaction
    #[arg(long)]
    accept_clock: bool,
    /// Print what was restored as JSON
    #[arg(long)]
    json: bool,
}

pub(super) fn point(text: &str) -> Result<PointName, String> {
    PointName::parse(text).ok_or_else(|| format!("a backup's name is its time, as 20260131T120000.000Z; not {text:?}"))
}

/// The last transaction that is wanted, of one app or of the only one.
#[derive(Debug, Clone, PartialEq, Eq)]
struct LastTxn {
    app: Option<String>,
    txn: u64,
}

impl FromStr for LastTxn {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (app, number) = text.split_once('=').map_or((None, text), |(app, number)| (Some(app), number));
        let txn = number.parse().map_err(|_| format!("a txnId is a number, alone or as APP=N; not {text:?}"))?;
        let is_name = app.is_none_or(|app| AppName::new(app).is_ok());
        if !is_name {
            return Err(format!("{:?} is no name of an app", app.unwrap_or_default()));
        }
        Ok(Self { app: app.map(str::to_owned), txn })
    }
}

impl Restore {
    pub(crate) fn run(self, context: &Context) -> anyhow::Result<()> {
        backup::check_apart(&self.from, &context.common.data_dir)?;
        let passphrase = self.passphrase_file.as_deref().map(Passphrase::of_file).transpose()?;
        let source = Source::find(&self.from, self.point.clone(), passphrase)?;
        let now_ms = SystemClock.now_ms();
        let wanted = self.wanted(&source.apps()?, now_ms)?;
        let place = Place::prepare(&context.common.data_dir)?;
        let fetched = source.fetch(place.beside())?;
        let life = NewLife {
            now_ms,
            accept_clock: self.accept_clock,
            taken_ms: fetched.taken_ms,
            only: None,
            to: &|app| wanted.get(app.as_str()).copied().unwrap_or(RestoreTo::Newest),
            random: rand::random,
        };
        let restored = store::begin_new_life(place.beside(), &life)?;
        place.finish()?;
        print_line(&if self.json { as_json(&fetched, &restored) } else { self.as_text(context, &fetched, &restored) })
    }

    /// How much of each app is wanted.
    fn wanted(&self, apps: &[String], now_ms: u64) -> anyhow::Result<BTreeMap<String, RestoreTo>> {
        let usage = |message: String| anyhow::Error::new(UsageError(message));
        if let Some(time) = self.to_time {
            let to = RestoreTo::Time(time.at_ms(now_ms));
            return Ok(apps.iter().map(|app| (app.clone(), to)).collect());
        }
        let mut wanted = BTreeMap::new();
        for LastTxn { app, txn } in &self.to_txn {
            let app = match (app, apps) {
                (Some(app), _) if apps.contains(app) => app.clone(),
                (Some(app), _) => {
                    return Err(usage(format!("the backup has no app {app:?}, only {}", apps.join(", "))));
                }
                (None, [only]) => only.clone(),
                (None, _) => {
                    let names = apps.join(", ");
                    return Err(usage(format!(
                        "a txnId is of one app, and the backup has several ({names}): say it as --to-txn APP={txn}, or give --to-time"
                    )));
                }
            };
            if wanted.insert(app.clone(), RestoreTo::Txn(TxnId(*txn))).is_some() {
                return Err(usage(format!("--to-txn is given twice for the app {app:?}")));
            }
        }
        Ok(wanted)
    }

    fn as_text(&self, context: &Context, fetched: &Fetched, restored: &[RestoredApp]) -> String {
        let data_dir = context.common.data_dir.display();
        let mut lines = vec![format!("restored {data_dir} from {}, {}", self.from.display(), fetched.what)];
        lines.extend(restored.iter().map(line));
        for (app, reason) in &fetched.left_out {
            lines.push(match restored.iter().any(|restored| restored.name.as_str() == app) {
                true => format!("  app {app}: NOT whole, the backup could not take all of it: {reason}"),
                false => format!("  app {app}: NOT restored, the backup could not take it: {reason}"),
            });
        }
        if let Some(why) = fetched.secrets_missing {
            lines.push(format!(
                "keys, certificates and tokens were not restored ({why}): the server makes new ones, and every consumer needs a new bundle (headwater credentials issue)"
            ));
        }
        lines.push(format!("Stop the old server for good, then: headwater serve --data-dir {data_dir}"));
        lines.join("\n")
    }
}

fn line(RestoredApp { name, seam, transactions_cut }: &RestoredApp) -> String {
    let last = match seam.last_txn.0 {
        0 => "empty".to_owned(),
        last => format!("up to transaction {last} of {}", date_time(seam.last_commit_ms)),
    };
    let cut = match transactions_cut {
        0 => String::new(),
        cut => format!(", {} left out", counted(*cut, "newer transaction")),
    };
    format!("  app {}: {last}{cut}; goes on with transaction {}", name.as_str(), seam.first_txn)
}

fn as_json(fetched: &Fetched, restored: &[RestoredApp]) -> String {
    let app = |RestoredApp { name, seam, transactions_cut }: &RestoredApp| {
        json!({
            "app": name.as_str(), "lastTxn": seam.last_txn.0, "lastCommitMs": seam.last_commit_ms,
            "transactionsLeftOut": transactions_cut, "firstTxn": seam.first_txn, "firstOffset": seam.first_offset,
            "leaderEpoch": seam.after.leader_epoch,
        })
    };
    json!({
        "from": fetched.what,
        "apps": restored.iter().map(app).collect::<Vec<_>>(),
        "leftOut": fetched.left_out.iter().map(|(app, reason)| json!({ "app": app, "reason": reason })).collect::<Vec<_>>(),
        "secrets": fetched.secrets_missing.is_none(),
    })
    .to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_last_transaction_is_of_the_only_app_or_of_a_named_one() {
        assert_eq!("12".parse(), Ok(LastTxn { app: None, txn: 12 }));
        assert_eq!("shop=12".parse(), Ok(LastTxn { app: Some("shop".into()), txn: 12 }));
        for wrong in ["", "x", "shop=", "=1", "../x=1", "-1"] {
            assert!(LastTxn::from_str(wrong).is_err(), "{wrong:?}");
        }
    }
}
