//! Backups of a data directory: how a folder of them is laid out, written, checked, pruned and put
//! back.
//!
//! ```text
//! <backup>/backup.json          sealed, format 1: that this is a folder of backups, and of which data directory
//! <backup>/lock                 held by whoever writes or prunes
//! <backup>/points/<point>.json  sealed, format 1: one backup, named by its time ([`manifest`])
//! <backup>/parts/<ab>/<sha256>  bytes, named by their SHA-256; shared by the points
//! ```
//! Invariants: a point is there with everything that it needs, or not at all; a part has the bytes
//! that its name says, or is called damaged; nothing is ever written outside the folder that was
//! given, whatever a manifest says; without a passphrase no private key, token or secret is in a
//! backup. A folder has points of a whole server, or of one app, and not both.
//! Not here: what a point of an app is (`store::point`); the seam that a restore sets, with its new
//! incarnation; schedules.

mod directory;
mod documents;
mod error;
mod extract;
mod garbage;
pub mod limits;
mod manifest;
mod names;
mod parts;
mod passphrase;
mod progress;
mod prune;
mod secrets;
mod settings;
mod source;
mod take;
mod verify;

pub use directory::Backup;
pub use error::Error;
pub use extract::{Extracted, ExtractedApp};
pub use manifest::{LeftOut, Manifest, ManifestApp};
pub use names::PointName;
pub use passphrase::Passphrase;
pub use progress::{Course, Progress};
pub use prune::{PruneAfter, Pruned, prune};
pub use source::{Fetched, Source};
pub use take::{Taken, Taking, check_apart, take, take_and_prune};
pub use verify::Verified;
