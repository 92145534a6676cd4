//! Where a page of a snapshot ends, if that is at a document that the peer may not know of.
//!
//! ```text
//! ff <nonce, 12 bytes> <the id's JSON, sealed by ChaCha20-Poly1305>     no JSON begins so
//! ```
//! Invariant: nobody but the server that sealed it reads it, and its length tells no more than that of the id.
//! Not here: places at documents that the peer may have, which are their ids.

use ring::{
    aead::{Aad, CHACHA20_POLY1305, LessSafeKey, NONCE_LEN, Nonce, UnboundKey},
    rand::{SecureRandom as _, SystemRandom},
};

const MARK: u8 = 0xff;

/// Seals by a key that lives as long as the server.
pub(crate) struct HiddenPlaces(LessSafeKey);

impl std::fmt::Debug for HiddenPlaces {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("HiddenPlaces")
    }
}

impl Default for HiddenPlaces {
    fn default() -> Self {
        let key = UnboundKey::new(&CHACHA20_POLY1305, &random::<32>()).expect("a key has 32 bytes");
        Self(LessSafeKey::new(key))
    }
}

/// Whether it is sealed, by whatever server.
pub(crate) fn is_hidden(place: &[u8]) -> bool {
    place.first() == Some(&MARK)
}

impl HiddenPlaces {
    pub(crate) fn seal(&self, id_json: &[u8]) -> Vec<u8> {
        let nonce = random::<NONCE_LEN>();
        let mut sealed = id_json.to_vec();
        let unique = Nonce::assume_unique_for_key(nonce);
        self.0.seal_in_place_append_tag(unique, Aad::empty(), &mut sealed).expect("an id is short");
        [&[MARK], &nonce[..], &sealed].concat()
    }

    /// `None` if it is none of this server's.
    pub(crate) fn open(&self, place: &[u8]) -> Option<Vec<u8>> {
        let (nonce, sealed) = place.strip_prefix(&[MARK])?.split_first_chunk::<NONCE_LEN>()?;
        let mut bytes = sealed.to_vec();
        let opened = self.0.open_in_place(Nonce::assume_unique_for_key(*nonce), Aad::empty(), &mut bytes).ok()?;
        Some(opened.to_vec())
    }
}

fn random<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    SystemRandom::new().fill(&mut bytes).expect("an operating system that gives no random bytes can run no server");
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_who_sealed_a_place_reads_it() {
        let (here, there) = (HiddenPlaces::default(), HiddenPlaces::default());
        let place = here.seal(b"\"secret\"");
        assert!(is_hidden(&place) && !is_hidden(b"\"a\"") && !is_hidden(b""));
        assert!(!place.windows(6).any(|bytes| bytes == b"secret"));
        assert_eq!(here.open(&place).as_deref(), Some(&b"\"secret\""[..]));
        assert_eq!((there.open(&place), here.open(b"\"a\""), here.open(&place[..9])), (None, None, None));
    }
}
