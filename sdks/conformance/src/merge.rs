//! Merges: what several sites wrote, each knowing what it knew, joined in several orders.
//!
//! ```text
//! "history": [{"site": "a", …a write}, {"site": "b", "learns": [0]}, {"site": "b", …a write}]
//! "deltas":  hex for each write, in their order
//! "orders":  [[0, 1], [1, 0]]
//! ```
//! `learns` names writes by their place among the writes, from 0.
//!
//! Invariants: every order, each delta once or twice, delta by delta or half by half, gives the same
//! bytes.

use std::collections::BTreeMap;

use anyhow::{Context, Result, ensure};
use document::{Document, SiteId};

use crate::notation::{Json, from_hex, hex};
use crate::{documents, history};

/// What a case of the kind `merge` must say.
///
/// # Errors
/// The case is none, or two orders give two results.
pub(crate) fn outputs(case: &Json) -> Result<Vec<(&'static str, Json)>> {
    let deltas = deltas(case.field("history").context("it has no history")?.elements())?;
    let orders = case.field("orders").context("it has no orders")?.elements();
    let joined = joined(deltas.iter());
    ensure!(!orders.is_empty(), "it has no orders");
    for order in orders {
        let order = numbers(order)?;
        let in_order = order.iter().map(|n| deltas.get(*n).with_context(|| format!("there is no write {n}")));
        let in_order = in_order.collect::<Result<Vec<_>>>()?;
        check_order(&in_order, &joined).with_context(|| format!("in the order {order:?}"))?;
    }
    let written = deltas.iter().map(|delta| Json::text(hex(&documents::encoded(delta)))).collect();
    let shown = documents::shown(&joined)?;
    Ok([("deltas", Json::List(written))].into_iter().chain(shown).collect())
}

/// The deltas of a case, as it gives them, for who sends them through a wire.
///
/// # Errors
/// They are none.
pub(crate) fn deltas_of(case: &Json) -> Result<Vec<Vec<u8>>> {
    let deltas = case.field("deltas").context("it has no deltas")?.elements();
    deltas.iter().map(|delta| from_hex(delta.as_text().context("a delta is hex")?)).collect()
}

/// The numbers of a list.
///
/// # Errors
/// It has others.
pub(crate) fn numbers(list: &Json) -> Result<Vec<usize>> {
    let number = |it: &Json| Ok(usize::try_from(it.as_u64().context("an order is of numbers")?)?);
    list.elements().iter().map(number).collect()
}

/// What each write adds to what its site knew.
fn deltas(history: &[Json]) -> Result<Vec<Document>> {
    let mut replicas: BTreeMap<SiteId, Document> = BTreeMap::new();
    let mut deltas: Vec<Document> = Vec::new();
    for step in history {
        let site = history::site_of(step)?;
        let replica = replicas.entry(site).or_default();
        if let Some(learned) = step.field("learns") {
            for n in numbers(learned)? {
                replica.merge(deltas.get(n).with_context(|| format!("there is no write {n}"))?);
            }
            continue;
        }
        let since = replica.stamp_max().time;
        history::apply(replica, step)?;
        let of = if step.field("initial").is_some() { SiteId::INITIAL } else { site };
        let delta = replica.delta_of(of, since);
        delta.check_delta(site).context("a delta is not of its site alone")?;
        deltas.push(delta);
    }
    Ok(deltas)
}

fn check_order(deltas: &[&Document], expected: &Document) -> Result<()> {
    ensure!(joined(deltas.iter().copied()) == *expected, "another document");
    ensure!(joined(deltas.iter().chain(deltas).copied()) == *expected, "another one if each comes twice");
    let (first, second) = deltas.split_at(deltas.len() / 2);
    let mut halves = joined(second.iter().copied());
    halves.merge(&joined(first.iter().copied()));
    ensure!(halves == *expected, "another one half by half");
    Ok(())
}

fn joined<'a>(deltas: impl Iterator<Item = &'a Document>) -> Document {
    let mut document = Document::new();
    deltas.for_each(|delta| document.merge(delta));
    document
}
