//! A certificate opens its own app's topics and groups, and shows no others.

use std::time::{Duration, Instant};

use serde_json::json;

use super::{
    client::Client,
    clients::{KAFKA_OF_THE_PAGE, TOPIC, kafka_tool, kcat, plain_kcat},
    events::write_numbered,
};
use crate::support::{PATIENCE, TestServer};

#[test]
fn another_apps_certificate_is_refused_the_topic() {
    let server = server_with_two_apps();
    let mut command = kcat(&server, "shop");
    command.args(["-C", "-t", TOPIC, "-o", "beginning", "-e"]);
    let mut consumer = Client::start(command);
    let status = consumer.wait();
    assert!(!status.success(), "kcat must fail");
    assert_eq!(consumer.lines(), Vec::<String>::new(), "no event is shown");
    let complaints = consumer.complaints();
    assert!(complaints.contains("Topic authorization failed"), "{complaints}");
}

#[test]
fn another_apps_topic_does_not_appear() {
    let server = server_with_two_apps();
    for (app, own, others) in [("shop", "user-consumable-shop", TOPIC), ("default", TOPIC, "user-consumable-shop")] {
        let output = kcat(&server, app).arg("-L").output().expect("kcat is there: run cargo xtask test");
        let text = String::from_utf8_lossy(&output.stdout);
        assert!(
            text.contains(own) && !text.contains(others),
            "{app} sees: {text}{}",
            String::from_utf8_lossy(&output.stderr)
        );
    }
}

#[test]
fn equal_group_names_of_two_apps_are_two_groups() {
    let server = server_with_two_apps();
    let read = |app: &str, topic: &str| {
        let mut command = kcat(&server, app);
        command.args(["-X", "auto.offset.reset=earliest", "-f", "%s\n", "-G", "same-name", topic]);
        Client::start(command)
    };
    read("default", TOPIC).wait_for(3);
    let mut list = kafka_tool(KAFKA_OF_THE_PAGE, "kafka-consumer-groups.sh", &server, "shop");
    let output = list.arg("--list").output().unwrap();
    assert_eq!(String::from_utf8_lossy(&output.stdout).trim(), "", "{output:?}");
}

/// By the command line, from the permission document in a file to a consumer that has what it grants and no more.
#[test]
fn a_certificate_for_a_live_query_opens_its_topic_alone() {
    let server = TestServer::start();
    let directory = server.directory();
    let files = |name: &str| directory.path().join(name);
    std::fs::write(files("north.json"), r#"{"read":{"queriesByCollection":{"orders":["starts_with(_id, 'n')"]}}}"#)
        .unwrap();
    std::fs::write(files("wrong.json"), r#"{"read":{"queriesByCollection":{"orders":["total > 3"]}}}"#).unwrap();
    let [north, wrong, out] = ["north.json", "wrong.json", "ann"].map(|name| files(name).display().to_string());
    let create = ["live-query", "create", "north", "--collection", "orders", "--permission"];
    let refused = server.run(&[&create[..], &[&wrong]].concat());
    assert!(refused.code() == Some(1) && refused.stderr.contains("looks at fields"), "{refused:?}");
    let issue = ["credentials", "issue", "ann", "--live-query", "north", "--out", &out];
    let refused = server.run(&issue);
    assert!(refused.code() == Some(1) && refused.stderr.contains("north"), "there is none yet: {refused:?}");
    for arguments in [[&create[..], &[&north]].concat(), issue.to_vec()] {
        let done = server.run(&arguments);
        assert_eq!(done.code(), Some(0), "{done:?}");
    }
    let upsert = |id: &str| json!({ "method": "upsert", "collection": "orders", "id": id, "value": { "total": 4 } });
    let commands = ["n1", "s1", "n2"].map(upsert);
    let written = server.post("/api/v4/store/write", &json!({ "commands": commands }));
    assert_eq!(written.0, 200, "{written:?}");
    let kcat = |arguments: &[&str]| {
        let mut kcat = plain_kcat();
        kcat.arg("-F").arg(files("ann").join("librdkafka.properties"));
        kcat.args(["-b", server.run["kafka"].as_str().unwrap(), "-q", "-u"]).args(arguments);
        kcat.output().expect("kcat is there: run cargo xtask test")
    };
    let (own, shown) = (format!("{TOPIC}.north"), |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned());
    let read = kcat(&["-C", "-t", &own, "-o", "beginning", "-e", "-f", "%k %o\n"]);
    assert_eq!(shown(&read.stdout), "[\"orders\",\"n1\"] 0\n[\"orders\",\"n2\"] 1\n", "{read:?}");
    let listed = kcat(&["-L"]);
    let names = shown(&listed.stdout).lines().filter(|line| line.trim_start().starts_with("topic")).count();
    assert!(names == 1 && shown(&listed.stdout).contains(&own), "{listed:?}");
    let of_main = kcat(&["-C", "-t", TOPIC, "-o", "beginning", "-e"]);
    assert!(!of_main.status.success() && of_main.stdout.is_empty(), "{of_main:?}");
    assert!(shown(&of_main.stderr).contains("Topic authorization failed"), "{of_main:?}");
}

#[test]
fn without_a_certificate_there_is_no_way_in() {
    let server = server_with_two_apps();
    let ca = server.data_dir().join("credentials/default/ca.pem");
    let mut command = plain_kcat();
    command.args(["-b", server.run["kafka"].as_str().unwrap(), "-X", "security.protocol=ssl", "-X"]);
    command.arg(format!("ssl.ca.location={}", ca.display())).args(["-L", "-m", "5"]);
    let output = command.output().expect("kcat is there: run cargo xtask test");
    assert!(!output.status.success() && output.stdout.is_empty(), "{output:?}");
    let complaints = String::from_utf8_lossy(&output.stderr);
    assert!(complaints.contains("certificate required"), "the reason is told: {complaints}");
}

#[test]
fn the_log_names_whoever_is_refused_and_the_file_that_a_client_needs() {
    let server = TestServer::start();
    let other = TestServer::start();
    for (server, user) in [(&server, "ann"), (&other, "ben")] {
        let issued = server.run(&["credentials", "issue", user]);
        assert_eq!(issued.code(), Some(0), "{issued:?}");
    }
    let serial = |server: &TestServer, user: &str| {
        let listed = server.run(&["credentials", "list", "--json"]).stdout;
        let listed: serde_json::Value = serde_json::from_str(&listed).unwrap();
        let users = listed["credentials"].as_array().unwrap();
        users.iter().find(|it| it["user"] == user).unwrap()["serial"].as_str().unwrap().to_owned()
    };
    let (revoked, foreign) = (serial(&server, "ann"), serial(&other, "ben"));
    assert_eq!(server.run(&["credentials", "revoke", "ann"]).code(), Some(0));
    let of = |server: &TestServer, user: &str| server.data_dir().join("credentials/default/users").join(user);
    let (own, ann, ben) = (server.data_dir().join("credentials/default"), of(&server, "ann"), of(&other, "ben"));
    let clients: Vec<Client> = [(&own, &ann), (&own, &ben), (&ben, &ann)]
        .into_iter()
        .map(|(trusts, shows)| {
            let mut kcat = plain_kcat();
            kcat.args(["-b", server.run["kafka"].as_str().unwrap(), "-L", "-m", "60", "-X", "security.protocol=ssl"]);
            for (option, file) in [
                ("ssl.ca.location", trusts.join("ca.pem")),
                ("ssl.certificate.location", shows.join("user.pem")),
                ("ssl.key.location", shows.join("user.key")),
            ] {
                kcat.arg("-X").arg(format!("{option}={}", file.display()));
            }
            Client::start(kcat)
        })
        .collect();
    for said in [
        vec!["user=\"ann@default\"", &format!("serial=\"{revoked}\""), "peer certificate: Revoked"],
        vec!["subject=\"O=default, CN=ben\"", "issuer=\"", &format!("serial=\"{foreign}\""), "UnknownIssuer"],
        vec!["received fatal alert: UnknownCA", "cluster.p12", "ssl.truststore.location", "ca.pem", "ssl.ca.location"],
    ] {
        let begun = Instant::now();
        let is_said =
            |log: &str| log.lines().any(|line| line.contains("refused") && said.iter().all(|part| line.contains(part)));
        while !is_said(&server.stderr()) {
            assert!(
                begun.elapsed() < PATIENCE,
                "no line with {said:?}; the log: {}; the clients: {:?}",
                server.stderr(),
                clients.iter().map(Client::complaints).collect::<Vec<_>>()
            );
            std::thread::sleep(Duration::from_millis(5));
        }
    }
    drop(clients);
}

fn server_with_two_apps() -> TestServer {
    let server = TestServer::start();
    let created = server.run(&["app", "create", "shop"]);
    assert_eq!(created.code(), Some(0), "{created:?}");
    write_numbered(&server, 0..3);
    server
}
