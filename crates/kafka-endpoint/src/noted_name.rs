//! The names under which members of groups are noted durably: hashes, since ids are the clients' and may be long.

use uuid::Uuid;

/// A name has always this length.
pub(crate) const NAME_BYTES: usize = 32;

/// The space of the hashes.
const MEMBERS: Uuid = Uuid::from_u128(0x6865_6164_7761_7465_725f_6d65_6d62_6572);

/// The name that a note has for a member's id.
pub(crate) fn noted_name(member_id: &str) -> String {
    Uuid::new_v5(&MEMBERS, member_id.as_bytes()).simple().to_string()
}
