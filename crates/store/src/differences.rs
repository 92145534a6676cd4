//! What `verify` lists of what is not as it should be: the first of each kind, and how many more.

/// At most this many differences of one kind are listed.
const DIFFERENCES_MAX: usize = 20;

/// Differences of one kind, of which the first are listed and the rest counted.
pub(crate) struct Differences<'a> {
    what: &'a str,
    findings: &'a mut Vec<String>,
    count: usize,
}

impl<'a> Differences<'a> {
    pub(crate) fn new(what: &'a str, findings: &'a mut Vec<String>) -> Self {
        Self { what, findings, count: 0 }
    }

    pub(crate) fn note(&mut self, key: &[u8], problem: &str) {
        self.count += 1;
        if self.count <= DIFFERENCES_MAX {
            let key = String::from_utf8_lossy(key).replace('\0', " ");
            self.findings.push(format!("the {} {key} {problem}", self.what));
        }
    }

    pub(crate) fn finish(self) {
        if self.count > DIFFERENCES_MAX {
            self.findings.push(format!("{} more differences of this kind", self.count - DIFFERENCES_MAX));
        }
    }
}
