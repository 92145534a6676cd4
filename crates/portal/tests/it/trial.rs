//! The Test button, through a real Kafka endpoint.

use axum::http::StatusCode;
use kafka_endpoint::{EndpointOptions, KafkaEndpoint};
use prometheus_client::registry::Registry;
use store::WallClock;
use tokio::{net::TcpListener, sync::watch};

use crate::browser::{Answer, Site};

/// TLS looks at the machine's clock, so certificates must be of its time.
#[expect(clippy::disallowed_methods, reason = "a test's certificates must not have ended")]
fn machine_ms() -> u64 {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
    since.as_millis() as u64
}

/// A site whose endpoint answers, until the sender is dropped.
fn served() -> (Site, watch::Sender<bool>) {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    let listener = runtime.block_on(TcpListener::bind("127.0.0.1:0")).unwrap();
    let port = listener.local_addr().unwrap().port();
    let site = Site::on(runtime, &format!("localhost:{port}"), machine_ms());
    let (stop, stopping) = watch::channel(false);
    let options =
        EndpointOptions::new("localhost", port, site.clock.clone() as std::sync::Arc<dyn WallClock>, rand::random);
    let (topics, credentials) = (site.topics.clone(), site.credentials.clone());
    let (serving, _) =
        KafkaEndpoint::serve(listener, options, topics, credentials, &mut Registry::default(), stopping).unwrap();
    site.runtime.spawn(serving);
    (site, stop)
}

/// The marks of the six steps.
fn marks(answer: &Answer) -> String {
    assert_eq!(answer.status, StatusCode::OK);
    let html = answer.text();
    html.split("data-mark=\"").skip(1).take(6).map(|rest| rest.chars().next().unwrap()).collect()
}

fn test(site: &Site, fields: &[(&str, &str)]) -> Answer {
    site.admin().post("/portal/apps/default/settings/test", fields)
}

#[test]
fn one_event_is_consumed_with_the_very_files() {
    let (site, _stop) = served();
    let empty = test(&site, &[]);
    assert_eq!(marks(&empty), "✓✓✓✓✓–");
    empty.says("there is no event yet");
    site.write("people", "abc123", r#"{"name":"Susan"}"#);
    let full = test(&site, &[]);
    assert_eq!(marks(&full), "✓✓✓✓✓✓");
    full.says("&#34;name&#34;:&#34;Susan&#34;");
    let mut admin = site.admin();
    let made = admin.post(
        "/portal/apps/default/live-queries",
        &[("name", "susans"), ("query", "name == 'Susan'"), ("partitions", "3")],
    );
    assert_eq!(made.status, StatusCode::SEE_OTHER);
    let narrow = test(&site, &[("topic", "user-consumable-default.susans")]);
    assert_eq!(marks(&narrow), "✓✓✓✓✓✓");
}

#[test]
fn it_says_where_it_went_wrong() {
    let (site, _stop) = served();
    let mut admin = site.admin();
    admin.post("/portal/apps/default/certificates", &[("user", "warehouse")]);
    let files = site.directory.path().join("credentials/default/users/warehouse");
    let of_user = [("user", "warehouse")];
    assert_eq!(marks(&test(&site, &of_user)), "✓✓✓✓✓–");
    std::fs::write(files.join("user.p12"), "not PKCS12").unwrap();
    let broken = test(&site, &of_user);
    assert_eq!(marks(&broken), "✗–––––");
    broken.says("user.p12").says("does not open with its password");
    std::fs::remove_file(files.join("user.p12")).unwrap();
    assert_eq!(marks(&test(&site, &of_user)), "✗–––––");
    site.credentials.revoke_user("default", "consumer", 1).unwrap();
    let revoked = test(&site, &[]);
    assert_eq!(marks(&revoked), "✓✓✓✗––");
    revoked.says("refused the user certificate");
}

#[test]
fn an_endpoint_that_is_not_there_is_named() {
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let nobody = Site::with_endpoint(&format!("localhost:{free}"));
    let refused = test(&nobody, &[]);
    assert_eq!(marks(&refused), "✓✓✗–––");
    refused.says("is the server running");
    let nameless = Site::with_endpoint("no-such-host.invalid:9093");
    let unknown = test(&nameless, &[]);
    assert_eq!(marks(&unknown), "✓✗––––");
    unknown.says("--kafka-advertise");
}
