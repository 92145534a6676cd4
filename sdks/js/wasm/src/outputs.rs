//! What the script is to do, as bytes: one after another, numbers little-endian.
//!
//! ```text
//! kind u8 | whose u32 | bytes u32 | bytes
//! ```
//! Not here: what is made durable before (`key_values::LoggedMemory`).

/// What each is. Known to the script: never renumbered.
pub mod kind {
    /// The answer of a call.
    pub const ANSWER: u8 = 1;
    /// The same, of what the server said: it is true whether or not it can be stored.
    pub const VERDICT: u8 = 2;
    /// An event of a watch.
    pub const EVENT: u8 = 3;
    /// Open a connection, and say `connected` or `disconnected`.
    pub const CONNECT: u8 = 4;
    /// Close it. `disconnected` is not to be called for it.
    pub const DISCONNECT: u8 = 5;
    /// Send a frame.
    pub const SEND: u8 = 6;
}

/// What is to be done, in order.
#[derive(Debug, Default)]
pub struct Outputs {
    bytes: Vec<u8>,
}

impl Outputs {
    pub(crate) fn add(&mut self, kind: u8, whose: u32, bytes: &[u8]) {
        self.bytes.push(kind);
        self.bytes.extend_from_slice(&whose.to_le_bytes());
        let length = u32::try_from(bytes.len()).expect("it fits in memory");
        self.bytes.extend_from_slice(&length.to_le_bytes());
        self.bytes.extend_from_slice(bytes);
    }

    /// All so far.
    pub fn take(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.bytes)
    }
}
