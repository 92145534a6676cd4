//! Randomness, all of it from the operating system.

use rand::{TryRng, rngs::SysRng};

const LETTERS_AND_DIGITS: &[u8; 62] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";

/// So many random characters of `[A-Za-z0-9]`, each as likely as the other; 5.95 bits a character.
pub(crate) fn letters_and_digits(characters: usize) -> String {
    let mut text = String::with_capacity(characters);
    while text.len() < characters {
        // 248 is 4 × 62: what lies above would make the first characters likelier.
        let usable = bytes::<64>().into_iter().filter(|&byte| byte < 248);
        text.extend(
            usable.take(characters - text.len()).map(|byte| LETTERS_AND_DIGITS[usize::from(byte) % 62] as char),
        );
    }
    text
}

/// A certificate's serial number: 128 bits, positive, always 16 bytes (the topmost bits are 01, the other 126 are
/// random), so that its DER and its hex have one length. RFC 5280, section 4.1.2.2 asks for a positive number of at
/// most 20 bytes.
pub(crate) fn serial() -> [u8; 16] {
    let mut serial = bytes::<16>();
    serial[0] = (serial[0] & 0b0011_1111) | 0b0100_0000;
    serial
}

/// So many random bytes.
pub(crate) fn bytes<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    SysRng.try_fill_bytes(&mut bytes).expect("an operating system that gives no random bytes can run no server");
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_has_the_length_and_the_characters_asked_for() {
        let text = letters_and_digits(4_096);
        assert_eq!(text.len(), 4_096);
        assert!(text.bytes().all(|byte| byte.is_ascii_alphanumeric()));
        for character in LETTERS_AND_DIGITS {
            assert!(text.as_bytes().contains(character), "4096 characters without {:?}", *character as char);
        }
    }

    #[test]
    fn serials_are_positive_and_differ() {
        let serials: std::collections::HashSet<_> = (0..1_000).map(|_| serial()).collect();
        assert_eq!(serials.len(), 1_000);
        assert!(serials.iter().all(|serial| (0x40..0x80).contains(&serial[0])));
    }
}
