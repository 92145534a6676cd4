//! Bytes of a key or value, cheap to clone, without saying whose they are.

use std::ops::Deref;

#[cfg(feature = "fjall")]
type Inner = ::fjall::Slice;
#[cfg(not(feature = "fjall"))]
type Inner = std::sync::Arc<[u8]>;

/// Bytes of a key or value. Clones share them.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Bytes(pub(crate) Inner);

impl Deref for Bytes {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.0
    }
}

impl AsRef<[u8]> for Bytes {
    fn as_ref(&self) -> &[u8] {
        self
    }
}

/// So that a map of them is asked with a slice.
impl std::borrow::Borrow<[u8]> for Bytes {
    fn borrow(&self) -> &[u8] {
        self
    }
}

impl From<&[u8]> for Bytes {
    fn from(bytes: &[u8]) -> Self {
        Self(Inner::from(bytes))
    }
}

impl<const N: usize> From<[u8; N]> for Bytes {
    fn from(bytes: [u8; N]) -> Self {
        Self(Inner::from(&bytes[..]))
    }
}

impl<const N: usize> From<&[u8; N]> for Bytes {
    fn from(bytes: &[u8; N]) -> Self {
        Self(Inner::from(&bytes[..]))
    }
}

impl From<Vec<u8>> for Bytes {
    fn from(bytes: Vec<u8>) -> Self {
        Self(Inner::from(bytes))
    }
}

impl From<String> for Bytes {
    fn from(text: String) -> Self {
        Self(Inner::from(text.into_bytes()))
    }
}
