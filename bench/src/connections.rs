//! What idle consumers cost: many connections over mutual TLS, each of which has asked for the topics
//! and now waits, as one between two fetches does.

use std::{fs, sync::Arc, time::Duration};

use anyhow::{Context, Result};
use clap::Args;
use rustls::{
    ClientConfig, RootCertStore,
    pki_types::{CertificateDer, PrivateKeyDer, ServerName, pem::PemObject as _},
};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
};
use tokio_rustls::{TlsConnector, client::TlsStream};

use crate::{
    Place, machine,
    machine::Noise,
    report::{Goal, Report},
    server::Server,
};

/// Handshakes at a time: the server's bound for one address is higher.
const AT_ONCE: usize = 64;

/// After the last connection: what was needed for handshakes alone is given back by then.
const SETTLED_AFTER: Duration = Duration::from_secs(5);

#[derive(Args)]
pub(crate) struct Options {
    /// Connections.
    #[arg(long, default_value_t = 5_000)]
    count: usize,
    #[command(flatten)]
    place: Place,
}

pub(crate) fn run(options: &Options) -> Result<()> {
    let mut place = options.place.clone();
    place.serve.push(format!("--max-connections-per-user={}", options.count + 64));
    let server = Server::start(&place)?;
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let noise = Noise::begin();
    let (before, cpu_before) = (machine::memory(server.pid())?, machine::cpu_seconds(server.pid()));
    let open = runtime.block_on(open_all(&server, options.count))?;
    std::thread::sleep(SETTLED_AFTER);
    let after = machine::memory(server.pid())?;
    let cpu = machine::cpu_seconds(server.pid()) - cpu_before;
    let (count, grown) = (open.len() as f64, after.resident_mib - before.resident_mib);
    let mut report = Report::new(format!("connections: {} idle ones over mutual TLS", open.len()));
    report.figure("resident before", before.resident_mib, "MiB");
    report.goal("resident with them", after.resident_mib, "MiB", Goal::AtMost(150.0));
    report.figure("for each", grown * 1024.0 / count, "KiB");
    report.figure("server CPU for each handshake", cpu * 1e3 / count, "ms");
    report.publish(&noise.end())
}

async fn open_all(server: &Server, count: usize) -> Result<Vec<TlsStream<TcpStream>>> {
    let connector = connector(server)?;
    let (host, port) = server.kafka().rsplit_once(':').context("the endpoint has a port")?;
    let name = ServerName::try_from(host.to_owned())?;
    let mut open = Vec::with_capacity(count);
    while open.len() < count {
        let batch = AT_ONCE.min(count - open.len());
        let opening =
            (0..batch).map(|_| tokio::spawn(connect(connector.clone(), name.clone(), format!("{host}:{port}"))));
        for one in opening.collect::<Vec<_>>() {
            open.push(one.await??);
        }
    }
    Ok(open)
}

fn connector(server: &Server) -> Result<TlsConnector> {
    let pem = |name: &str| fs::read(server.credential(name)).with_context(|| format!("cannot read {name}"));
    let mut roots = RootCertStore::empty();
    for authority in CertificateDer::pem_slice_iter(&pem("ca.pem")?) {
        roots.add(authority?)?;
    }
    let chain = CertificateDer::pem_slice_iter(&pem("user.pem")?).collect::<Result<Vec<_>, _>>()?;
    let key = PrivateKeyDer::from_pem_slice(&pem("user.key")?)?;
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions()?;
    Ok(TlsConnector::from(Arc::new(config.with_root_certificates(roots).with_client_auth_cert(chain, key)?)))
}

/// A connection that has asked for all topics (Metadata v1, KIP-4) and has its answer.
async fn connect(connector: TlsConnector, name: ServerName<'static>, address: String) -> Result<TlsStream<TcpStream>> {
    const METADATA_OF_ALL_TOPICS: [u8; 18] = [0, 0, 0, 14, 0, 3, 0, 1, 0, 0, 0, 1, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff];
    let mut stream = connector.connect(name, TcpStream::connect(address).await?).await?;
    stream.write_all(&METADATA_OF_ALL_TOPICS).await?;
    let len = stream.read_i32().await.context("the server ended the connection")?;
    let mut answer = vec![0; usize::try_from(len)?];
    stream.read_exact(&mut answer).await?;
    Ok(stream)
}
