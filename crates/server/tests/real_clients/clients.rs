//! The stock clients as commands, set up with nothing but the files that the server wrote.

use std::{
    path::{Path, PathBuf},
    process::Command,
};

use serde_json::Value;

use crate::support::TestServer;

/// The Kafka that the page names.
pub(crate) const KAFKA_OF_THE_PAGE: &str = "kafka_2.13-3.1.0";
/// A Kafka of today.
pub(crate) const KAFKA_OF_TODAY: &str = "kafka_2.13-4.3.1";

/// Topic of the default app's main feed.
pub(crate) const TOPIC: &str = "user-consumable-default";

/// A folder that `cargo xtask tools` fills. A test without its tool fails: it never passes silently.
pub(crate) fn tool(name: &str) -> PathBuf {
    let tools = std::env::var_os("HEADWATER_TOOLS")
        .map_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target/tools"), PathBuf::from);
    let path = tools.join(name);
    assert!(path.join(".recipe").exists(), "{name} is not in {}: run cargo xtask test", tools.display());
    path
}

/// A file of an app's credentials.
pub(crate) fn credential(server: &TestServer, app: &str, name: &str) -> PathBuf {
    server.data_dir().join("credentials").join(app).join(name)
}

/// What the portal's Live Query Settings shows.
pub(crate) fn live_query_settings(server: &TestServer) -> Value {
    let path = credential(server, "default", "live-query-settings.json");
    serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
}

fn endpoint(server: &TestServer) -> &str {
    server.run["kafka"].as_str().unwrap()
}

/// A script of Kafka's own tools, connected as the app's user by `client.properties`.
pub(crate) fn kafka_tool(kafka: &str, script: &str, server: &TestServer, app: &str) -> Command {
    let is_old_consumer = kafka == KAFKA_OF_THE_PAGE && script == "kafka-console-consumer.sh";
    let mut command = Command::new(tool(kafka).join("bin").join(script));
    fast_start(&mut command);
    command.args(["--bootstrap-server", endpoint(server)]);
    command.arg(if is_old_consumer { "--consumer.config" } else { "--command-config" });
    command.arg(credential(server, app, "client.properties"));
    command
}

/// Kafka's console consumer, reading the main feed as a group, from the beginning where the group has no offset yet.
pub(crate) fn console_consumer(kafka: &str, server: &TestServer, group: &str) -> Command {
    let mut command = kafka_tool(kafka, "kafka-console-consumer.sh", server, "default");
    command.args(["--topic", TOPIC, "--group", group, "--from-beginning"]);
    command
}

/// A JVM that starts soon: these are short runs on few cores.
pub(crate) fn fast_start(command: &mut Command) {
    command.env("KAFKA_OPTS", "-XX:TieredStopAtLevel=1 -XX:+UseSerialGC");
}

/// kcat, without arguments. The libraries of this build, which cargo has tests find, are not those that it is built
/// for: among them is a librdkafka that behaves otherwise.
pub(crate) fn plain_kcat() -> Command {
    let mut command = Command::new("kcat");
    command.env_remove("LD_LIBRARY_PATH");
    command
}

/// kcat with the file for librdkafka, unbuffered.
pub(crate) fn kcat(server: &TestServer, app: &str) -> Command {
    let mut command = plain_kcat();
    command.arg("-F").arg(credential(server, app, "librdkafka.properties")).args(["-b", endpoint(server), "-q", "-u"]);
    command
}

/// kcat that prints a topic from its beginning to its end, each event as `format` says.
pub(crate) fn kcat_all(server: &TestServer, format: &str) -> Vec<String> {
    let mut command = kcat(server, "default");
    command.args(["-C", "-t", TOPIC, "-o", "beginning", "-e", "-f", format]);
    let output = command.output().expect("kcat is there: run cargo xtask test");
    assert!(output.status.success(), "kcat failed: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap().lines().map(str::to_owned).collect()
}

/// kcat as a member of a group, from the beginning where the group has no offset yet.
pub(crate) fn kcat_group(server: &TestServer, group: &str) -> Command {
    let mut command = kcat(server, "default");
    // -E: by itself kcat, unlike librdkafka, ends when no broker can be reached for a moment.
    command.args(["-E", "-X", "auto.offset.reset=earliest", "-f", "%s\n", "-G", group, TOPIC]);
    command
}
