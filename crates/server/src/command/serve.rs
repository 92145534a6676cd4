//! `headwater serve`: a server until SIGTERM, Ctrl-C or SIGHUP.

use std::io::IsTerminal as _;

use anyhow::Context as _;
use tokio::signal::unix::{Signal, SignalKind, signal};

use super::Context;
use crate::{
    config::{LogFormat, ServeOptions},
    output::{Marks, print_line},
    server::{Access, Door, Server},
    start_screen::{self, Reader, program_as_typed},
};

/// What to serve with.
#[derive(Debug, clap::Args)]
#[command(mut_args(|argument| argument.hide_env(true)), after_help = "\
Examples:
  headwater serve
  headwater serve --data-dir /var/lib/headwater --https-listen 127.0.0.1:8443
  headwater serve --kafka-listen 0.0.0.0:9093 --kafka-advertise db.example.com:9093
  HEADWATER_APP=shop headwater serve --config /etc/headwater.toml

Every option is also an environment variable and a key of the file at --config:
  --http-listen ADDR  is  HEADWATER_HTTP_LISTEN=ADDR  is  http-listen = \"ADDR\"")]
pub(crate) struct Serve {
    #[command(flatten)]
    options: ServeOptions,
}

impl Serve {
    pub(crate) fn run(self, context: &Context) -> anyhow::Result<()> {
        let settings = self.options.resolve(&context.file, &context.common.data_dir)?;
        raise_open_files();
        let runtime = super::runtime()?;
        let result = runtime.block_on(async {
            let mut signals = Signals::new()?;
            let mut server = tokio::select! {
                server = Server::start(&settings) => server?,
                name = signals.next() => {
                    tracing::info!("{name} before the server was ready");
                    return Ok(());
                }
            };
            announce(&server, context.common.log_format);
            tokio::select! {
                name = signals.next() => tracing::info!("{name}: stopping"),
                error = server.failure() => {
                    server.stop().await?;
                    return Err(error);
                }
            }
            tokio::select! {
                stopped = server.stop() => stopped?,
                name = signals.next() => anyhow::bail!("{name} while stopping: ended at once, without finishing"),
            }
            tracing::info!("stopped");
            Ok(())
        });
        // A start that was interrupted, or a stop that was not waited for, may still block a thread.
        runtime.shutdown_background();
        result
    }
}

/// The screen for a person, log lines for a machine. A closed stdout is no reason to end.
fn announce(server: &Server, format: LogFormat) {
    let facts = server.facts();
    if format == LogFormat::Text {
        let is_terminal = std::io::stdout().is_terminal();
        // Whoever collects the output of services is not handed a way in.
        let link = is_terminal.then(|| server.portal_link());
        let program = program_as_typed();
        let reader = Reader { program: &program, portal_link: link.as_deref(), marks: Marks::for_stdout() };
        let _ = print_line(&start_screen::render(facts, &reader));
        if is_terminal && std::io::stderr().is_terminal() {
            return; // the same person would read the same again
        }
    }
    for Door { base, address, access } in facts.all_doors() {
        match access {
            Access::OpenOnLoopback => {
                tracing::warn!("{base} is open to every program of this machine: no key was made")
            }
            Access::OpenToAll => {
                tracing::warn!("{base} is open to whoever reaches {address}: --insecure-open, and no key was made")
            }
            Access::NoKeysYet => tracing::warn!("{base} answers 401 until a key is made: headwater key create"),
            Access::NoKeysLeft => tracing::warn!(
                "{base} answers 401: a key was made, and none is left; headwater key create, or headwater key open-again"
            ),
            Access::Keys => {}
        }
    }
    tracing::info!(
        pid = facts.run.pid,
        http = facts.run.http,
        https = facts.run.https,
        kafka = facts.run.kafka,
        data_dir = %facts.data_dir.display(),
        "ready"
    );
}

/// The signals that end a server, each with its name.
struct Signals {
    interrupt: Signal,
    terminate: Signal,
    hang_up: Signal,
}

impl Signals {
    fn new() -> anyhow::Result<Self> {
        let listen = |kind| signal(kind).context("cannot listen for signals");
        Ok(Self {
            interrupt: listen(SignalKind::interrupt())?,
            terminate: listen(SignalKind::terminate())?,
            hang_up: listen(SignalKind::hangup())?,
        })
    }

    async fn next(&mut self) -> &'static str {
        tokio::select! {
            _ = self.interrupt.recv() => "Ctrl-C",
            _ = self.terminate.recv() => "SIGTERM",
            _ = self.hang_up.recv() => "SIGHUP",
        }
    }
}

/// Every connection is an open file; the soft limit (often 1024) is for programs that use select(2), which this one does not.
fn raise_open_files() {
    use rustix::process::{Resource, getrlimit, setrlimit};
    let mut limit = getrlimit(Resource::Nofile);
    limit.current = limit.maximum;
    if let Err(error) = setrlimit(Resource::Nofile, limit) {
        tracing::debug!("the limit of open files stays as it is: {error}");
    }
}
