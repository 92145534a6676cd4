//! Frames that came while the host looked at a token: a peer sends its pushes right after its hello.

use std::collections::VecDeque;

use crate::limits::HELLO_BYTES_MAX;

/// Holds at most [`HELLO_BYTES_MAX`] bytes, each frame counted with what it costs to hold.
#[derive(Debug, Default)]
pub(super) struct Inbox {
    frames: VecDeque<Vec<u8>>,
    bytes: usize,
}

/// What holding a frame costs beside its bytes.
const FRAME_COST: usize = 64;

impl Inbox {
    /// Whether there was room.
    pub(super) fn hold(&mut self, frame: &[u8]) -> bool {
        let bytes = self.bytes.saturating_add(frame.len()).saturating_add(FRAME_COST);
        let has_room = bytes <= HELLO_BYTES_MAX;
        if has_room {
            self.bytes = bytes;
            self.frames.push_back(frame.to_vec());
        }
        has_room
    }

    pub(super) fn take(&mut self) -> VecDeque<Vec<u8>> {
        self.bytes = 0;
        std::mem::take(&mut self.frames)
    }
}
