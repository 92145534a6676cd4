//! What a driver of the conformance vectors says of its run (`sdks/conformance/README.md`).

use serde::{Deserialize, Serialize};

/// How many cases there were.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Vectors {
    pub(super) passed: u32,
    pub(super) not_run: u32,
    #[serde(skip)]
    pub(super) failed: u32,
}

impl Vectors {
    /// Of what a driver printed: its last line is `N passed, N failed`; `GROUP: N of KIND not run` may stand before.
    /// None if that is not so, or nothing passed.
    pub(super) fn of(printed: &str) -> Option<Self> {
        let (passed, failed) = printed.lines().last()?.strip_suffix(" failed")?.split_once(" passed, ")?;
        let not_run = printed.lines().filter_map(|line| {
            let (_, rest) = line.strip_suffix(" not run")?.rsplit_once(": ")?;
            rest.split(' ').next()?.parse::<u32>().ok()
        });
        let vectors = Self { passed: passed.parse().ok()?, not_run: not_run.sum(), failed: failed.parse().ok()? };
        (vectors.passed > 0).then_some(vectors)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_line_counts_and_what_was_not_run() {
        let printed = "api: 41 passed, 0 failed\napi: 2 of native not run\ncodec: 41 of documents not run\n372 passed, 1 failed\n";
        assert_eq!(Vectors::of(printed), Some(Vectors { passed: 372, not_run: 43, failed: 1 }));
        assert_eq!(Vectors::of("0 passed, 0 failed\n"), None, "nothing was tried");
        assert_eq!(Vectors::of("372 passed, 0 failed\nthen it crashed\n"), None);
        assert_eq!(Vectors::of(""), None);
    }
}
