//! Writes of several sites, as the vectors of documents and of merges tell them.
//!
//! ```text
//! {"site": "a1", "time": 5, "upsert": {…}, "types": {"path": "counter"}}
//! {"site": "a1", "time": 6, "update": [{"path": "n", "increment": 1}]}
//! {"site": "a1", "time": 7, "remove": true}
//! {"site": "a1", "initial": {…}}
//! ```
//! `site` is hex; `time` is milliseconds since the epoch and becomes a stamp's time (times 65,536).
//! What is `initial` bears the stamp that is before all others, and not the site.
//!
//! Not here: who learns of which write when (`merge`).

use anyhow::{Context, Result, bail};
use document::{Document, FieldType, Map, Path, SiteId, Stamp, UpdateCommand, UpdateKind, Value, WriteRules};

use crate::notation::Json;

/// Which site wrote.
///
/// # Errors
/// None is named.
pub(crate) fn site_of(write: &Json) -> Result<SiteId> {
    Ok(SiteId(u64::from_str_radix(write.text_of("site")?, 16).context("a site is hex")?))
}

/// Does a write on a document.
///
/// # Errors
/// The write is none, or the document does not take it.
pub(crate) fn apply(document: &mut Document, write: &Json) -> Result<()> {
    if let Some(value) = write.field("initial") {
        document.upsert(&map(value)?, &[], Stamp::INITIAL, WriteRules::NEWEST);
        return Ok(());
    }
    let time = write.field("time").and_then(Json::as_u64).context("a write has a time")?;
    let stamp = Stamp { time: time << 16, site: site_of(write)? };
    if stamp.time <= document.stamp_max().time {
        bail!("a write at {time} comes after a later one");
    }
    if let Some(value) = write.field("upsert") {
        document.upsert(&map(value)?, &types(write.field("types"))?, stamp, WriteRules::NEWEST);
    } else if let Some(commands) = write.field("update") {
        let commands = commands.elements().iter().map(command).collect::<Result<Vec<_>>>()?;
        document.update(&commands, stamp, WriteRules::NEWEST)?;
    } else if write.field("remove").is_some() {
        document.remove(stamp);
    } else {
        bail!("a write is `upsert`, `update` or `remove`");
    }
    Ok(())
}

fn map(json: &Json) -> Result<Map> {
    match json.to_value()? {
        Value::Map(map) => Ok(map),
        _ => bail!("a document is an object"),
    }
}

fn types(json: Option<&Json>) -> Result<Vec<(Path, FieldType)>> {
    let types = json.map_or(&[][..], Json::fields).iter();
    types.map(|(path, kind)| Ok((Path::parse(path)?, field_type(kind)?))).collect()
}

fn field_type(json: &Json) -> Result<FieldType> {
    Ok(match json.as_text() {
        Some("register") => FieldType::Register,
        Some("counter") => FieldType::Counter,
        Some("map") => FieldType::Map,
        _ => bail!("there is no such type: {}", json.to_line()),
    })
}

fn command(json: &Json) -> Result<UpdateCommand> {
    let path = Path::parse(json.text_of("path")?)?;
    let value = |name: &str| json.field(name).map(Json::to_value).transpose();
    let kind = if let Some(value) = value("set")? {
        UpdateKind::Set(value)
    } else if let Some(value) = value("increment")? {
        UpdateKind::Increment(value)
    } else if let Some(value) = value("counter")? {
        UpdateKind::ReplaceWithCounter(value)
    } else if json.field("unset").is_some() {
        UpdateKind::Unset
    } else {
        bail!("a command is `set`, `increment`, `counter` or `unset`");
    };
    Ok(UpdateCommand { path, kind })
}
