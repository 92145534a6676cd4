//! What only a passphrase opens: private keys, certificates that were handed out, the admin key.
//!
//! The files are one JSON text, `{"files":[{"path":"…","base64":"…"}]}`, encrypted with
//! ChaCha20-Poly1305 (RFC 8439) under a key that PBKDF2 with HMAC-SHA-256 (RFC 8018) makes of the
//! passphrase and a salt. Salt and nonce are fresh for every point.
//!
//! Invariant: what was opened is what was sealed, or it is an error.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use ring::{
    aead::{Aad, CHACHA20_POLY1305, LessSafeKey, NONCE_LEN, Nonce, UnboundKey},
    pbkdf2,
    rand::{SecureRandom as _, SystemRandom},
};
use serde::{Deserialize, Serialize};

use crate::{
    error::Error,
    limits::{PASSPHRASE_ROUNDS, PASSPHRASE_ROUNDS_MAX},
    manifest::{Part, SecretsEntry},
    passphrase::Passphrase,
};

/// Says what is encrypted, so that nothing else is taken for it.
const ABOUT: &[u8] = b"headwater backup secrets 1";

const SALT_BYTES: usize = 16;

/// A file that is kept secret.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct SecretFile {
    pub(crate) path: String,
    pub(crate) contents: Vec<u8>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Bundle {
    files: Vec<BundledFile>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct BundledFile {
    path: String,
    base64: String,
}

/// Encrypts them; gives how they are opened, but for the part, and the bytes.
pub(crate) fn seal(files: &[SecretFile], passphrase: &Passphrase) -> Result<(SecretsEntry, Vec<u8>), Error> {
    let files =
        files.iter().map(|file| BundledFile { path: file.path.clone(), base64: STANDARD.encode(&file.contents) });
    let mut bytes = serde_json::to_vec(&Bundle { files: files.collect() }).expect("it is plain data");
    let (mut salt, mut nonce) = ([0; SALT_BYTES], [0; NONCE_LEN]);
    let random = SystemRandom::new();
    let filled = random.fill(&mut salt).and_then(|()| random.fill(&mut nonce));
    filled.map_err(|_| Error::BadPassphrase("cannot be used: the system gives no random numbers"))?;
    let key = key_of(passphrase, &salt, PASSPHRASE_ROUNDS);
    key.seal_in_place_append_tag(Nonce::assume_unique_for_key(nonce), Aad::from(ABOUT), &mut bytes)
        .map_err(|_| Error::BadPassphrase("cannot be used: there is too much to encrypt"))?;
    let part = Part(String::new(), bytes.len() as u64);
    let entry =
        SecretsEntry { rounds: PASSPHRASE_ROUNDS, salt: STANDARD.encode(salt), nonce: STANDARD.encode(nonce), part };
    Ok((entry, bytes))
}

/// Opens what [`seal`] made. Names are not checked here.
pub(crate) fn open(
    entry: &SecretsEntry,
    mut bytes: Vec<u8>,
    passphrase: &Passphrase,
) -> Result<Vec<SecretFile>, Error> {
    let wrong = || Error::WrongPassphrase;
    let salt = STANDARD.decode(&entry.salt).ok().filter(|salt| salt.len() == SALT_BYTES).ok_or_else(wrong)?;
    let nonce = STANDARD.decode(&entry.nonce).ok().and_then(|nonce| nonce.try_into().ok()).ok_or_else(wrong)?;
    if !(1..=PASSPHRASE_ROUNDS_MAX).contains(&entry.rounds) {
        return Err(wrong());
    }
    let key = key_of(passphrase, &salt, entry.rounds);
    let opened = key.open_in_place(Nonce::assume_unique_for_key(nonce), Aad::from(ABOUT), &mut bytes);
    let bundle: Bundle = serde_json::from_slice(opened.map_err(|_| wrong())?).map_err(|_| wrong())?;
    let file = |file: BundledFile| {
        Ok(SecretFile { contents: STANDARD.decode(&file.base64).map_err(|_| wrong())?, path: file.path })
    };
    bundle.files.into_iter().map(file).collect()
}

fn key_of(passphrase: &Passphrase, salt: &[u8], rounds: u32) -> LessSafeKey {
    let mut key = [0; 32];
    let rounds = rounds.try_into().expect("it is not 0");
    pbkdf2::derive(pbkdf2::PBKDF2_HMAC_SHA256, rounds, salt, passphrase.reveal().as_bytes(), &mut key);
    LessSafeKey::new(UnboundKey::new(&CHACHA20_POLY1305, &key).expect("it has the length of a key"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_passphrase_opens_them() {
        let files = || vec![SecretFile { path: "admin.key".into(), contents: b"hw_admin_x\n".to_vec() }];
        let right = Passphrase::new("correct horse").unwrap();
        let (entry, bytes) = seal(&files(), &right).unwrap();
        assert!(!bytes.windows(9).any(|window| window == b"admin.key"));
        assert_eq!(open(&entry, bytes.clone(), &right).unwrap(), files());
        let wrong = Passphrase::new("correct house").unwrap();
        assert!(matches!(open(&entry, bytes.clone(), &wrong), Err(Error::WrongPassphrase)));
        let mut flipped = bytes.clone();
        flipped[3] ^= 4;
        assert!(matches!(open(&entry, flipped, &right), Err(Error::WrongPassphrase)));
        for rounds in [0, u32::MAX] {
            let entry = SecretsEntry { rounds, ..entry.clone() };
            assert!(matches!(open(&entry, bytes.clone(), &right), Err(Error::WrongPassphrase)));
        }
    }
}
