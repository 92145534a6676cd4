//! What peers push: to changesets, and back to verdicts.
//!
//! Invariants: pushes of a session are applied in their order; one that has no verdict ends the
//! session, and nothing after it is applied. One that was taken is never refused afterwards, though the peer's rights
//! are others by now: it is sent again by a peer that had no answer.
//! Not here: whether a push was taken before (`store`), what it does (`rules`), attachments that it refers to
//! (`attachments`).

use std::{cmp::Ordering, sync::Arc};

use ::attachments::Hold;
use credentials::Permission;
use document::{Action, Changeset, Condition, Document, Operation, Origin, Pushed, SiteId};
use sha2::{Digest as _, Sha256};
use store::{App, CommitError, PushFaultReason, PushOutcome, PushRefusal, Refusal, TxnId, Write};
use sync_protocol::{ByeCode, Fault, ItemKind, NackCode, Push, PushOperation, Rest, Seq, ServerMachine};

use crate::access::Caller;
use crate::attachments::{self, Named};

/// What became of a push.
#[derive(Debug)]
pub(crate) enum Verdict {
    /// It is durable; the transaction is 0 where it is not known any more.
    Taken { seq: Seq, txn: TxnId, is_new: bool },
    /// It is refused.
    Refused { seq: Seq, faults: Vec<Fault>, at: TxnId },
    /// The site is somebody else's too.
    SiteReused,
}

impl Verdict {
    /// Tells the session's machine; `false` if that ends the session.
    pub(crate) fn tell(self, machine: &mut ServerMachine) -> bool {
        match self {
            Self::Taken { seq, txn, .. } => machine.applied(seq, sync_protocol::TxnId(txn.0)),
            Self::Refused { seq, faults, at } => machine.rejected(seq, faults, sync_protocol::TxnId(at.0)),
            Self::SiteReused => {
                machine.refuse(ByeCode::SiteReused, "the site is somebody else's too".to_owned(), None);
                return false;
            }
        }
        true
    }
}

/// Whose pushes they are.
#[derive(Debug, Clone)]
pub(crate) struct Pusher {
    pub(crate) caller: Caller,
    pub(crate) site: SiteId,
}

/// Applies `pushes` in their order.
///
/// # Errors
/// Of those that are not answered so nobody knows; they are to be sent again.
pub(crate) async fn apply(app: &Arc<App>, pusher: &Pusher, pushes: Vec<Push>) -> Result<Vec<Verdict>, CommitError> {
    let mut verdicts = Vec::with_capacity(pushes.len());
    let (mut pushed, mut writes, mut holds) = (Vec::new(), Vec::new(), Vec::new());
    for push in pushes {
        let (seq, operations) = (push.seq, push.operations.len());
        let needs = push.needs.iter().map(|seq| seq.0).collect();
        let identity = Pushed { seq: seq.0, hash: digest(&push), subject: pusher.caller.subject() };
        let made = match changeset(app, pusher, push, &identity) {
            Ok((changeset, named)) => match attachments::refer(app, &pusher.caller, named).await {
                Ok(held) => {
                    holds.extend(held);
                    Ok(changeset)
                }
                Err(refused) => {
                    Err(refused.into_iter().map(|n| fault(n, NackCode::Denied, NOT_UPLOADED.to_owned())).collect())
                }
            },
            Err(faults) => Err(faults),
        };
        match made {
            Ok(changeset) => {
                pushed.push((seq, operations));
                writes.push(Write { needs, ..Write::from(changeset) });
            }
            Err(faults) => {
                let is_denied = faults.iter().all(|fault| fault.code == NackCode::Denied);
                let before = if is_denied { taken_before(app, pusher.site, identity).await? } else { None };
                verdicts.push(match before {
                    Some(txn) => Verdict::Taken { seq, txn, is_new: false },
                    None => Verdict::Refused { seq, faults: with_the_others(faults, operations), at: app.newest_txn() },
                });
            }
        }
    }
    if writes.is_empty() {
        return Ok(verdicts);
    }
    let outcomes = app.push(writes).await?;
    holds.iter().for_each(Hold::is_referred_to);
    for ((seq, operations), outcome) in pushed.into_iter().zip(outcomes) {
        verdicts.push(match outcome {
            PushOutcome::Taken(txn) => Verdict::Taken { seq, txn, is_new: true },
            PushOutcome::Known(txn) => Verdict::Taken { seq, txn: txn.unwrap_or_default(), is_new: false },
            PushOutcome::Refused { reason, at } => {
                Verdict::Refused { seq, faults: with_the_others(faults(&reason), operations), at }
            }
            PushOutcome::SiteReused => Verdict::SiteReused,
        });
    }
    Ok(verdicts)
}

/// The transaction that a push became which may not be applied now, if it was taken before; 0 where it is not known any
/// more.
async fn taken_before(app: &Arc<App>, site: SiteId, pushed: Pushed) -> Result<Option<TxnId>, CommitError> {
    let app = app.clone();
    let looked = tokio::task::spawn_blocking(move || app.site(site)).await;
    let halted = |reason: String| CommitError::Halted { reason };
    let known = looked.map_err(|error| halted(error.to_string()))?.map_err(|error| halted(error.to_string()))?;
    let Some(known) = known.filter(|known| known.subject == pushed.subject) else { return Ok(None) };
    let is_missing = || known.missing.iter().any(|(first, last)| (*first..=*last).contains(&pushed.seq));
    Ok(match pushed.seq.cmp(&known.seq) {
        Ordering::Equal => Some(known.txn_id).filter(|_| known.hash == pushed.hash),
        Ordering::Less => Some(TxnId::default()).filter(|_| !is_missing()),
        Ordering::Greater => None,
    })
}

/// Why a token is refused.
const NOT_UPLOADED: &str = "who does not see every document names only attachments that they have uploaded";

/// A push as a changeset with the attachments that it names, or all that is wrong with it by itself.
fn changeset(app: &App, pusher: &Pusher, push: Push, identity: &Pushed) -> Result<(Changeset, Vec<Named>), Vec<Fault>> {
    let Pusher { caller, site } = pusher;
    let (mut operations, mut named, mut faults) = (Vec::with_capacity(push.operations.len()), Vec::new(), Vec::new());
    for (n, it) in push.operations.into_iter().enumerate() {
        match operation(app, caller, it) {
            Ok(operation) => {
                if let Action::Merge { delta, .. } = &operation.action {
                    named.extend(attachments::named_in(n, &operation.collection, &operation.id, delta));
                }
                operations.push(operation);
            }
            Err((code, message)) => faults.push(fault(n, code, message)),
        }
    }
    if !faults.is_empty() {
        return Err(faults);
    }
    let origin = Origin {
        peer: caller.name().to_owned(),
        traceparent: push.traceparent.filter(|text| is_traceparent(text)),
        cause: None,
        site: Some(*site),
        pushed: Some(identity.clone()),
    };
    Ok((Changeset { operations, queries: Vec::new(), origin }, named))
}

fn operation(app: &App, caller: &Caller, it: PushOperation) -> Result<Operation, (NackCode, String)> {
    let PushOperation { collection, id, kind, base, delta, .. } = it;
    if collection.is_system() {
        return Err((NackCode::Denied, format!("the collection {:?} is the system's", collection.as_str())));
    }
    if !caller.may(Permission::Write, app.name().as_str(), collection.as_str()) {
        return Err((NackCode::Denied, format!("no right to write the collection {:?}", collection.as_str())));
    }
    if !caller.rights().is_none_or(|rights| rights.may_write(&collection, &id)) {
        // Whether it exists or not.
        return Err((NackCode::Denied, format!("no right to write this document of {:?}", collection.as_str())));
    }
    let delta = Document::decode(&delta).map_err(|error| (NackCode::Invalid, error.to_string()))?;
    let action = Action::Merge { delta, removed: kind == ItemKind::Removed, base: base.0 };
    Ok(Operation { collection, id, condition: Condition::Always, action })
}

/// Of what a peer wrote itself: the same whenever it is sent again. `base` may grow meanwhile.
fn digest(push: &Push) -> [u8; 16] {
    let mut hash = Sha256::new();
    for PushOperation { collection, id, kind, delta, .. } in &push.operations {
        hash.update([*kind as u8]);
        for part in [collection.as_str().as_bytes(), id.as_json().as_bytes(), delta] {
            hash.update((part.len() as u64).to_be_bytes());
            hash.update(part);
        }
    }
    *hash.finalize().first_chunk().expect("a digest has 32 bytes")
}

/// W3C Trace Context, section 3.2: `00-<32 hex>-<16 hex>-<2 hex>`.
fn is_traceparent(text: &str) -> bool {
    let parts: Vec<_> = text.split('-').map(str::len).collect();
    let is_hex = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte) || byte == b'-';
    parts == [2, 32, 16, 2] && text.bytes().all(is_hex)
}

/// A push is refused whole: with what is wrong with some operations stands that the others fell with
/// them.
fn with_the_others(faults: Vec<Fault>, operations: usize) -> Vec<Fault> {
    let mut wrong = faults.into_iter().peekable();
    let mut all = Vec::with_capacity(operations);
    for n in 0..operations {
        let before = all.len();
        while let Some(one) = wrong.next_if(|it| it.operation <= n as u64) {
            all.push(one);
        }
        if all.len() == before {
            all.push(fault(n, NackCode::Transaction, String::new()));
        }
    }
    all
}

fn faults(reason: &PushRefusal) -> Vec<Fault> {
    let of_one = |reason: &dyn std::fmt::Display, code| vec![fault(0, code, reason.to_string())];
    match reason {
        PushRefusal::Needs { .. } => of_one(reason, NackCode::Needs),
        PushRefusal::TooManyIndexEntries { .. } => of_one(reason, NackCode::TooLarge),
        PushRefusal::Rules(Refusal::Push { faults }) => {
            faults.iter().map(|it| fault(it.operation, code(&it.reason), it.reason.to_string())).collect()
        }
        PushRefusal::Rules(
            refusal @ (Refusal::DocumentTooLarge { .. }
            | Refusal::TransactionTooLarge { .. }
            | Refusal::TooExpensive { .. }
            | Refusal::ReturnedTooMuch { .. }),
        ) => of_one(refusal, NackCode::TooLarge),
        PushRefusal::Rules(
            refusal @ (Refusal::DocumentExists { .. } | Refusal::Query { .. } | Refusal::Statement { .. }),
        ) => of_one(refusal, NackCode::Invalid),
    }
}

fn code(reason: &PushFaultReason) -> NackCode {
    match reason {
        PushFaultReason::StampAhead(_) => NackCode::Skew,
        PushFaultReason::Delta(_) | PushFaultReason::Kind { .. } => NackCode::Invalid,
        PushFaultReason::Removed { .. } => NackCode::Removed,
        PushFaultReason::TooLarge { .. } => NackCode::TooLarge,
    }
}

fn fault(operation: usize, code: NackCode, message: String) -> Fault {
    Fault { operation: operation as u64, code, message, rest: Rest::default() }
}
