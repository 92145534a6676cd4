//! Proof that a folder of backups is whole: every manifest is read, and every part hashed.

use std::collections::BTreeMap;

use crate::{
    directory::Backup,
    error::Error,
    progress::{Course, Progress, Teller},
};

/// What was found.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Verified {
    /// Points that were looked at.
    pub points: usize,
    /// Parts that were read, each once.
    pub parts: usize,
    /// Their bytes.
    pub bytes: u64,
    /// What is damaged, missing or not to be trusted, with the points that need it.
    pub findings: Vec<String>,
}

impl Backup {
    /// Reads everything, and changes nothing. Blocks on disk.
    ///
    /// # Errors
    /// Only [`Error::Stopped`]: what is wrong with the backup is a finding.
    pub fn verify(&self, tell: &mut dyn FnMut(Progress) -> Course) -> Result<Verified, Error> {
        let mut verified = Verified { points: self.points().len(), ..Verified::default() };
        if self.points().is_empty() {
            verified.findings.push("there is no point".to_owned());
        }
        let mut needed_by: BTreeMap<_, Vec<&str>> = BTreeMap::new();
        for point in self.points() {
            match self.manifest(point) {
                Err(error) => verified.findings.push(format!("point {point} cannot be restored: {error}")),
                Ok(manifest) => {
                    for part in manifest.parts() {
                        let points = needed_by.entry(part.clone()).or_default();
                        if points.last() != Some(&point.as_str()) {
                            points.push(point.as_str());
                        }
                    }
                }
            }
        }
        let mut teller = Teller::new(needed_by.keys().map(|part| part.1).sum(), tell);
        for (part, points) in &needed_by {
            verified.parts += 1;
            verified.bytes += part.1;
            if let Err(error) = self.parts.read(part) {
                verified.findings.push(format!("{error}; needed by {}", points.join(", ")));
            }
            teller.done(part.1)?;
        }
        Ok(verified)
    }
}
