//! Lengths that lie: decoding must not reserve what bytes announce but do not hold. Alone in its
//! process, because it watches the process's address space.
#![cfg(target_os = "linux")]

use sync_protocol::decode_frame;
use sync_protocol::limits::FRAME_BYTES_MAX;

/// The largest address space this process ever had, in KiB (proc(5), `VmPeak`).
fn peak_kib() -> usize {
    let status = std::fs::read_to_string("/proc/self/status").expect("Linux tells");
    let line = status.lines().find(|line| line.starts_with("VmPeak:")).expect("Linux tells its peak");
    line.split_whitespace().nth(1).expect("a number follows").parse().expect("it is decimal")
}

fn filled(head: &[u8], element: &[u8]) -> Vec<u8> {
    let mut frame = head.to_vec();
    while frame.len() + element.len() <= FRAME_BYTES_MAX {
        frame.extend_from_slice(element);
    }
    frame
}

#[test]
fn announced_lengths_do_not_allocate() {
    const LIST_OF_MANY: [u8; 5] = [0x9a, 0, 0x40, 0, 0]; // of 4,194,304 elements
    let item = [0x85, 0x61, b'c', 0x61, b'1', 2, 0xf6, 0xf6];
    let nested = [&[0x85, 0x61, b'c', 0x61, b'1', 2, 0xf6][..], &LIST_OF_MANY].concat();
    let lies = [
        filled(&[&[0, 0x84, 6][..], &LIST_OF_MANY].concat(), &item),
        filled(&[&[0, 0x84, 6, 0x81][..], &nested].concat(), &[0]),
        filled(&[&[0, 0x82, 12][..], &LIST_OF_MANY].concat(), &[0]),
        filled(&[&[0, 0x83, 0x18, 99][..], &[0x9b, 0, 0, 0, 1, 0, 0, 0, 0]].concat(), &[0]),
        vec![0, 0x82, 3, 0x7b, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff],
        vec![0, 0x82, 9, 0x9b, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff],
        vec![0, 0x9b, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff],
    ];
    let before = peak_kib();
    for frame in lies {
        assert!(decode_frame(&frame, FRAME_BYTES_MAX).is_err());
    }
    let grown = peak_kib() - before;
    assert!(grown < 4 * 1024, "decoding lies took {grown} KiB");

    // The most that a message may hold beside its own bytes: small elements, as many as allowed.
    let items = [&[0, 0x84, 6, 0x99, 0xff, 0xff][..], &item.repeat(0xffff), &[0, 0xf4]].concat();
    let before = peak_kib();
    assert!(decode_frame(&items, FRAME_BYTES_MAX).is_ok(), "65,535 elements are no lie");
    let grown = peak_kib() - before;
    assert!(grown < 64 * 1024, "decoding {} bytes took {grown} KiB", items.len());
}
