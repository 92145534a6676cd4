//! What the sequencer is asked to do, and where the answer goes.

use std::time::Instant;

use tokio::sync::oneshot;

use crate::{
    commit::CommitError,
    consumer_offsets::OffsetsChange,
    definition::DefinitionEntry,
    push::PushOutcome,
    request::{RenderReply, Request, Written},
    tombstones::DroppedTombstones,
    write::Write,
};

/// Where an answer goes.
pub(crate) type Answer<T> = oneshot::Sender<Result<T, CommitError>>;

/// How a write is called, and who makes its answer.
pub(crate) struct RequestToKeep {
    pub(crate) request: Request,
    /// `None` where nobody will ask for it.
    pub(crate) render: Option<RenderReply>,
}

/// One transaction to commit.
pub(crate) struct CommitCommand {
    pub(crate) write: Write,
    pub(crate) request: Option<RequestToKeep>,
    pub(crate) queued_at: Instant,
}

/// What the sequencer is asked to do.
pub(crate) enum Command {
    /// The largest by far.
    Commit(Box<CommitCommand>, Answer<Written>),
    /// What a peer pushed, in its order, and since when it waits. Each is a transaction of its own.
    Push(Vec<Write>, Instant, Answer<Vec<PushOutcome>>),
    ChangeOffsets(OffsetsChange, Answer<()>),
    /// Makes, replaces or forgets definitions, all of them or none. An origin is given by the
    /// sequencer.
    Define(Vec<DefinitionEntry>, Answer<()>),
    /// Drops those of them that still are their documents' last states; answers how many. A group
    /// of its own.
    DropTombstones(DroppedTombstones, Answer<u64>),
    /// The committer has nothing to do.
    CommitterIdle,
    Stop,
}
