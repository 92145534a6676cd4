//! Requests that are remembered ([`crate::request`]), and which go first.
//!
//! | space | key | value |
//! |---|---|---|
//! | `meta` | `request:`, caller, 0, id | what is remembered |
//! | `meta` | `request_order:`, txnId u64 BE | commit time u64 LE, then the key above: in the order in which they are forgotten |
//! | `meta` | `requests` | version 1, u64 LE: how many there are |
//!
//! They have no space of their own: the engine's recovery looks up the space of each entry of its
//! log, and takes longer the more there are.
//! Not here: what a request is.

use key_values::Batch;

use super::{
    handle::{Engine, EngineBatch},
    spaces::{EngineError, META, decode_number, encode_number},
};
use crate::{
    TxnId,
    limits::{GROUP_CHANGESETS_MAX, REQUESTS_KEPT_MAX, REQUESTS_KEPT_MS},
    request::{Remembered, RequestKey},
};

const COUNT_KEY: &[u8] = b"requests";

const BY_NAME: &[u8] = b"request:";
const BY_TRANSACTION: &[u8] = b"request_order:";

/// Requests that are forgotten at once: more than a group can bring.
const FORGOTTEN_AT_ONCE: usize = 2 * GROUP_CHANGESETS_MAX;

/// How many are remembered, and since when: so that nothing is read while none has to go.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct RequestsKept {
    count: u64,
    /// The commit time of the oldest, ms.
    oldest_ms: Option<u64>,
}

impl Engine {
    /// What is remembered of a request.
    pub(crate) fn remembered(&self, key: &RequestKey) -> Result<Option<Remembered>, EngineError> {
        let Some(value) = self.get(META, by_name(key))? else { return Ok(None) };
        let remembered = Remembered::decode(&value).ok_or_else(|| unreadable(key))?;
        Ok(Some(remembered))
    }

    /// Every request that is remembered.
    pub(crate) fn all_remembered(&self) -> impl Iterator<Item = Result<(RequestKey, Remembered), EngineError>> + use<> {
        self.prefix(META, BY_NAME).map(|entry| {
            let (key, value) = entry?;
            let key = read_name(&key).ok_or_else(|| EngineError(format!("the request {key:02x?} cannot be read")))?;
            let remembered = Remembered::decode(&value).ok_or_else(|| unreadable(&key))?;
            Ok((key, remembered))
        })
    }

    /// How many are remembered, and since when.
    pub(crate) fn requests_kept(&self) -> Result<RequestsKept, EngineError> {
        let count = self.get(META, COUNT_KEY)?;
        let count = count.map_or(Ok(0), |value| decode_number(COUNT_KEY, &value))?;
        Ok(RequestsKept { count, oldest_ms: self.oldest_request_ms()? })
    }

    fn oldest_request_ms(&self) -> Result<Option<u64>, EngineError> {
        let oldest = self.prefix(META, BY_TRANSACTION).next().transpose()?;
        oldest.map(|(key, value)| read_order(&key, &value).map(|(commit_time_ms, _)| commit_time_ms)).transpose()
    }

    /// Forgets those that are too old at `now_ms` and, the oldest first, those that are too many;
    /// gives how many went before their time.
    pub(crate) fn forget_requests(&self, kept: &mut RequestsKept, now_ms: u64) -> Result<u64, EngineError> {
        let is_old = |commit_time_ms: u64| commit_time_ms < now_ms.saturating_sub(REQUESTS_KEPT_MS);
        if kept.count <= REQUESTS_KEPT_MAX && !kept.oldest_ms.is_some_and(is_old) {
            return Ok(0);
        }
        let (mut batch, mut early) = (Batch::with_capacity(2 * FORGOTTEN_AT_ONCE), 0);
        for entry in self.prefix(META, BY_TRANSACTION).take(FORGOTTEN_AT_ONCE) {
            let (key, value) = entry?;
            let (commit_time_ms, name) = read_order(&key, &value)?;
            let is_old = is_old(commit_time_ms);
            if !is_old && kept.count <= REQUESTS_KEPT_MAX {
                break;
            }
            early += u64::from(!is_old);
            batch.remove(META, name);
            batch.remove(META, key);
            kept.count = kept.count.saturating_sub(1);
        }
        batch.insert(META, COUNT_KEY, encode_number(kept.count));
        self.write(batch)?;
        kept.oldest_ms = self.oldest_request_ms()?;
        Ok(early)
    }
}

impl EngineBatch<'_> {
    /// Remembers the requests of a group, in the order of their transactions. `kept` is how many
    /// there were.
    pub(crate) fn put_requests(&mut self, requests: &[(RequestKey, Remembered)], kept: &mut RequestsKept) {
        for (key, remembered) in requests {
            let name = by_name(key);
            let mut order = remembered.commit_time_ms.to_le_bytes().to_vec();
            order.extend_from_slice(&name);
            self.batch.insert(META, by_transaction(remembered.txn_id), order);
            self.batch.insert(META, name, remembered.encode());
            kept.oldest_ms.get_or_insert(remembered.commit_time_ms);
        }
        if !requests.is_empty() {
            kept.count += requests.len() as u64;
            self.batch.insert(META, COUNT_KEY, encode_number(kept.count));
        }
    }
}

fn by_name((caller, id): &RequestKey) -> Vec<u8> {
    let mut key = BY_NAME.to_vec();
    key.extend_from_slice(caller.as_bytes());
    key.push(0);
    key.extend_from_slice(id.as_bytes());
    key
}

fn read_name(key: &[u8]) -> Option<RequestKey> {
    let rest = key.strip_prefix(BY_NAME)?;
    let at = rest.iter().position(|&byte| byte == 0)?;
    let text = |bytes: &[u8]| std::str::from_utf8(bytes).ok().map(str::to_owned);
    Some((text(&rest[..at])?, text(&rest[at + 1..])?))
}

fn by_transaction(txn: TxnId) -> Vec<u8> {
    let mut key = BY_TRANSACTION.to_vec();
    key.extend_from_slice(&txn.0.to_be_bytes());
    key
}

/// The commit time, and the key by name.
fn read_order(key: &[u8], value: &[u8]) -> Result<(u64, Vec<u8>), EngineError> {
    let (commit_time_ms, name) =
        value.split_first_chunk::<8>().ok_or_else(|| EngineError(format!("the request {key:02x?} cannot be read")))?;
    Ok((u64::from_le_bytes(*commit_time_ms), name.to_vec()))
}

fn unreadable((caller, id): &RequestKey) -> EngineError {
    EngineError(format!("the request {id:?} of {caller:?} cannot be read"))
}
