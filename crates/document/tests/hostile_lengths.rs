//! Lengths that lie: decoding must not reserve what bytes announce but do not hold. Alone in its
//! process, because it watches the process's address space.
#![cfg(target_os = "linux")]

use document::{Changeset, Document};

const INPUT_BYTES: usize = 1 << 20;

/// The largest address space this process ever had, in KiB (proc(5), `VmPeak`).
fn peak_kib() -> usize {
    let status = std::fs::read_to_string("/proc/self/status").expect("Linux tells");
    let line = status.lines().find(|line| line.starts_with("VmPeak:")).expect("Linux tells its peak");
    line.split_whitespace().nth(1).expect("a number follows").parse().expect("it is decimal")
}

/// `head`, then as often as depth allows `level` with the greatest count that is believable, then
/// zeros.
fn nested_lie(head: &[u8], level: &[u8]) -> Vec<u8> {
    let mut bytes = head.to_vec();
    for _ in 0..62 {
        bytes.extend_from_slice(level);
        bytes.extend_from_slice(&[0x80, 0x80, 0x10]); // 262,144
        bytes.extend_from_slice(&[1, b'a'][..if level[0] == 8 { 0 } else { 2 }]);
    }
    bytes.resize(INPUT_BYTES, 0);
    bytes
}

#[test]
fn announced_lengths_do_not_allocate() {
    let one_stamp = [2, 1, 0, 0, 0, 0, 0, 0, 0, 7, 1, 9, 0];
    let arrays_head = [&one_stamp[..], &[17, 0, 1, 1, 1, b'a', 8, 1, 0x80, 0x80, 0x10]].concat();
    let upsert_head = [2, 0, 0, 0, 1, 1, b'c', 1, b'1', 0, 0, 1, 1, b'a'];
    let merge_head = [3, 0, 0, 0, 1, 1, b'c', 1, b'1', 0, 1, 1, 1, 0, 1, b'a', 5, 1, 1, b'a'];
    let lies = [
        nested_lie(&arrays_head, &[8]),
        nested_lie(&one_stamp, &[17, 0, 1]),
        nested_lie(&upsert_head, &[8]),
        nested_lie(&upsert_head, &[9]),
        nested_lie(&merge_head, &[8]),
        nested_lie(&merge_head, &[9]),
        [&[2][..], &[0xff; 9], &[1]].concat(),
        [&[1][..], &[0xff; 9], &[1]].concat(),
    ];
    let before = peak_kib();
    for bytes in lies {
        assert!(Document::decode(&bytes).is_err());
        assert!(Document::decode_value(&bytes).is_err());
        assert!(Document::decode_json(&bytes, &mut Vec::new()).is_err());
        drop(Document::decode_fields(&bytes, &["a", "z"])); // which looks at no more than it must
        assert!(Changeset::decode(&bytes).is_err());
    }
    let nulls = [&upsert_head[..], &[8, 0x80, 0x80, 0x20], &[1; 1 << 19], &[0]].concat();
    assert!(Changeset::decode(&nulls).is_ok(), "half a million nulls are no lie");
    let grown = peak_kib() - before;
    assert!(grown < 128 * 1024, "decoding 1 MiB took {grown} KiB");
}
