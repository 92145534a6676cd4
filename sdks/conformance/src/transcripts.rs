//! Transcripts of sync: what a peer says to a server that says what is written, and what the app sees.
//!
//! ```text
//! {"server": [[…dialogue of the first connection], …], "steps": […as in a script]}
//! ```
//!
//! Not here: a dialogue's steps (`dialogue`), steps of the app (`script`).

use anyhow::{Context, Result, bail};

use crate::notation::Json;
use crate::server::Server;
use crate::vectors::{self, File};
use crate::{merge, script};

/// What a case of the kind `transcripts` must say, with a real peer over a real WebSocket.
///
/// # Errors
/// The peer says or has something else.
pub(crate) fn outputs(server: &Server, file: &File, case: &Json) -> Result<Vec<(&'static str, Json)>> {
    let place = file.cases.iter().position(|it| it == case).context("it is in its file")?;
    let app = format!("{}-{place}-rust{}", file.name, std::process::id());
    let mut with_server = case.clone();
    let mut config = case.field("config").cloned().unwrap_or(Json::Object(Vec::new()));
    config.put("server", Json::text(server.url()));
    config.put("app", Json::text(&*app));
    with_server.put("config", config);
    run(server, &app, &with_server)
}

/// What the server says counts first: what the app sees follows from that.
fn run(server: &Server, app: &str, script: &Json) -> Result<Vec<(&'static str, Json)>> {
    let outputs = script::outputs(script);
    match (server.verdict(app).context("the server"), outputs) {
        (Ok(()), outputs) => outputs,
        (Err(fault), Ok(_)) => Err(fault),
        (Err(fault), Err(error)) => Err(error.context(format!("{fault:#}"))),
    }
}

/// Sends a merge's deltas to a real peer in one of its orders, and looks at the document.
///
/// # Errors
/// It is another one.
pub(crate) fn check_merge(server: &Server, file: &File, case: &Json) -> Result<()> {
    let place = file.cases.iter().position(|it| it == case).context("it is in its file")?;
    for order in 0..case.field("orders").map_or(0, |orders| orders.elements().len()) {
        let app = format!("merge-{}-{place}-{order}-rust{}", file.name, std::process::id());
        let text = case.field("json").context("it has JSON")?;
        let steps = merge_steps(text)?;
        let script = Json::Object(vec![
            ("config".to_owned(), Json::parse(&format!(r#"{{"server": "{}", "app": "{app}"}}"#, server.url()))?),
            ("steps".to_owned(), steps),
        ]);
        run(server, &app, &script).with_context(|| format!("order {order}, over the wire"))?;
    }
    Ok(())
}

/// What an app asks, that the document of a merge comes to.
fn merge_steps(text: &Json) -> Result<Json> {
    let mut document = text.as_text().map_or(Ok(Json::Null), Json::parse)?;
    if let Json::Object(fields) = &mut document {
        fields.insert(0, ("_id".to_owned(), Json::text("x")));
    }
    Json::parse(&format!(
        r#"[{{"call": {{"call": "register_subscription", "collection": "c"}}, "gives": {{"subscription": 1}}}},
            {{"call": {{"call": "start_sync"}}, "gives": {{}}}},
            {{"until": {{"call": "find_by_id", "collection": "c", "id": "end"}}, "gives": {{"document": {{"_id": "end"}}}}}},
            {{"call": {{"call": "find_by_id", "collection": "c", "id": "x"}}, "gives": {{"document": {}}}}}]"#,
        document.to_line()
    ))
}

/// What the server says to the peer of an app.
///
/// # Errors
/// There is no such transcript.
pub(crate) fn dialogues(app: &str) -> Result<Vec<Json>> {
    let words: Vec<&str> = app.split('-').collect();
    match words[..] {
        ["merge", file, case, order, _] => {
            let file = vectors::file("merge", file)?;
            Ok(vec![merge_dialogue(file.case(case)?, order.parse()?)?])
        }
        [file, case, _] => {
            let file = vectors::file("sync", file)?;
            Ok(file.case(case)?.field("server").context("it has no server")?.elements().to_vec())
        }
        _ => bail!("there is no transcript {app}"),
    }
}

/// All deltas in one message, in the order, and a document that says that they are there; the first
/// is a whole state.
fn merge_dialogue(case: &Json, order: usize) -> Result<Json> {
    let deltas = merge::deltas_of(case)?;
    let orders = case.field("orders").map_or(&[][..], Json::elements);
    let mut items = Vec::new();
    for (place, n) in merge::numbers(orders.get(order).context("there is no such order")?)?.into_iter().enumerate() {
        let delta = crate::notation::hex(deltas.get(n).context("there is no such write")?);
        let (kind, subs) = if place == 0 { (1, "[1]") } else { (0, "null") };
        items.push(format!(r#"["c", "\"x\"", {kind}, {{"$bytes": "{delta}"}}, {subs}]"#));
    }
    items.push(r#"["c", "\"end\"", 1, {"$writes": [{"site": "5e", "time": 1, "upsert": {}}]}, [1]]"#.to_owned());
    Json::parse(&format!(
        r#"[{{"gets": [1, 1, "$any", "$any", null, "$any", "$any", "$any", null,
                       [[1, "c", 0, "true", "{{}}", null, null]], 0, 0, "$any", null]}},
            {{"sends": [2, 1, {{"$bytes": "09090909090909090909090909090909"}}, 1, 0, 0, 0, {{"$now": 0}}, 77, null,
                        1048576, 8388608, [], null]}},
            {{"sends": [6, [], 1, false]}},
            {{"sends": [5, 1, [], null, 1, true]}},
            {{"sends": [6, [{}], 2, true]}}]"#,
        items.join(", ")
    ))
}
