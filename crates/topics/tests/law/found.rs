//! A history that failed once, among a million, where temporary files lie on a disk: a gap of a live
//! query that had been made again did not name a document that it had to. What makes it fail again is
//! not known; it is lived some times in every run.

use crate::steps::Step::{self, ChangeGap, Consume, Crash, Look, Reconnect, Remake, Restart, Rewind, Write};

/// Retention in bytes, and of tombstones in milliseconds.
pub(crate) const OPTIONS: (u64, Option<u64>) = (2088, Some(39));

/// How often it is lived.
pub(crate) const TIMES: u32 = 20;

#[rustfmt::skip]
pub(crate) fn steps() -> Vec<Step> {
    vec![
        Write(vec![vec![(1, 6, 20, false), (1, 4, 39, true), (1, 6, 21, true)]]),
        Write(vec![vec![(1, 4, 36, false)], vec![(0, 3, 4, false), (1, 5, 11, true), (0, 7, 34, false)],
            vec![(0, 6, 35, false), (1, 6, 18, false), (0, 4, 21, false)]]),
        Rewind { consumer: 0, partition: 0 },
        Write(vec![vec![(0, 6, 10, false), (1, 6, 26, false), (1, 1, 33, true)]]),
        Consume { consumer: 5, partition: 1, records: 6, bytes: 336 },
        Consume { consumer: 2, partition: 1, records: 5, bytes: 75 },
        Consume { consumer: 6, partition: 0, records: 5, bytes: 1317 },
        Consume { consumer: 2, partition: 0, records: 9, bytes: 1056 },
        Write(vec![vec![(1, 0, 14, true)], vec![(0, 7, 28, false)]]),
        Consume { consumer: 2, partition: 2, records: 6, bytes: 2073 },
        Consume { consumer: 7, partition: 1, records: 9, bytes: 1394 },
        Remake { live_query: 2, transactions: vec![vec![(0, 3, 23, true), (1, 3, 21, false), (1, 6, 7,
            false)], vec![(1, 4, 24, false), (1, 7, 28, false)], vec![(1, 3, 16, false)]], partition: 0,
            records: 2 },
        Write(vec![vec![(1, 4, 17, true), (1, 5, 20, false)], vec![(0, 5, 32, false), (1, 0, 13, false),
            (0, 1, 36, true)], vec![(1, 5, 22, false), (1, 0, 28, false)]]),
        Consume { consumer: 5, partition: 2, records: 11, bytes: 1962 },
        Restart,
        Write(vec![vec![(1, 1, 11, false), (1, 4, 27, true), (0, 1, 11, false)]]),
        Reconnect { consumer: 6 },
        Consume { consumer: 0, partition: 2, records: 8, bytes: 2968 },
        Write(vec![vec![(0, 2, 13, false)], vec![(0, 1, 38, false)]]),
        Consume { consumer: 0, partition: 2, records: 6, bytes: 325 },
        Write(vec![vec![(1, 4, 14, false)], vec![(0, 6, 10, false)]]),
        Write(vec![vec![(1, 5, 12, false), (1, 4, 12, true), (0, 2, 16, false)], vec![(1, 7, 11, false),
            (1, 5, 17, false)], vec![(1, 0, 36, false), (0, 6, 0, false)]]),
        Write(vec![vec![(0, 0, 37, false), (1, 4, 11, false)], vec![(0, 1, 15, false), (1, 1, 18, true),
            (0, 6, 3, false)], vec![(0, 3, 20, false)]]),
        Look { consumer: 2, partition: 2, at: 58227 },
        Write(vec![vec![(1, 1, 1, false)], vec![(1, 1, 31, false)]]),
        Crash { power_loss: true },
        Look { consumer: 0, partition: 2, at: 27147 },
        Rewind { consumer: 1, partition: 1 },
        Write(vec![vec![(1, 5, 4, true), (1, 3, 11, true), (1, 4, 2, false)], vec![(0, 4, 28, true)],
            vec![(1, 6, 6, false), (1, 1, 14, true)]]),
        Write(vec![vec![(0, 0, 1, true), (0, 4, 14, false)]]),
        Rewind { consumer: 6, partition: 2 },
        Consume { consumer: 8, partition: 1, records: 8, bytes: 560 },
        Consume { consumer: 10, partition: 0, records: 10, bytes: 2767 },
        Write(vec![vec![(0, 1, 10, false), (0, 6, 37, true), (0, 1, 15, false)], vec![(0, 3, 26, false),
            (0, 2, 31, false), (0, 0, 7, false)]]),
        Consume { consumer: 5, partition: 0, records: 2, bytes: 1081 },
        Consume { consumer: 1, partition: 0, records: 7, bytes: 976 },
        Consume { consumer: 6, partition: 0, records: 4, bytes: 2238 },
        Write(vec![vec![(0, 1, 15, false)], vec![(1, 0, 11, true), (0, 3, 15, false)], vec![(0, 2, 34,
            true)]]),
        Write(vec![vec![(1, 7, 34, false)], vec![(0, 4, 23, false), (1, 6, 25, true), (1, 6, 17,
            false)], vec![(0, 0, 24, true), (1, 1, 6, true), (0, 4, 30, true)]]),
        Crash { power_loss: true },
        ChangeGap { consumer: 8, snapshot: true },
        ChangeGap { consumer: 4, snapshot: false },
        Consume { consumer: 11, partition: 0, records: 8, bytes: 1369 },
        Write(vec![vec![(0, 7, 33, true)], vec![(1, 3, 24, false), (0, 5, 32, false)]]),
        Consume { consumer: 0, partition: 1, records: 9, bytes: 48 },
        Write(vec![vec![(0, 6, 4, false)], vec![(1, 2, 16, false), (0, 1, 21, false), (1, 2, 25, true)],
            vec![(1, 7, 36, true), (0, 2, 30, true)]]),
        Reconnect { consumer: 2 },
        Consume { consumer: 5, partition: 1, records: 9, bytes: 2295 },
        Reconnect { consumer: 9 },
        Reconnect { consumer: 7 },
        Write(vec![vec![(0, 7, 0, true)], vec![(1, 3, 12, false), (0, 6, 15, false), (1, 0, 36,
            false)]]),
        Look { consumer: 4, partition: 2, at: 42422 },
        Write(vec![vec![(0, 1, 21, false), (0, 0, 36, false)]]),
        Look { consumer: 8, partition: 0, at: 30446 },
        Consume { consumer: 2, partition: 0, records: 5, bytes: 470 },
        Write(vec![vec![(0, 3, 18, true), (0, 5, 13, true)]]),
        Remake { live_query: 3, transactions: vec![vec![(0, 7, 21, false), (0, 1, 3, false), (1, 2, 12,
            true)]], partition: 2, records: 5 },
    ]
}
