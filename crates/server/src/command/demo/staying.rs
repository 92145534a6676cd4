//! What the demo does for a person at a terminal once its story is told: it stays, with the portal's
//! link and every event as it comes, until Ctrl-C, SIGTERM or the end of the terminal.

use anyhow::Context as _;
use tokio::{
    signal::unix::{SignalKind, signal},
    sync::mpsc,
};

use super::{Arrival, header};
use crate::{
    json_paint::painted,
    output::{Marks, print_line},
    server::Server,
    start_screen::program_as_typed,
};

/// Shows events until it is told to end.
pub(super) async fn stay(
    server: &Server,
    mut arrivals: mpsc::Receiver<anyhow::Result<Arrival>>,
    marks: Marks,
) -> anyhow::Result<()> {
    let listen = |kind| signal(kind).context("cannot listen for signals");
    let (mut interrupt, mut terminate) = (listen(SignalKind::interrupt())?, listen(SignalKind::terminate())?);
    let mut hang_up = listen(SignalKind::hangup())?;
    print_line(&introduction(server, marks))?;
    loop {
        let arrival = tokio::select! {
            _ = interrupt.recv() => return print_line(""),
            _ = terminate.recv() => return Ok(()),
            // Nobody reads any more, and the data is to go.
            _ = hang_up.recv() => return Ok(()),
            arrival = arrivals.recv() => arrival,
        };
        let (record, _) = arrival.context("the consumer ended")??;
        let value = String::from_utf8_lossy(record.value.as_deref().unwrap_or_default()).into_owned();
        let about = marks.faint(&format!("offset {}, {}", record.offset, header(&record, "op")));
        print_line(&format!("{about}\n{}", painted(&value, marks)))?;
    }
}

fn introduction(server: &Server, marks: Marks) -> String {
    let (program, data_dir) = (program_as_typed(), server.facts().data_dir.display());
    let statement = r#""INSERT INTO people DOCUMENTS ({'name':'Ann'})""#;
    format!(
        "{}\n\n  The portal, in a browser            {}\n  Another event, in another terminal  {program} execute {statement} --data-dir '{data_dir}'\n\n{}\n",
        marks.strong("The server stays, and its events are shown as they come"),
        server.portal_link(),
        marks.faint("Ctrl-C ends it, and removes its data."),
    )
}
