//! kcat with the file that the server writes for librdkafka: simple consumer and group, keys and headers.

use serde_json::json;

use super::{
    client::Client,
    clients::{TOPIC, kcat, kcat_all, kcat_group},
    events::{numbers, write, write_numbered},
};
use crate::support::TestServer;

#[test]
fn kcat_reads_from_the_beginning_and_on() {
    let server = TestServer::start();
    write_numbered(&server, 0..10);
    assert_eq!(numbers(&kcat_all(&server, "%s\n")), (0..10).collect::<Vec<_>>());

    let mut command = kcat(&server, "default");
    command.args(["-C", "-t", TOPIC, "-o", "beginning", "-f", "%s\n"]);
    let consumer = Client::start(command);
    consumer.wait_for(10);
    write_numbered(&server, 10..20);
    assert_eq!(numbers(&consumer.wait_for(20)), (0..20).collect::<Vec<_>>());
}

#[test]
fn offsets_are_dense_and_keys_and_headers_say_what_they_should() {
    let server = TestServer::start();
    let upsert = json!({ "method": "upsert", "collection": "people", "id": "abc123", "value": { "age": 31 } });
    let first = write(&server, upsert.clone());
    let second = write(&server, upsert);
    let third = write(&server, json!({ "method": "remove", "collection": "people", "query": "_id == 'abc123'" }));
    let lines = kcat_all(&server, "%o %p %k %h\n");
    assert_eq!(lines.len(), 3, "{lines:#?}");
    for (offset, (line, (txn, op))) in
        lines.iter().zip([(first, "insert"), (second, "update"), (third, "remove")]).enumerate()
    {
        let expected =
            format!(r#"{offset} 0 ["people","abc123"] app=default,collection=people,op={op},txnId={txn},commitTime="#);
        assert!(line.starts_with(&expected), "{line}\nshould start with\n{expected}");
    }
}

#[test]
fn a_kcat_group_commits_and_goes_on_where_it_was() {
    let server = TestServer::start();
    write_numbered(&server, 0..10);
    let consumer = Client::start(kcat_group(&server, "shop-of-mine"));
    consumer.wait_for(10);
    assert_eq!(numbers(&consumer.terminate()), (0..10).collect::<Vec<_>>());

    write_numbered(&server, 10..15);
    let consumer = Client::start(kcat_group(&server, "shop-of-mine"));
    consumer.wait_for(5);
    assert_eq!(numbers(&consumer.terminate()), (10..15).collect::<Vec<_>>());
}
