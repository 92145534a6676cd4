//! Subscriptions: made, ended.

use sync_protocol::{Rest, SubId, Subscription};

use super::Peer;
use crate::records::StoredSubscription;
use crate::spaces::{MEMBER, numbered};
use crate::{PeerError, SubscribeError, SubscriptionRequest, limits};

impl Peer {
    /// Subscribes, for ever: it is stored. One that asks for the same is the same one.
    ///
    /// # Errors
    /// What [`SubscribeError`] names.
    pub fn subscribe(&mut self, request: SubscriptionRequest) -> Result<SubId, SubscribeError> {
        if let Some(sub) = self.subscriptions.same_as(&request) {
            return Ok(SubId(sub));
        }
        if self.subscriptions.len() >= limits::SUBSCRIPTIONS_MAX {
            return Err(SubscribeError::TooMany);
        }
        let mut work = self.work();
        work.meta.last_sub += 1;
        work.meta.last_generation += 1;
        let (sub, generation) = (work.meta.last_sub, work.meta.last_generation);
        let SubscriptionRequest { collection, language, query, args } = request;
        let (hash, page, rest) = (None, None, Rest::default());
        let subscription = Subscription { sub: SubId(sub), collection, language, query, args, hash, page, rest };
        let stored = StoredSubscription {
            subscription: subscription.clone(),
            generation,
            is_new: true,
            read_at: 0,
            refused: None,
        };
        work.put_sub(sub, stored);
        let done = work.finish()?;
        self.commit(done)?;
        self.machine.subscribe(subscription);
        Ok(SubId(sub))
    }

    /// Ends a subscription. Its documents stay until they are evicted, or a later subscription that
    /// should have them finds that the server does not.
    ///
    /// # Errors
    /// The store.
    pub fn unsubscribe(&mut self, sub: SubId) -> Result<(), PeerError> {
        if self.subscriptions.stored(sub.0).is_none() {
            return Ok(());
        }
        let mut work = self.work();
        for entry in self.store.prefix(MEMBER, &numbered(sub.0, &[])) {
            work.batch.remove(MEMBER, entry?.0);
        }
        work.remove_sub(sub.0);
        let done = work.finish()?;
        self.commit(done)?;
        self.machine.unsubscribe(sub);
        Ok(())
    }

    /// Whether everything of a subscription is here, as of the cursor. While it is not, transactions
    /// may be seen in parts.
    pub fn is_complete(&self, sub: SubId) -> bool {
        self.subscriptions.stored(sub.0).is_some_and(|it| it.is_complete(self.meta.cursor_txn()))
    }

    /// All subscriptions, with why the server does not take them, if it does not.
    pub fn subscriptions(&self) -> impl Iterator<Item = (SubId, &Subscription, Option<&str>)> {
        let stored = self.subscriptions.numbers().filter_map(|sub| Some((sub, self.subscriptions.stored(sub)?)));
        stored.map(|(sub, it)| (SubId(sub), &it.subscription, it.refused.as_deref()))
    }
}
