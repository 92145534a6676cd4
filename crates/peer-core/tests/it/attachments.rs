//! Files of attachments and pushes: a token goes to the server after its file.

use std::collections::BTreeSet;

use document::{FieldType, Path};
use peer_core::Output;
use sync_protocol::{NackCode, Seq};

use crate::rig::{Rig, collection, id, key, map};
use crate::server::Server;

fn attach(rig: &mut Rig, text: &str, file: &str) -> Seq {
    let value = map(&format!(r#"{{"f":{{"id":"{file}","len":5,"metadata":{{}}}}}}"#));
    let types = vec![(Path::parse("f").unwrap(), FieldType::Attachment)];
    rig.peer.upsert(rig.now, &collection("t"), Some(id(text)), value, types).unwrap().1.seq.unwrap()
}

fn upsert(rig: &mut Rig, text: &str) {
    rig.peer.upsert(rig.now, &collection("t"), Some(id(text)), map(r#"{"n":1}"#), vec![]).unwrap();
}

fn uploads(rig: &mut Rig) -> Vec<String> {
    let uploads = rig.told.iter().filter_map(|it| if let Output::Upload { id } = it { Some(id.clone()) } else { None });
    let uploads = uploads.collect();
    rig.told.clear();
    uploads
}

/// Until nothing moves, whatever is pending.
fn run(rig: &mut Rig, server: &mut Server) {
    rig.peer.start_sync(rig.now);
    loop {
        rig.poll(server).unwrap();
        if !(rig.send_one(server) | rig.receive_one(server)) {
            return;
        }
    }
}

#[test]
fn what_has_a_token_waits_for_its_file_and_what_comes_after_it_too() {
    let (mut server, mut rig) = (Server::new(), Rig::new(1));
    for file in ["one", "two"] {
        rig.peer.attachment_is_kept(file.to_owned());
    }
    upsert(&mut rig, "a");
    attach(&mut rig, "b", "one");
    attach(&mut rig, "c", "from elsewhere");
    attach(&mut rig, "d", "two");
    let all: Vec<_> = ["one", "two", "from elsewhere"].into_iter().map(str::to_owned).collect();
    assert_eq!(rig.peer.pending_attachments().unwrap(), BTreeSet::from_iter(all));
    run(&mut rig, &mut server);
    assert_eq!((uploads(&mut rig), rig.peer.pending_len()), (vec!["one".to_owned()], 3));
    run(&mut rig, &mut server);
    assert_eq!(uploads(&mut rig), Vec::<String>::new(), "asked once");
    rig.peer.attachment_is_uploaded("one");
    run(&mut rig, &mut server);
    assert_eq!((uploads(&mut rig), rig.peer.pending_len()), (vec!["two".to_owned()], 1));
    rig.cut(&mut server);
    rig.settle_until(&mut server, |rig| rig.told.contains(&Output::Upload { id: "two".to_owned() }));
    rig.peer.attachment_is_uploaded("two");
    run(&mut rig, &mut server);
    assert_eq!(rig.peer.pending_len(), 0);
}

#[test]
fn a_file_that_the_server_does_not_take_has_its_writes_set_aside() {
    let (mut server, mut rig) = (Server::new(), Rig::new(1));
    rig.peer.attachment_is_kept("large".to_owned());
    let refused = [attach(&mut rig, "a", "large"), attach(&mut rig, "b", "large")];
    upsert(&mut rig, "c");
    run(&mut rig, &mut server);
    assert_eq!(uploads(&mut rig), ["large"]);
    rig.peer.attachment_is_refused(rig.now, "large", NackCode::TooLarge, "20 MiB at most").unwrap();
    run(&mut rig, &mut server);
    assert_eq!((rig.peer.pending_len(), rig.value(&key("t", "a"))), (0, None));
    assert_eq!(rig.value(&key("t", "c")), Some(map(r#"{"n":1}"#)));
    let rejected = rig.peer.rejected().unwrap();
    assert_eq!(rejected.iter().map(|it| it.seq).collect::<Vec<_>>(), refused);
    assert_eq!(rejected[0].why(), "too_large: the server does not take the attachment large: 20 MiB at most");
}

#[test]
fn a_file_that_is_gone_holds_nothing_up() {
    let (mut server, mut rig) = (Server::new(), Rig::new(1));
    rig.peer.attachment_is_kept("one".to_owned());
    attach(&mut rig, "a", "one");
    run(&mut rig, &mut server);
    assert_eq!(rig.peer.pending_len(), 1);
    rig.kill(&mut server);
    rig.settle(&mut server);
    assert_eq!(rig.peer.pending_len(), 0, "after a start whose host keeps no file");
}
