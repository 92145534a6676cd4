//! `headwater serve`: a server until SIGTERM, Ctrl-C or SIGHUP.

use std::io::IsTerminal as _;

use anyhow::Context as _;
use clap::ArgMatches;
use credentials::Credentials;
use tokio::signal::unix::{Signal, SignalKind, signal};

use super::Context;
use crate::{
    config::{LogFormat, ServeOptions, ServerSettings, effective},
    output::{Marks, print_line},
    server::{Access, Door, Server},
    start_screen::{self, Reader, on_terminal, program_as_typed},
};

/// What to serve with.
#[derive(Debug, clap::Args)]
#[command(mut_args(|argument| argument.hide_env(true)), after_help = "\
Examples:
  headwater serve
  headwater serve --data-dir /var/lib/headwater --https-listen 127.0.0.1:8443
  headwater serve --config /etc/headwater.toml --check
  headwater serve --kafka-listen 0.0.0.0:9093 --kafka-advertise db.example.com:9093
  HEADWATER_APP=shop headwater serve --config /etc/headwater.toml

Every option is also an environment variable and a key of the file at --config:
  --http-listen ADDR  is  HEADWATER_HTTP_LISTEN=ADDR  is  http-listen = \"ADDR\"")]
pub(crate) struct Serve {
    /// Check the configuration, print it with where each value comes from, and start nothing
    #[arg(long)]
    check: bool,
    #[command(flatten)]
    options: ServeOptions,
}

impl Serve {
    /// Whether a person watches it on a terminal, on which log lines would get between those of its
    /// screen.
    pub(crate) fn is_watched(&self, format: LogFormat) -> bool {
        format == LogFormat::Text && std::io::stdout().is_terminal() && std::io::stderr().is_terminal()
    }

    /// `matches` are those of the verb.
    pub(crate) fn run(self, context: &Context, matches: &ArgMatches) -> anyhow::Result<()> {
        let is_watched = self.is_watched(context.common.log_format);
        let settings = self.options.resolve(&context.file, &context.common.data_dir)?;
        if self.check {
            return check(context, matches, &settings);
        }
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
                name = signals.next() => {
                    tracing::info!("{name}: stopping");
                    if is_watched {
                        eprintln!("\nstopping");
                    }
                }
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
            if is_watched {
                eprintln!("stopped");
            }
            Ok(())
        });
        // A start that was interrupted, or a stop that was not waited for, may still block a thread.
        runtime.shutdown_background();
        result
    }
}

/// What would be served, and where each value is from. What only a start can find out is not looked
/// at: whether the ports are free, and the data.
fn check(context: &Context, matches: &ArgMatches, settings: &ServerSettings) -> anyhow::Result<()> {
    if let Some((certificate, key)) = &settings.https_files {
        Credentials::check_https_files(certificate, key)?;
    }
    let file = context.file.source.as_ref().map(|(path, text)| (path.display().to_string(), text.as_str()));
    let lines = effective(matches, file.as_ref().map(|(name, text)| (name.as_str(), *text)));
    print_line(&lines.join("\n"))?;
    eprintln!("headwater: the configuration is good; nothing was started");
    Ok(())
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
        let screen =
            if is_terminal { on_terminal::render(facts, &reader) } else { start_screen::render(facts, &reader) };
        let _ = print_line(&screen);
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

/// Every connection is an open file; the soft limit (often 1024) is for programs that use select(2), which this one
/// does not.
fn raise_open_files() {
    use rustix::process::{Resource, getrlimit, setrlimit};
    let mut limit = getrlimit(Resource::Nofile);
    limit.current = limit.maximum;
    if let Err(error) = setrlimit(Resource::Nofile, limit) {
        tracing::debug!("the limit of open files stays as it is: {error}");
    }
}
